"""The jobs of the account: created, queued for a free worker, run, described, listed and stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from local_cloud.host import Host
from local_cloud.sagemaker.errors import RESTARTED, JobFailedError, JobStoppedError, invalid
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.job import Job, JobKind
from local_cloud.sagemaker.launcher import Launcher
from local_cloud.sagemaker.names import Arns
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.tags import Tags
from local_cloud.sagemaker.validation import described
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import AwsError, Call, Json, Operation


def _no_role(_request: Json) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class JobType:
    """What differs between the kinds.

    `check` refuses a request, `run` fulfils the container contract, `role` finds the role of one that names none.
    """

    check: Callable[[Json], None]
    run: Callable[[Job, Workspace], None]
    role: Callable[[Json], str] = _no_role


@dataclass(frozen=True, slots=True)
class _Fault:
    """A failure to report instead of running a job whose name holds `name_contains`."""

    name_contains: str
    reason: str


class Jobs:
    """Create, Describe, List and Stop of the three kinds of jobs; `max_parallel_jobs` run at a time, others wait."""

    KEPT = ("_jobs",)

    def __init__(
        self,
        host: Host,
        options: Options,
        *,
        events: Events,
        tags: Tags,
        launcher: Launcher,
        types: Mapping[JobKind, JobType],
    ) -> None:
        self._arns = Arns(host.account, host.region)
        self._folder = host.root / "sagemaker" / "jobs"
        self._options = options
        self._events = events
        self._tags = tags
        self._launcher = launcher
        self._types = types
        self._jobs: dict[tuple[JobKind, str], Job] = {}
        self._faults: list[_Fault] = []
        self._closing = False
        self._lock = threading.Lock()
        self._workers = ThreadPoolExecutor(options.max_parallel_jobs, thread_name_prefix="sagemaker-job")

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {name: operation for kind in JobKind for name, operation in self._of(kind).items()}

    def _of(self, kind: JobKind) -> dict[str, Operation]:
        return {
            f"Create{kind}Job": partial(self._create_job, kind),
            f"Describe{kind}Job": partial(self._describe_job, kind),
            f"List{kind}Jobs": partial(self._list_jobs, kind),
            f"Stop{kind}Job": partial(self._stop_job, kind),
        }

    def create(self, kind: JobKind, request: Json) -> Job:
        """Accept a job and queue it; raises `ResourceInUse` for a name that was used before."""
        self._types[kind].check(request)
        with self._lock:
            if self._closing:
                raise AwsError("ServiceUnavailable", "The local cloud is shutting down.", 503)
            name = request[kind.field("Name")]
            if (kind, name) in self._jobs:
                raise AwsError("ResourceInUse", f"Job name must be unique within an AWS account and region: {name}")
            job = Job(kind, self._record(kind, name, request), self._events.job)
            self._jobs[kind, name] = job
        self._tags.put(job.arn, request.get("Tags", []))
        self._workers.submit(self._run, job).add_done_callback(partial(self._closed, job))
        return job

    def get(self, kind: JobKind, name: str) -> Job:
        """Find a job; raises the service's error when there is none."""
        with self._lock:
            job = self._jobs.get((kind, name))
        if job is None:
            raise invalid(f"Could not find requested job with name: {name}")
        return job

    def workspace(self, job: Job) -> Workspace:
        """The folder of a job; it is there once the job has begun."""
        return Workspace(self._folder / job.kind.lower() / job.name)

    def fail_next(self, name_contains: str, reason: str) -> None:
        """Let the next job whose name holds a text fail with `reason` instead of running, e.g. for lack of capacity."""
        with self._lock:
            self._faults.append(_Fault(name_contains, reason))

    def after_restart(self) -> None:
        """End the jobs that ran when the state was kept."""
        for job in self._jobs.values():
            job.finish("Failed", self._options.now(), reason=RESTARTED)

    def close(self) -> None:
        """Kill what runs, drop what waits, and end the workers."""
        with self._lock:
            self._closing = True
            jobs = list(self._jobs.values())
        for job in jobs:
            job.kill(self._options.now())
        self._workers.shutdown()

    def _record(self, kind: JobKind, name: str, request: Json) -> Json:
        now = self._options.now()
        state = {
            kind.field("Name"): name,
            kind.field("Arn"): self._arns.of(kind.resource, name),
            kind.field("Status"): "InProgress",
            "CreationTime": now,
            "LastModifiedTime": now,
        }
        return {**request, **state, **(_TRAINING_START if kind is JobKind.TRAINING else {})}

    # --- running ----------------------------------------------------------------------------------------------------

    def _run(self, job: Job) -> None:
        try:
            job.begin(self._options.now())
            self._take_fault(job)
            self._run_in_workspace(job)
        except JobStoppedError as stopped:
            job.finish("Stopped", self._options.now(), secondary=stopped.secondary)
        except JobFailedError as failed:
            job.finish("Failed", self._options.now(), reason=str(failed))
        except AwsError as refused:
            job.finish("Failed", self._options.now(), reason=f"ClientError: {refused.code}: {refused.message}")
        else:
            job.finish("Completed", self._options.now())

    def _run_in_workspace(self, job: Job) -> None:
        workspace = Workspace.create(self.workspace(job).folder)
        try:
            self._types[job.kind].run(job, workspace)
        finally:
            self._launcher.ship_log(job, workspace, self._role(job))
        workspace.discard_files()  # those of a job that failed stay, for whoever looks into it

    def _role(self, job: Job) -> str:
        """Who writes a job's log: its role, or that of the model of a transform."""
        request = job.describe()
        return str(request["RoleArn"]) if "RoleArn" in request else self._types[job.kind].role(request)

    def _take_fault(self, job: Job) -> None:
        with self._lock:
            fault = next((fault for fault in self._faults if fault.name_contains in job.name), None)
            if fault is not None:
                self._faults.remove(fault)
        if fault is not None:
            raise JobFailedError(fault.reason)
        reason = self._options.faults.job_reason(job.kind, job.name)
        if reason:
            raise JobFailedError(reason)

    def _closed(self, job: Job, work: Future[None]) -> None:
        """Give a job whose worker broke an end, so that nobody waits for it for ever."""
        problem = work.exception()
        if problem is not None:
            reason = f"InternalServerError: the local cloud broke while running the job: {problem!r}"
            job.finish("Failed", self._options.now(), reason=reason)

    # --- operations -------------------------------------------------------------------------------------------------

    def _create_job(self, kind: JobKind, _call: Call, request: Json) -> Json:
        return {kind.field("Arn"): self.create(kind, request).arn}

    def _describe_job(self, kind: JobKind, _call: Call, request: Json) -> Json:
        record = self.get(kind, request[kind.field("Name")]).describe()
        return described(f"Describe{kind}Job", record)

    def _stop_job(self, kind: JobKind, _call: Call, request: Json) -> Json:
        self.get(kind, request[kind.field("Name")]).request_stop(self._options.now())
        return {}

    def _list_jobs(self, kind: JobKind, _call: Call, request: Json) -> Json:
        with self._lock:
            records = [job.describe() for key, job in self._jobs.items() if key[0] is kind]
        found = within(_matching(kind, records, request), request, "CreationTime")
        found = within(found, request, "LastModifiedTime")
        keys = {"CreationTime": "CreationTime", "Name": kind.field("Name"), "Status": kind.field("Status")}
        order = "Descending" if kind is JobKind.TRANSFORM else "Ascending"
        summaries = [_summary(kind, record) for record in ordered(found, request, keys, order=order)]
        return page(summaries, request, f"{kind}JobSummaries")


_TRAINING_START: dict[str, Any] = {"SecondaryStatus": "Starting", "ModelArtifacts": {"S3ModelArtifacts": ""}}


def _matching(kind: JobKind, records: Iterable[Json], request: Json) -> list[Json]:
    text = request.get("NameContains", "")
    status = request.get("StatusEquals")
    return [
        record
        for record in records
        if text in record[kind.field("Name")] and status in (None, record[kind.field("Status")])
    ]


def _summary(kind: JobKind, record: Json) -> Json:
    kept = ("CreationTime", "LastModifiedTime", "FailureReason", "ExitMessage", "SecondaryStatus", f"{kind}EndTime")
    members = [*(kind.field(suffix) for suffix in ("Name", "Arn", "Status")), *kept]
    hidden = {"FailureReason", "ExitMessage"} if kind is JobKind.TRAINING else {"SecondaryStatus"}
    return {member: record[member] for member in members if member in record and member not in hidden}
