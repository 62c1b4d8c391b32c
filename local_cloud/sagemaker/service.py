"""SageMaker for the local cloud: one object that owns every operation of the service."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from local_cloud.host import Host
from local_cloud.sagemaker.admission import check_processing, check_training, check_transform
from local_cloud.sagemaker.caching import StepCache
from local_cloud.sagemaker.callbacks import Callbacks
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.executions import Executions
from local_cloud.sagemaker.groups import Groups
from local_cloud.sagemaker.job import JobKind
from local_cloud.sagemaker.jobs import Jobs, JobType
from local_cloud.sagemaker.launcher import SERVICE, Launcher
from local_cloud.sagemaker.models import Models
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.packages import Packages
from local_cloud.sagemaker.pipelines import Pipelines
from local_cloud.sagemaker.processing import ProcessingRunner
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.steps import StepRunner
from local_cloud.sagemaker.tags import Tags
from local_cloud.sagemaker.training import TrainingRunner
from local_cloud.sagemaker.transform import TransformRunner
from local_cloud.sagemaker.tuning.tunings import Tunings
from local_cloud.sagemaker.validation import check, without_nulls
from local_cloud.wire import Call, Json, Operation

_RESOURCES = {f"{kind}Job": kind.resource for kind in JobKind} | {
    "Model": "model",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
}
_TAGGED = re.compile(rf"Create(?P<kind>{'|'.join(_RESOURCES)})")


class SageMaker:
    """Pipelines, jobs, models and the model registry, in memory; jobs run as subprocesses of this machine.

    Every image URI is served by the Python environment the local cloud runs in. Nothing survives `close` but what
    was kept of `parts`.
    """

    def __init__(self, host: Host, options: Options | None = None) -> None:
        self._host = host
        self._options = options or Options()
        self._events = Events(host)
        self._tags = Tags()
        self._staging = Staging(host.objects, partial(host.objects_as, service=SERVICE))
        self._groups = Groups(host, self._options, tags=self._tags)
        self._packages = self._make_packages()
        self._models = self._make_models()
        self._jobs = self._make_jobs()
        self._tunings = Tunings(host, self._options, events=self._events, tags=self._tags, jobs=self._jobs)
        self._pipelines = Pipelines(host, self._options, tags=self._tags)
        self._callbacks = Callbacks()
        self._cache = StepCache()
        self._executions = self._make_executions()
        self._operations = self._checked_operations()

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "sagemaker"

    def operations(self) -> Mapping[str, Operation]:
        """Every operation the local cloud runs; each checks its request against the service model first."""
        return self._operations

    def parts(self) -> dict[str, object]:
        """What holds the state, and what the state refers to; jobs come before the executions that wait for them."""
        named = ("host", "events", "staging", "tags", "groups", "packages", "models", "jobs", "tunings", "pipelines")
        return {f"sagemaker.{name}": getattr(self, f"_{name}") for name in (*named, "cache", "executions")}

    def wait(self, execution_arn: str, timeout: float | None = None) -> Json:
        """Wait for the end of an execution and for its events to be sent; answer DescribePipelineExecution.

        Raises `TimeoutError` after `timeout` seconds.
        """
        execution = self._executions.get(execution_arn)
        if not execution.wait(timeout):
            raise TimeoutError(f"{execution_arn} is still {execution.status} after {timeout} seconds.")
        self._events.drain()
        return execution.view()

    def wait_for_job(self, kind: str, name: str, timeout: float | None = None) -> Json:
        """Wait for the end of a `Processing`, `Training` or `Transform` job; answer its Describe.

        Raises `TimeoutError` after `timeout` seconds.
        """
        job = self._jobs.get(JobKind(kind), name)
        if not job.done.wait(timeout):
            raise TimeoutError(f"{job.arn} is still {job.status} after {timeout} seconds.")
        self._events.drain()
        return job.describe()

    def wait_for_tuning(self, name: str, timeout: float | None = None) -> Json:
        """Wait for the end of a hyperparameter tuning job; answer its Describe.

        Raises `TimeoutError` after `timeout` seconds.
        """
        tuning = self._tunings.get(name)
        if not tuning.done.wait(timeout):
            raise TimeoutError(f"{tuning.arn} is still {tuning.status} after {timeout} seconds.")
        self._events.drain()
        return tuning.describe()

    def fail_next_job(self, name_contains: str, reason: str) -> None:
        """Let the next job whose name holds a text fail with `reason` (`CapacityError: ...`) instead of running."""
        self._jobs.fail_next(name_contains, reason)

    def close(self) -> None:
        """Stop executions, kill jobs, send the last events; the service answers no more."""
        self._executions.close()
        self._callbacks.close()
        self._tunings.close()
        self._jobs.close()
        self._tunings.join()
        self._executions.join()
        self._events.close()

    # --- parts ------------------------------------------------------------------------------------------------------

    def _make_packages(self) -> Packages:
        return Packages(
            self._host, self._options, groups=self._groups, staging=self._staging, tags=self._tags, events=self._events
        )

    def _make_models(self) -> Models:
        packaged = self._packages.deployable
        return Models(self._host, self._options, staging=self._staging, tags=self._tags, packaged=packaged)

    def _make_jobs(self) -> Jobs:
        launcher = Launcher(self._host, self._options)
        parts = (launcher, self._staging, self._options)
        transform = TransformRunner(*parts, model=self._models.served)
        types = {
            JobKind.PROCESSING: JobType(check_processing, ProcessingRunner(*parts)),
            JobKind.TRAINING: JobType(check_training, TrainingRunner(*parts)),
            JobKind.TRANSFORM: JobType(self._check_transform, transform, self._transform_role),
        }
        return Jobs(self._host, self._options, events=self._events, tags=self._tags, launcher=launcher, types=types)

    def _make_executions(self) -> Executions:
        run_step = StepRunner(
            self._host,
            self._options,
            invoke=self._invoke,
            jobs=self._jobs,
            groups=self._groups,
            cache=self._cache,
            callbacks=self._callbacks,
            tunings=self._tunings,
        )
        return Executions(self._host, self._options, pipelines=self._pipelines, events=self._events, run_step=run_step)

    def _check_transform(self, request: Json) -> None:
        check_transform(request)
        self._models.served(request["ModelName"])

    def _transform_role(self, request: Json) -> str:
        return self._models.served(request["ModelName"]).owner

    def _permit(self, call: Call, request: Json) -> None:
        """Ask whether a pipeline's role may: it also tags what it creates, as every execution does in AWS."""
        self._host.permit(call, request)
        created = _TAGGED.fullmatch(call.action)
        if created:
            name = request[f"{created['kind']}Name"]
            arn = f"arn:aws:sagemaker:{call.region}:{call.account}:{_RESOURCES[created['kind']]}/{name}"
            self._host.permit(replace(call, action="AddTags"), {"ResourceArn": arn})

    # --- calls ------------------------------------------------------------------------------------------------------

    def _checked_operations(self) -> dict[str, Operation]:
        parts = (
            self._pipelines,
            self._executions,
            self._callbacks,
            self._jobs,
            self._tunings,
            self._models,
            self._groups,
            self._packages,
            self._tags,
        )
        found = {name: operation for part in parts for name, operation in part.operations().items()}
        return {name: partial(_checked, name, operation) for name, operation in found.items()}

    def _invoke(self, action: str, request: Json, principal: str) -> Json:
        """Call the service as a pipeline does, as the principal of its role."""
        call = Call(self.signing_name, action, self._host.account, self._host.region, principal)
        self._options.faults.internal_call(call, json.dumps(request, default=str))
        self._permit(call, request)
        return self._operations[action](call, request)


def _checked(name: str, operation: Operation, call: Call, request: Json) -> Json:
    given = without_nulls(request)
    check(name, given)
    return operation(call, given)
