"""One endpoint for every service: ours are answered here from the wire protocol, the rest falls through to moto."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from local_cloud import answers
from local_cloud.answers import Answer
from local_cloud.faults.calls import CallFaults, HangUpError
from local_cloud.inbound import Inbound, parse
from local_cloud.server import WsgiApp
from local_cloud.wire import AwsError, Call, Json, NotSimulatedError, Operation, Service

LOG = logging.getLogger(__name__)

#: Signing names that moto may answer: it keeps real state for them; what it only pretends is refused or replaced.
PASSED = frozenset(
    {"s3", "sqs", "sns", "events", "lambda", "iam", "sts", "logs", "monitoring", "dynamodb", "ssm", "secretsmanager"}
    | {"kms", "scheduler", "tagging", "ecr"}
)

#: moto checks a condition and writes in two steps; DynamoDB promises that nobody comes between.
ATOMIC = frozenset({"dynamodb"})

Guard = Callable[[Call, Json], None]
Observer = Callable[[Call, int], None]
Internal = Callable[[dict[str, Any]], Answer]


class Route(Protocol):
    """A REST operation answered here; `None` lets moto answer."""

    def __call__(self, call: Call, request: Inbound) -> Answer | None:
        """Answer the request or decline."""
        ...


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the gateway asks around a request: who is calling, where moto is, and what to wrap moto's work in."""

    moto: WsgiApp
    account: str
    principal: Callable[[str], str]  # ARN of an access key's owner
    during_moto: Callable[[], AbstractContextManager[None]]
    authorize: Callable[[Call, Inbound], None]  # raises AwsError where the caller may not


class Gateway:
    """The WSGI application. `observers` see every call with its HTTP status, after it was answered."""

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._services: dict[str, dict[str, Operation]] = {}
        self._operations: dict[tuple[str, str], Operation] = {}
        self._guards: dict[tuple[str, str], Guard] = {}
        self._routes: dict[str, Route] = {}
        self._internal: dict[str, Internal] = {}
        self._alone = threading.Lock()
        self.observers: list[Observer] = []
        self.faults: CallFaults | None = None

    def own(self, service: Service) -> None:
        """Answer a whole service here; operations it lacks are refused."""
        self._services[service.signing_name] = dict(service.operations())

    def answer(self, service: str, action: str, operation: Operation) -> None:
        """Answer a single operation of a service that moto keeps."""
        self._operations[service, action] = operation

    def guard(self, service: str, action: str, check: Guard) -> None:
        """Let `check` raise before moto sees an operation (JSON and query protocols)."""
        self._guards[service, action] = check

    def route(self, service: str, route: Route) -> None:
        """Offer the requests of a REST service to `route` first."""
        self._routes[service] = route

    def internal(self, prefix: str, handler: Internal) -> None:
        """Serve paths below `/prefix/` that are no AWS API."""
        self._internal[prefix] = handler

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        handler = self._internal.get(environ.get("PATH_INFO", "").split("/", 2)[1])
        answer = handler(environ) if handler else self._handle(parse(environ))
        start_response(answer.status_line, answer.headers)
        return answer.body

    def _handle(self, request: Inbound) -> Answer:
        principal = self._wiring.principal(request.access_key)
        call = Call(request.service, request.action, self._wiring.account, request.region, principal)
        try:
            if self.faults:
                self.faults.before(call, request)
            self._wiring.authorize(call, request)
            answer = self._answer(call, request)
        except HangUpError:  # on purpose: the server ends the connection
            raise
        except AwsError as error:
            answer = answers.failure(request, error)
        except NotImplementedError as error:
            LOG.info("moto lacks %s: %s", call, error)
            answer = answers.failure(request, NotSimulatedError(f"{call.service}:{call.action}"))
        except Exception as error:  # the boundary: a client must get an answer, the log gets the cause
            LOG.exception("%s:%s failed", call.service, call.action)
            answer = answers.failure(request, AwsError("InternalFailure", f"{type(error).__name__}: {error}", 500))
        for observe in self.observers:
            observe(call, answer.status)
        if self.faults:
            self.faults.after(call, request)
        return answer

    def _answer(self, call: Call, request: Inbound) -> Answer:
        operation = self._operation(call)
        if operation is not None:
            return answers.success(request, operation(call, request.parameters()))
        if call.service not in PASSED:
            raise NotSimulatedError(f"the service {call.service!r} ({call.action})")
        with self._alone if call.service in ATOMIC else nullcontext():
            return self._passed(call, request)

    def _passed(self, call: Call, request: Inbound) -> Answer:
        """Answer from a route, or let moto do it."""
        route = self._routes.get(call.service)
        routed = route(call, request) if route else None
        if routed is not None:
            return routed
        check = self._guards.get((call.service, call.action))
        if check is not None:
            check(call, request.parameters())
        return self._moto(request)

    def _operation(self, call: Call) -> Operation | None:
        owned = self._services.get(call.service)
        if owned is None:
            return self._operations.get((call.service, call.action))
        if call.action not in owned:
            raise NotSimulatedError(f"{call.service}:{call.action}")
        return owned[call.action]

    def _moto(self, request: Inbound) -> Answer:
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _info: Any = None) -> None:
            said.append((status, headers))

        with self._wiring.during_moto():
            body = self._wiring.moto(request.environ, start)
        status, headers = said[-1]
        return Answer(int(status.split(" ", 1)[0]), body, headers)
