"""The local cloud itself: starts everything, deploys templates, and is the host of its services."""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local_cloud import backends, machinery
from local_cloud.account import ACCOUNT, REGION
from local_cloud.clock import Clock
from local_cloud.cloudformation.engine import Order
from local_cloud.cloudformation.stacks import Stack
from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.processes import ProcessFaults
from local_cloud.host import Host, ObjectStore
from local_cloud.iam.authority import Mode
from local_cloud.iam.views import RoleObjects
from local_cloud.keeping.folder import StateFolder
from local_cloud.limits import raise_file_limit
from local_cloud.machinery import Machinery
from local_cloud.redshift.pgwire.certificate import authority
from local_cloud.schedules.timetable import Due
from local_cloud.wire import AwsError, Call, Json, Service

LOG = logging.getLogger(__name__)
Maker = Callable[[Host], Service]


class DeploymentError(Exception):
    """A stack could not be brought to its template; the message names the resource and the reason."""


def default_services(faults: ProcessFaults, clock: Clock | None = None) -> list[Maker]:
    """SageMaker, all of Redshift, and quotas; imported only when a cloud starts."""
    from local_cloud.quotas import Quotas
    from local_cloud.redshift.account import RedshiftAccount
    from local_cloud.redshift.runner import injected
    from local_cloud.sagemaker.options import Options
    from local_cloud.sagemaker.service import SageMaker

    redshift = RedshiftAccount(injected(faults))
    return [
        lambda host: SageMaker(host, Options(faults=faults, now=(clock or Clock()).now)),
        redshift.data_api,
        redshift.serverless,
        redshift.clusters,
        Quotas,
    ]


