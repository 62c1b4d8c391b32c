"""The work of one step, by type: a job, a model, a package, a decision, a function call or a deliberate failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local_cloud.host import Host
from local_cloud.sagemaker.caching import Remembered, StepCache
from local_cloud.sagemaker.conditions import holds
from local_cloud.sagemaker.definitions import Step
from local_cloud.sagemaker.errors import StepFailedError, StepStoppedError
from local_cloud.sagemaker.execution import Execution, StepRun
from local_cloud.sagemaker.groups import Groups
from local_cloud.sagemaker.job import JobKind
from local_cloud.sagemaker.jobs import Jobs
from local_cloud.sagemaker.names import job_name
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.parameters import as_text
from local_cloud.sagemaker.references import Scope
from local_cloud.sagemaker.retries import Retrying, kind_of_call, kind_of_job
from local_cloud.sagemaker.staging import bucket_and_key
from local_cloud.wire import AwsError, Json

Invoke = Callable[[str, Json, str], Json]  #: API name, request and principal to answer: the service as a client sees it
_JOBS = {kind.value: kind for kind in JobKind}
_LONGEST_OUTPUT = 1024


class StepRunner:
    """Runs single steps; calls the service through `invoke`, with the checks any other caller gets."""

    def __init__(
        self, host: Host, options: Options, *, invoke: Invoke, jobs: Jobs, groups: Groups, cache: StepCache
    ) -> None:
        self._host = host
        self._options = options
        self._invoke = invoke
        self._jobs = jobs
        self._groups = groups
        self._cache = cache

    def __call__(self, execution: Execution, step: Step, run: StepRun) -> Json:
        """Run a step and answer what later steps may refer to; raises `StepFailedError` or `StepStoppedError`."""
        execution.attempt(run)
        request = self._scope(execution).value(step.arguments)
        key = StepCache.key(execution.started.pipeline_arn, step.body, request)
        if key is None:
            return self._try(execution, step, run, request)
        hit = self._cache.find(key, step.body["CacheConfig"]["ExpireAfter"], self._options.now())
        if hit is not None:
            run.cached_from = hit.execution_arn
            execution.note(run, hit.metadata)
            return hit.result
        result = self._try(execution, step, run, request)
        self._cache.remember(key, Remembered(self._options.now(), execution.started.arn, result, run.metadata))
        return result

    def _scope(self, execution: Execution) -> Scope:
        started = execution.started
        return Scope(started.definition, started.parameters, execution.variables, execution.results(), self._read)

    def _read(self, uri: str) -> bytes:
        return self._host.objects.read(*bucket_and_key(uri))

    def _try(self, execution: Execution, step: Step, run: StepRun, request: Json) -> Json:
        retrying = Retrying(step.body.get("RetryPolicies", []))
        while True:
            try:
                return self._once(execution, step, run, request)
            except StepFailedError as failure:
                delay = retrying.delay(failure.kind)
                if delay is None and failure.kind and not retrying.covers(failure.kind):
                    raise _without_policy(failure, execution, step) from failure
                if delay is None:
                    raise
            self._options.pause(execution.stop, delay)
            if execution.stop.is_set():
                raise StepStoppedError
            execution.attempt(run)

    def _once(self, execution: Execution, step: Step, run: StepRun, request: Json) -> Json:
        if step.type in _JOBS:
            return self._run_job(_JOBS[step.type], execution, run, request)
        other: dict[str, Callable[[Execution, StepRun, Json], Json]] = {
            "Model": self._create_model,
            "RegisterModel": self._register,
            "Condition": self._decide,
            "Lambda": self._call_function,
            "Fail": self._fail,
        }
        return other[step.type](execution, run, request)

    # --- by type ----------------------------------------------------------------------------------------------------

    def _run_job(self, kind: JobKind, execution: Execution, run: StepRun, request: Json) -> Json:
        name = job_name(execution.started.id, run.step.name)
        whole = {**request, kind.field("Name"): name}
        if kind is not JobKind.TRANSFORM:
            whole.setdefault("RoleArn", execution.started.role)
        arn = self._call(execution, f"Create{kind}Job", whole)[kind.field("Arn")]
        execution.note(run, {kind.field(""): {"Arn": arn}})
        job = self._jobs.get(kind, name)
        execution.follow(job)
        job.done.wait()
        answer = job.describe()
        if job.status == "Completed":
            return answer
        if execution.stop.is_set():
            raise StepStoppedError
        reason = answer.get("FailureReason") or f"{kind} job {name} is {job.status}{_because(answer)}."
        raise StepFailedError(f"ClientError: {reason}", kind_of_job(reason))

    def _create_model(self, execution: Execution, run: StepRun, request: Json) -> Json:
        name = job_name(execution.started.id, run.step.name)
        whole = {"ExecutionRoleArn": execution.started.role, **request, "ModelName": name}
        arn = self._call(execution, "CreateModel", whole)["ModelArn"]
        execution.note(run, {"Model": {"Arn": arn}})
        return self._call(execution, "DescribeModel", {"ModelName": name})

    def _register(self, execution: Execution, run: StepRun, request: Json) -> Json:
        generated = {"GeneratedBy": execution.started.arn, **request.get("MetadataProperties", {})}
        if request.get("ModelPackageGroupName"):
            self._groups.ensure(request["ModelPackageGroupName"])
        whole = {**request, "MetadataProperties": generated}
        arn = self._call(execution, "CreateModelPackage", whole)["ModelPackageArn"]
        execution.note(run, {"RegisterModel": {"Arn": arn}})
        return self._call(execution, "DescribeModelPackage", {"ModelPackageName": arn})

    def _decide(self, execution: Execution, run: StepRun, request: Json) -> Json:
        outcomes = [holds(condition) for condition in request["Conditions"]]  # all of them: each must at least be valid
        outcome = all(outcomes)
        execution.note(run, {"Condition": {"Outcome": str(outcome)}})
        return {"Outcome": outcome}

    def _call_function(self, execution: Execution, run: StepRun, request: Json) -> Json:
        arn = self._scope(execution).value(run.step.body["FunctionArn"])
        execution.note(run, {"Lambda": {"Arn": arn, "OutputParameters": []}})
        try:
            answer, is_error = self._host.invoke(arn, json.dumps(request).encode())
        except AwsError as problem:
            raise _refused("lambda:Invoke", problem) from problem
        if is_error:
            text = answer.decode("utf-8", errors="replace")
            raise StepFailedError(f"ClientError: Received error from Lambda function {arn}: {text}")
        outputs = _outputs(arn, answer, run.step.body.get("OutputParameters", []))
        listed = [{"Name": name, "Value": as_text(value)[:_LONGEST_OUTPUT]} for name, value in outputs.items()]
        execution.note(run, {"Lambda": {"Arn": arn, "OutputParameters": listed}})
        return {"OutputParameters": outputs}

    def _fail(self, execution: Execution, run: StepRun, request: Json) -> Json:
        message = as_text(request.get("ErrorMessage", ""))
        execution.note(run, {"Fail": {"ErrorMessage": message}})
        raise StepFailedError(message)

    def _call(self, execution: Execution, action: str, request: Json) -> Json:
        try:
            return self._invoke(action, request, execution.started.role)
        except AwsError as problem:
            raise _refused(f"sagemaker:{action}", problem) from problem


def _refused(action: str, problem: AwsError) -> StepFailedError:
    reason = f"ClientError: Failed to invoke {action}. Error Details: {problem.message}"
    return StepFailedError(reason, kind_of_call(problem))


def _because(answer: Json) -> str:
    status = answer.get("SecondaryStatus")
    return f" ({status})" if status else ""


def _without_policy(failure: StepFailedError, execution: Execution, step: Step) -> StepFailedError:
    """Add what the service adds to a failure that a retry policy could have caught, had there been one."""
    note = (
        f"\nRetry not appropriate on execution of step with PipelineExecutionArn {execution.started.arn} and StepId "
        f"{step.name}. No retry policy configured for the exception type {failure.kind.upper().replace('.', '_')}."
    )
    return StepFailedError(f"{failure}{note}", failure.kind)


def _outputs(arn: str, answer: bytes, declared: list[Json]) -> dict[str, Any]:
    """Values of the declared outputs of a function; raises `StepFailedError` for one that is missing."""
    try:
        body = json.loads(answer) if answer else None
    except ValueError as problem:
        raise StepFailedError(f"ClientError: Lambda function {arn} did not answer JSON: {problem}") from problem
    names = [output["OutputName"] for output in declared]
    held = body if isinstance(body, dict) else {}
    missing = [name for name in names if name not in held]
    if missing:
        raise StepFailedError(f"ClientError: Lambda function {arn} did not return the outputs {', '.join(missing)}.")
    return {name: held[name] if not isinstance(held[name], dict | list) else json.dumps(held[name]) for name in names}
