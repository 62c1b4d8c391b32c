"""How the parts of the local cloud are joined; `cloud.LocalCloud` is the handle on it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from local_cloud import answers, backends
from local_cloud.account import ACCOUNT
from local_cloud.alarms import Alarms
from local_cloud.answers import Answer
from local_cloud.assets import Assets
from local_cloud.children import Children
from local_cloud.clients import Clients
from local_cloud.clock import Clock
from local_cloud.cloudformation.engine import Engine, Services
from local_cloud.cloudformation.service import CloudFormation
from local_cloud.cloudformation.types import known
from local_cloud.credentials import Credentials
from local_cloud.events import EventBus
from local_cloud.faults.calls import CallFaults
from local_cloud.faults.control import PREFIX as FAULTS
from local_cloud.faults.control import Control
from local_cloud.faults.processes import ProcessFaults
from local_cloud.gateway import Gateway, Wiring
from local_cloud.iam.authority import Authority, Mode
from local_cloud.iam.documents import WITH_POLICIES, check_documents
from local_cloud.iam.evaluation import Need
from local_cloud.iam.resources import log_needs
from local_cloud.index_query import plain_read
from local_cloud.keeping import moto_state
from local_cloud.keeping.folder import StateFolder
from local_cloud.keeping.keeper import Keeper
from local_cloud.lambdas import runtime_path
from local_cloud.lambdas.environment import Machine
from local_cloud.lambdas.functions import Functions, Records
from local_cloud.lambdas.sources import PollerHost, Sources
from local_cloud.logs import Logs
from local_cloud.mailbox import Mailbox
from local_cloud.metrics import Metrics
from local_cloud.notices import Notices
from local_cloud.objects import Objects
from local_cloud.patches import Hooks, Patches, contract
from local_cloud.permissions import simulating
from local_cloud.ranged_get import RangedGet
from local_cloud.s3_events import S3Events
from local_cloud.schedules.timetable import Due, Timetable, told
from local_cloud.server import Server
from local_cloud.targets import Delivery
from local_cloud.wire import AwsError, Json, Service

LOG = logging.getLogger(__name__)
_LAMBDA = "lambda.amazonaws.com"
_SENDING = {"sqs": "sqs:SendMessage", "sns": "sns:Publish"}
_ONLY_ONE = threading.Lock()


@dataclass(frozen=True, slots=True)
class Options:
    """See `cloud.LocalCloud`."""

    port: int
    strict: bool
    retry_seconds: tuple[float, ...]
    pollers: int
    faults: ProcessFaults
    iam: Mode = Mode.RECORD
    live_schedules: bool = False
    clock: Clock = field(default_factory=Clock)
    state: StateFolder | None = None


class Machinery:
    """Everything that runs. The endpoint is bound when this is made and answers after `start`."""

    def __init__(self, root: Path, options: Options) -> None:
        if not _ONLY_ONE.acquire(blocking=False):
            raise RuntimeError("Another local cloud runs in this process; stop it first, moto's state is shared.")
        self._services: list[Service] = []
        self._keeper: Keeper | None = None
        self._live = options.live_schedules
        self._log = _log_file(root / "cloud.log")
        try:
            contract()
            self._join(root, options)
        except BaseException:
            self._release()
            raise

    def _join(self, root: Path, options: Options) -> None:
        from moto.server import DomainDispatcherApplication, create_backend_app

        moto = DomainDispatcherApplication(create_backend_app)
        runtime = runtime_path.build(root / "lambda" / "runtime")
        self.clock = options.clock
        self.authority, self.metrics = Authority(options.iam), Metrics(self.clock)
        self.credentials = Credentials(self.authority)
        self.logs = Logs(self.metrics.put)
        desk = options.faults.desk
        self.bus = EventBus(Delivery(self._invoke_async, self.metrics.put, self.authority), desk, self.clock)
        self.objects = Objects(self.bus.batch, options.faults)
        self.gateway = Gateway(Wiring(moto, ACCOUNT, self.credentials.principal, self._whole, self.authority.check))
        self._server = Server(self.gateway, options.port)
        self.gateway.faults = CallFaults(desk, self._server.restart)
        self.gateway.internal(FAULTS, Control(desk))
        self.url = self._server.url
        self.clients, self.children = Clients(self.url), Children()
        self.alarms = Alarms(self.metrics, self._notify, self.emit)
        self._notices = Notices(Mailbox(root / "mail"), self._invoke_async, self.authority)
        services = Services(self.clients.admin, self.objects.read, self._ssm_value)
        self.stacks = Engine(known(), services, strict=options.strict)
        self.assets = Assets(self.clients, self.objects)
        self._join_functions(root / "lambda", runtime, options)
        self.timetable = Timetable(self.clock, self.bus.fire_schedule, self._settle)
        self._patches = Patches(self._hooks())
        self._route(moto)
        self._keep(options.state)

    def _join_functions(self, root: Path, runtime: Path, options: Options) -> None:
        session = partial(self.credentials.session, service=_LAMBDA)
        machine = Machine(root, runtime, self.url, self.children, session, options.faults, self.clock)
        records = Records(self.log_as, self.metrics.put, self._send_to)
        self.functions = Functions(machine, records, retry_seconds=options.retry_seconds)
        self._sqs_sessions: dict[str, dict[str, str]] = {}
        self._sources = Sources(PollerHost(self._sqs_of, self.url, self.functions.invoke, options.pollers))

    def _hooks(self) -> Hooks:
        s3_events = S3Events(self.bus)
        return Hooks(
            object_event=s3_events.notify,
            completing=s3_events.completing,
            run_function=self._run_function,
            deliver_notice=self._notices.deliver,
            mapping_added=self._sources.add,
            metric_data=self._metric_data,
            gauges=self.metrics.gauges,
            alarm_changed=self.alarms.changed,
            alarm_history=self.alarms.history,
        )

    def _route(self, moto: Any) -> None:
        gateway = self.gateway
        gateway.own(CloudFormation(self.stacks, self.objects.read))
        gateway.route("s3", RangedGet(moto))
        gateway.route("lambda", self.functions.route)
        gateway.route("dynamodb", plain_read)
        gateway.answer("events", "PutEvents", self.bus.put_events)
        gateway.answer("events", "TestEventPattern", self.bus.match_pattern)
        gateway.guard("events", "PutTargets", self.bus.check_targets)
        gateway.guard("sns", "Subscribe", self._notices.check_subscription)
        gateway.answer("iam", "SimulatePrincipalPolicy", simulating(self.authority))
        for service, action in WITH_POLICIES:
            gateway.guard(service, action, check_documents)
        gateway.guard("sts", "AssumeRole", self.credentials.check_assume_role)
        gateway.internal("_local", self._local)

    def own(self, service: Service) -> None:
        """Let a service answer; it is closed at the end if it has a `close`."""
        self._services.append(service)
        self.gateway.own(service)
        self._parts.update(getattr(service, "parts", dict)())

    def start(self) -> str:
        """Begin to answer, to poll and to watch; answers when the state was kept with which it goes on, if any.

        Raises:
            StateError: There is a state that cannot be taken over.
        """
        self._patches.apply()
        restored = self._keeper.restore() if self._keeper else ""
        self._server.start()
        self.alarms.start()
        if self._live:
            self.timetable.live()
        if self._keeper:
            for mapping in moto_state.event_sources():
                self._sources.add(mapping)
            self._keeper.start()
        return restored

    def stop(self) -> None:
        """End everything, those first who ask others; what fails keeps nothing else from ending."""
        with ExitStack() as last_first:
            for step in (self._release, _forget_state, self._patches.undo, self.clients.close, self._server.stop):
                last_first.callback(step)
            for step in (
                self.children.stop,
                self.functions.stop,
                self._sources.stop,
                self.alarms.stop,
                self.timetable.stop,
            ):
                last_first.callback(step)
            for service in self._services:
                last_first.callback(getattr(service, "close", _nothing))
            if self._keeper:
                last_first.callback(self._keeper.stop)

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        """Put an event on the default bus as the AWS service `source` would."""
        self.touch()
        self.bus.emit(source, detail_type, detail, resources=resources)

    def state(self) -> Json:
        """When the state was kept, and how much has happened since."""
        return self._keeper.report() if self._keeper else {}

    def touch(self) -> None:
        """Note that something has changed, which no call has told."""
        if self._keeper:
            self._keeper.touch()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What moto does for one call: nobody hears of it, and no state is kept, before it is done."""
        with self._keeper.gate.call() if self._keeper else nullcontext(), self.bus.batch():
            yield

    def _keep(self, folder: StateFolder | None) -> None:
        """Make the keeper; services bring their parts when they come."""
        self._parts: dict[str, object] = {
            "clock": self.clock,
            "metrics": self.metrics,
            "alarms": self.alarms,
            "stacks": self.stacks,
            "timetable": self.timetable,
            "functions": self.functions,
        }
        if folder:
            self._keeper = Keeper(folder, self.url, parts=self._parts, busy=lambda: self.stacks.busy)
            self.gateway.observers.append(self._keeper.called)

    def log_as(self, role: str, group: str, stream: str, lines: Sequence[str]) -> None:
        """Write log lines in the name of a role, if it may; like AWS, tell nobody if not."""
        try:
            if role:
                self.authority.require(role, *log_needs(group, stream))
        except AwsError as error:
            LOG.warning("log lines of %s are lost: %s", group, error.message)
        else:
            self.touch()
            self.logs.put(group, stream, lines)

    def _release(self) -> None:
        logging.getLogger("local_cloud").removeHandler(self._log)
        self._log.close()
        _ONLY_ONE.release()
        if self._keeper:
            self._keeper.release()

    def _invoke_async(self, arn: str, payload: bytes) -> None:
        self.functions.invoke_async(arn, payload)

    def _run_function(self, record: Any, payload: bytes) -> tuple[bytes, bool, str]:
        result = self.functions.invoke(record.function_arn, payload)
        return result.body, result.failed, "\n".join(result.log)

    def _notify(self, alarm: str, topic: str, subject: str, message: str) -> None:
        self.authority.require_service("cloudwatch.amazonaws.com", alarm, Need("sns:Publish", topic))
        backends.sns().publish(message, topic, subject=subject)

    def _send_to(self, role: str, arn: str, message: str) -> None:
        """Deliver to a function's failure destination, as the function's role."""
        try:
            self.authority.require(role, Need(_SENDING.get(arn.split(":")[2], "sqs:SendMessage"), arn))
            _send(arn, message)
        except AwsError as error:
            LOG.warning("a failed event does not reach %s: %s", arn, error.message)

    def advance(self, seconds: float) -> list[Due]:
        """Move the clock; what is due on the way fires, and alarms are looked at when it has arrived."""
        self.alarms.held = True
        self.touch()
        try:
            fired = self.timetable.advance(seconds)
        finally:
            self.alarms.held = False
        self.alarms.look()
        return fired

    def _settle(self) -> None:
        """Let what a schedule has started come to its end, then look at the alarms as they would have then."""
        self.functions.drain()
        if self.alarms.held:
            self.alarms.look()

    def _metric_data(self, namespace: str, data: Any) -> None:
        self.metrics.record(namespace, data)
        self.alarms.look_for(namespace, {datum["MetricName"] for datum in data})

    def _sqs_of(self, role_arn: str) -> Any:
        if role_arn not in self._sqs_sessions:
            self._sqs_sessions[role_arn] = self.credentials.session(role_arn, "event-source-mapping", service=_LAMBDA)
        return self.clients.of("sqs", self._sqs_sessions[role_arn])

    def _ssm_value(self, name: str) -> str:
        return str(self.clients.admin("ssm").get_parameter(Name=name)["Parameter"]["Value"])

    def _local(self, environ: dict[str, Any]) -> Answer:
        """`ready`, `iam`, `state`, `clock`, `clock/advance/SECONDS` and `schedules/NAME/fire` below `/_local/`."""
        parts = environ["PATH_INFO"].strip("/").split("/")[1:]
        try:
            match parts:
                case ["ready"]:
                    return answers.text(200, b'{"ready": true}', "application/json")
                case ["iam"]:
                    return _document(self.authority.report())
                case ["state"]:
                    return _document(self.state())
                case ["clock"]:
                    return _document(told(self.clock, []))
                case ["clock", "advance", seconds]:
                    return _document(told(self.clock, self.advance(float(seconds))))
                case ["schedules", name, "fire"]:
                    self.bus.fire_schedule(name)
                    return answers.text(202, b"{}", "application/json")
        except AwsError as error:
            document = json.dumps({"code": error.code, "message": error.message}).encode()
            return answers.text(error.status, document, "application/json")
        return answers.text(404, b"{}", "application/json")


def _document(found: Json) -> Answer:
    return answers.text(200, json.dumps(found).encode(), "application/json")


def _nothing() -> None:
    """Close a service that has nothing to close."""


def _send(arn: str, message: str) -> None:
    if arn.split(":")[2] == "sqs":
        backends.sqs().send_message(arn.rsplit(":", 1)[-1], message)
    elif arn.split(":")[2] == "sns":
        backends.sns().publish(message, arn)
    else:
        LOG.error("failure destinations of the kind %s are not simulated", arn)


def _forget_state() -> None:
    from moto.core.base_backend import BackendDict
    from moto.core.model_instances import reset_model_data

    BackendDict.reset()
    reset_model_data()


def _log_file(path: Path) -> logging.Handler:
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(threadName)s: %(message)s"))
    logger = logging.getLogger("local_cloud")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    return handler