class LocalCloud:
    """One embedded AWS account at `url`. At most one per process, since moto's state is the process's.

    Args:
        root: Folder for job folders, databases, mail and the log; a temporary one, removed at the end, by default.
        port: 0 picks a free port.
        services: What answers for SageMaker and Redshift; tests bring small ones.
        strict: Whether a template's property that is not carried out fails its deployment.
        retry_seconds: Pauses before the two repeats of a failing asynchronous invocation.
        pollers: Parallel batches per SQS event source.
        iam: Whether denials are only listed (`record`) or carried out (`enforce`).
        live_schedules: Whether schedules also fire as time goes by; otherwise only when `advance` moves the clock.
        faults: What shall go wrong; services of your own must be made with the same.
        keep: Whether the state survives in `root`: what was there is brought back, what happens is kept.
    """

    objects: ObjectStore  #: S3 without HTTP; there from `start` on

    def __init__(
        self,
        root: Path | None = None,
        *,
        port: int = 0,
        services: Sequence[Maker] | None = None,
        strict: bool = True,
        retry_seconds: Sequence[float] = (1.0, 2.0),
        pollers: int = 1,
        iam: Mode = Mode.RECORD,
        live_schedules: bool = False,
        faults: ProcessFaults | None = None,
        keep: bool = False,
    ) -> None:
        self._temporary = root is None
        self.root = (root or Path(tempfile.mkdtemp(prefix="local-cloud-"))).resolve()
        self.account, self.region, self.url = ACCOUNT, REGION, ""
        self._makers = services
        self._options = machinery.Options(
            port, strict, tuple(retry_seconds), pollers, faults or ProcessFaults(), iam, live_schedules
        )
        self._keep = keep
        self.restored = ""  #: when the state was kept with which this cloud goes on; empty if it began anew
        self._machinery: Machinery | None = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def start(self) -> None:
        """Bring everything up; afterwards `url` answers.

        Raises:
            RuntimeError: Another cloud runs in this process, or moto is not the pinned one.
            OSError: The port is taken.
            StateError: A kept state cannot be taken over; the message says why.
        """
        raise_file_limit()
        self.root.mkdir(parents=True, exist_ok=True)
        state = StateFolder(self.root / "state") if self._keep else None
        try:
            self._machinery = Machinery(self.root, replace(self._options, state=state))
        except BaseException:
            if state:
                state.release()
            raise
        self.url, self.objects = self._machinery.url, self._machinery.objects
        try:
            makers = (
                default_services(self._options.faults, self._options.clock) if self._makers is None else self._makers
            )
            for make in makers:
                self._machinery.own(make(self))
            self.restored = self._machinery.start()
        except BaseException:
            self.stop()
            raise
        LOG.info("the local cloud answers at %s", self.url)

    def stop(self) -> None:
        """Take everything down, end all child processes and forget all state but the files of a given root."""
        if self._machinery is not None:
            self._machinery.stop()
            self._machinery = None
        if self._temporary:
            shutil.rmtree(self.root, ignore_errors=True)

    @property
    def _running(self) -> Machinery:
        if self._machinery is None:
            raise RuntimeError("The local cloud is not running; call start() or use it as a context manager.")
        return self._machinery

    # -- for whoever starts it --------------------------------------------------------------------

    @property
    def mail(self) -> Path:
        """Folder of the mails that SNS has sent, one text file each."""
        return self.root / "mail"

    def client(self, service: str) -> Any:
        """A boto3 client with the administrator's key."""
        return self._running.clients.admin(service)

    def deploy(
        self,
        template: Path,
        name: str | None = None,
        assets: Mapping[str, Path] | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> Stack:
        """Create or update a stack from a template file; `name` defaults to the file's up to `.template`.

        Assets (key to file) are put into the CDK asset bucket that the template names, if it names one.

        Raises:
            DeploymentError: With the resource that failed and why.
        """
        text = template.read_text()
        order = Order(name or template.name.split(".")[0], text, parameters or {})
        engine = self._running.stacks
        try:
            self._running.assets.publish(text, assets or {})
            stack = engine.update(order) if engine.exists(order.name) else engine.create(order)
        except AwsError as error:
            if error.message == "No updates are to be performed.":
                return engine.find(order.name)
            raise DeploymentError(f"The stack {order.name} ({template}) is refused: {error.message}") from error
        if stack.status not in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}:
            raise DeploymentError(f"The stack {order.name} ({template}) is in {stack.status}: {stack.reason}")
        return stack

    def delete(self, name: str) -> None:
        """Delete a stack.

        Raises:
            DeploymentError: A resource resists, e.g. a bucket that is not empty.
        """
        engine = self._running.stacks
        if not engine.exists(name):
            return
        stack = engine.find(name)
        engine.delete(name)
        if stack.status != "DELETE_COMPLETE":
            raise DeploymentError(f"The stack {name} is in {stack.status}: {stack.reason}")

    @property
    def faults(self) -> FaultDesk:
        """Where faults are injected, and what struck is written down."""
        return self._options.faults.desk

    def advance(self, seconds: float) -> list[Due]:
        """Move the clock forward; schedules that are due on the way fire, in order (see `Timetable.advance`)."""
        return self._running.advance(seconds)

    def state(self) -> Json:
        """When the state was kept (`saved`), and how much has happened since (`unsaved`); empty without `keep`."""
        return self._running.state()

    def fire_schedule(self, name: str) -> None:
        """Run the targets of a scheduled rule or schedule now, whenever it is due.

        Raises:
            AwsError: There is no such schedule, or it is disabled.
        """
        self._running.bus.fire_schedule(name)

    def observe(self, observer: Callable[[Any, int], None]) -> None:
        """Call `observer(call, status)` after every request: principal, service and action are in `call`."""
        self._running.gateway.observers.append(observer)

    def iam_report(self) -> Json:
        """Denied, used and unused permissions of the roles since the start (see `iam.authority.Authority.report`)."""
        return self._running.authority.report()

    # -- for its services (`Host`) ----------------------------------------------------------------

    def objects_as(self, role_arn: str, *, service: str) -> ObjectStore:
        """S3 with the permissions of a role, which `service` takes on.

        Raises:
            AwsError: AccessDenied, as the role does not trust the service (where that is enforced).
        """
        self._running.authority.require_trust(role_arn, service=service)
        return RoleObjects(self.objects, self._running.authority, role_arn)

    def permit(self, call: Call, request: Json) -> None:
        """Judge an operation that a service calls in the name of a role.

        Raises:
            AwsError: AccessDenied, where permissions are enforced.
        """
        self._running.authority.check_operation(call, request)

    def emit(self, source: str, detail_type: str, detail: Mapping[str, Any], *, resources: Sequence[str] = ()) -> None:
        """Put an event on the default bus as the AWS service `source` would."""
        self._running.emit(source, detail_type, detail, resources=resources)

    def credentials(self, role_arn: str, session: str) -> dict[str, str]:
        """Environment variables of a fresh session of the role, and the certificate of the warehouse to trust.

        Raises:
            AwsError: AccessDenied, as there is no such role.
        """
        found = self._running.credentials.session(role_arn, session, service="sagemaker.amazonaws.com")
        certificate = authority(self.root)
        return {**found, "SSL_CERT_FILE": str(certificate)} if certificate.exists() else found

    def invoke(self, function: str, payload: bytes) -> tuple[bytes, bool]:
        """Run a Lambda function by ARN or name and wait: the answer and whether it is a function error."""
        result = self._running.functions.invoke(function, payload)
        return result.body, result.failed

    @property
    def functions_busy(self) -> bool:
        """Whether a function runs, or an asynchronous event waits for its next attempt."""
        return self._running.functions.busy

    def send_message(self, queue_url: str, body: str) -> None:
        """Put a message on an SQS queue.

        Raises:
            AwsError: There is no such queue.
        """
        name = queue_url.rsplit("/", 1)[-1]
        if name not in backends.sqs().queues:
            raise AwsError("AWS.SimpleQueueService.NonExistentQueue", f"The queue {queue_url} does not exist.")
        backends.sqs().send_message(name, body)

    def put_log(self, group: str, stream: str, lines: Sequence[str], *, role: str) -> None:
        """Append lines to a CloudWatch Logs stream, creating group and stream, as a role; lost where that may not."""
        self._running.log_as(role, group, stream, lines)

    def put_metric(self, namespace: str, name: str, value: float, dimensions: Mapping[str, str]) -> None:
        """Record one CloudWatch data point now."""
        self._running.metrics.put(namespace, name, value, dimensions)
