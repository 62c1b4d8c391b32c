"""Lambda's invocations: synchronous, asynchronous with retries, and what they leave in logs and metrics."""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from local_cloud import answers, backends
from local_cloud.answers import Answer
from local_cloud.inbound import Inbound
from local_cloud.lambdas.environment import Environment, Function, Machine, Result
from local_cloud.lambdas.warm_runtime import warm_runtime
from local_cloud.wire import AwsError, Call, NotSimulatedError

LOG = logging.getLogger(__name__)
_INVOKE = re.compile(r"^/2015-03-31/functions/(?P<name>[^/]+)/invocations/?$")
_TAIL_BYTES = 4096
_RETRIES = 2
_AT_ONCE = 4  # asynchronous events of a function; a burst waits rather than starting a process for each of them
_FEIGNED = {"Layers", "VpcConfig", "FileSystemConfigs", "ImageConfig", "DeadLetterConfig", "FilterCriteria"}


@dataclass(frozen=True, slots=True)
class Records:
    """Where invocations leave their traces."""

    log: Callable[[str, str, str, Sequence[str]], None]  # role, group, stream, lines
    metric: Callable[[str, str, float, Mapping[str, str]], None]
    destination: Callable[[str, str, str], None]  # role, ARN of a queue or topic, message


class Functions:
    """Runs the functions that moto stores. `retry_seconds` are the pauses before the two repeats of an async event."""

    KEPT = ("_events",)

    def __init__(self, machine: Machine, records: Records, *, retry_seconds: Sequence[float] = (1.0, 2.0)) -> None:
        self._machine, self._records = machine, records
        self._warm = warm_runtime(machine.runtime)
        self._retry_seconds = retry_seconds
        self._idle: dict[str, list[Environment]] = {}
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._turns: dict[str, threading.Semaphore] = {}
        self._quiet = threading.Condition()
        self._invoked = 0  # under way, whoever waits for them
        self._events: dict[str, tuple[str, bytes]] = {}  # asynchronous ones under way, by request id

    def stop(self) -> None:
        """End all environments; running invocations fail."""
        self._stopping.set()
        with self._lock:
            idle = [environment for pool in self._idle.values() for environment in pool]
            self._idle.clear()
        for environment in idle:
            environment.close()
        if self._warm:
            self._warm.stop()

    @property
    def busy(self) -> bool:
        """Whether a function runs, or an asynchronous event waits for its next attempt."""
        return bool(self._invoked or self._events)

    def invoke(self, name: str, payload: bytes, request_id: str = "") -> Result:
        """Run a function by name or ARN and wait for it; `request_id` is that of the attempt that is repeated.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        with self._environment(find(name)) as environment:
            result = environment.invoke(payload, request_id or str(uuid.uuid4()))
        self._trace(environment, result)
        return result

    def invoke_async(self, name: str, payload: bytes) -> None:
        """Start a function; a failing event is repeated twice, then sent to the function's failure destination."""
        record = find(name)
        request_id = str(uuid.uuid4())  # the same for every attempt, as in AWS: functions recognise a repetition by it
        with self._quiet:
            self._events[request_id] = record.function_arn, payload
        self._begin(request_id)

    def after_restart(self) -> None:
        """Begin anew with the asynchronous events that were under way when the state was kept."""
        for request_id in list(self._events):
            self._begin(request_id)

    def drain(self, timeout: float = 60.0) -> bool:
        """Wait until every asynchronous event has been dealt with; answers whether that came about in time."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._events, timeout)

    def route(self, call: Call, request: Inbound) -> Answer | None:
        """Answer Invoke requests of the REST API."""
        matched = _INVOKE.match(request.path)
        if matched is None:
            _refuse_feigned(call, request)
            if self._warm and call.action == "CreateFunction":
                self._warm.start()  # until the function is asked for, everything is imported
            return None
        name, kind = unquote(matched["name"]), request.header("X-Amz-Invocation-Type") or "RequestResponse"
        payload = request.body or b"{}"
        if kind == "Event":
            self.invoke_async(name, payload)
            return answers.text(202, b"", "application/json")
        if kind == "DryRun":
            find(name)
            return answers.text(204, b"", "application/json")
        return _invoked(self.invoke(name, payload), tail=request.header("X-Amz-Log-Type") == "Tail")

    @contextmanager
    def _environment(self, record: Any) -> Iterator[Environment]:
        with self._lock:
            self._invoked += 1
        try:
            environment = self._take(record)
            try:
                yield environment
            finally:
                self._give_back(environment)
        finally:
            with self._lock:
                self._invoked -= 1

    def _take(self, record: Any) -> Environment:
        function = Function.of(record, ahead=self._machine.clock.ahead)
        if self._stopping.is_set():
            raise AwsError("ServiceException", f"The local cloud is stopping; {function.name} is not run.", 503)
        with self._lock:
            pool = self._idle.get(function.arn, [])
            outdated = [
                environment for environment in pool if environment.function != function or not environment.alive
            ]
            usable = [environment for environment in pool if environment not in outdated]
            chosen = usable.pop() if usable else None
            self._idle[function.arn] = usable
        for environment in outdated:
            environment.close()
        return chosen or Environment(function, record.code_bytes, self._machine, self._warm)

    def _give_back(self, environment: Environment) -> None:
        with self._lock:
            if environment.alive and not self._stopping.is_set():
                self._idle.setdefault(environment.function.arn, []).append(environment)
                return
        environment.close()

    def _trace(self, environment: Environment, result: Result) -> None:
        function, milliseconds = environment.function, result.seconds * 1000
        frame = [
            f"START RequestId: {result.request_id} Version: $LATEST",
            *result.log,
            f"END RequestId: {result.request_id}",
        ]
        report = (
            f"REPORT RequestId: {result.request_id}\tDuration: {milliseconds:.2f} ms\tMemory Size: {function.memory} MB"
        )
        self._records.log(function.role, function.log_group, environment.stream, [*frame, report])
        for name, value in (("Invocations", 1.0), ("Errors", float(result.failed)), ("Duration", milliseconds)):
            self._records.metric("AWS/Lambda", name, value, {"FunctionName": function.name})

    def _begin(self, request_id: str) -> None:
        name = f"async-{self._events[request_id][0].rpartition(':')[2]}"
        threading.Thread(target=self._run_async, args=(request_id,), name=name, daemon=True).start()

    def _run_async(self, request_id: str) -> None:
        arn, payload = self._events[request_id]
        try:
            self._repeat(arn, payload, request_id)
        except AwsError as error:  # the function was deleted meanwhile
            LOG.warning("an asynchronous event of %s is lost: %s", arn, error)
        finally:
            with self._quiet:
                del self._events[request_id]
                self._quiet.notify_all()

    def _repeat(self, arn: str, payload: bytes, request_id: str) -> None:
        config = _async_config(arn)
        attempts = 1 + int(config.get("MaximumRetryAttempts", _RETRIES))
        pauses = [*self._retry_seconds, *[0.0] * attempts]
        for attempt in range(1, attempts + 1):
            with self._turns.setdefault(arn, threading.Semaphore(_AT_ONCE)):
                result = self.invoke(arn, payload, request_id)
            if not result.failed:
                return
            if attempt < attempts and self._stopping.wait(pauses[attempt - 1]):
                return
        LOG.warning("%s failed %d times on an asynchronous event", arn, attempts)
        target = config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        if target:
            self._records.destination(find(arn).role, target, _failure_record(arn, payload, result, attempts))


def find(name: str) -> Any:
    """Look up moto's record of a function by name or ARN.

    Raises:
        AwsError: There is none, or it is of a kind that cannot run here.
    """
    from moto.awslambda.exceptions import UnknownFunctionException

    try:
        record = backends.functions().get_function(name)
    except UnknownFunctionException as error:
        raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    if record.package_type != "Zip" or not str(record.run_time).startswith("python"):
        raise NotSimulatedError(
            f"Lambda functions other than zipped Python ({record.function_name}: {record.run_time})"
        )
    return record


def _refuse_feigned(call: Call, request: Inbound) -> None:
    """Refuse what moto would store and nobody would carry out."""
    if "/layers" in request.path:
        raise NotSimulatedError(f"Lambda layers ({call.action})")
    wanted = request.parameters() if request.method in {"POST", "PUT"} else {}
    feigned = sorted(_FEIGNED & {name for name, value in wanted.items() if value})
    if feigned:
        raise NotSimulatedError(f"the settings {feigned} of Lambda ({call.action})")
    if request.method == "POST" and "/event-source-mappings" in request.path:
        source = str(wanted.get("EventSourceArn", ""))
        if source.split(":")[2:3] != ["sqs"]:
            raise NotSimulatedError(f"Lambda event sources other than SQS ({source})")


def _invoked(result: Result, *, tail: bool) -> Answer:
    headers = {"X_Amz_Executed_Version": "$LATEST"}
    if result.failed:
        headers["X_Amz_Function_Error"] = "Unhandled"
    if tail:
        headers["X_Amz_Log_Result"] = base64.b64encode("\n".join(result.log).encode()[-_TAIL_BYTES:]).decode()
    return answers.text(200, result.body, "application/json", **headers)


def _async_config(arn: str) -> dict[str, Any]:
    configs = find(arn).event_invoke_config
    return dict(configs[-1].config) if configs else {}


def _failure_record(arn: str, payload: bytes, result: Result, attempts: int) -> str:
    document = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "requestContext": {
            "requestId": result.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(payload),
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": json.loads(result.body),
    }
    return json.dumps(document)
