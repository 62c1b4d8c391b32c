"""The work of one step, by type: a job, a check, a model, a package, a decision, a call or a deliberate failure."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from local_cloud.host import Host
from local_cloud.sagemaker.caching import Remembered, StepCache
from local_cloud.sagemaker.callbacks import Callbacks, Waiting, message
from local_cloud.sagemaker.check_steps import CheckSteps
from local_cloud.sagemaker.checks import CHECK_TYPES, SETTINGS
from local_cloud.sagemaker.conditions import holds
from local_cloud.sagemaker.definitions import Step
from local_cloud.sagemaker.errors import StepFailedError, StepStoppedError
from local_cloud.sagemaker.execution import Execution, StepRun
from local_cloud.sagemaker.groups import Groups
from local_cloud.sagemaker.job import JobKind
from local_cloud.sagemaker.jobs import Jobs
from local_cloud.sagemaker.launcher import SERVICE
from local_cloud.sagemaker.names import job_name
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.outputs import listed, mismatch, typed
from local_cloud.sagemaker.parameters import as_text
from local_cloud.sagemaker.references import Scope
from local_cloud.sagemaker.retries import Retrying, kind_of_call, kind_of_job
from local_cloud.sagemaker.staging import bucket_and_key
from local_cloud.sagemaker.tuning.step import TuningSteps
from local_cloud.sagemaker.tuning.tunings import Tunings
from local_cloud.wire import AwsError, Call, Json

Invoke = Callable[[str, Json, str], Json]  #: API name, request and principal to answer: the service as a client sees it
_JOBS = {kind.value: kind for kind in JobKind}


class StepRunner:
    """Runs single steps; calls the service through `invoke`, with the checks any other caller gets."""

    def __init__(
        self,
        host: Host,
        options: Options,
        *,
        invoke: Invoke,
        jobs: Jobs,
        groups: Groups,
        cache: StepCache,
        callbacks: Callbacks,
        tunings: Tunings,
    ) -> None:
        self._host = host
        self._options = options
        self._invoke = invoke
        self._jobs = jobs
        self._groups = groups
        self._cache = cache
        self._callbacks = callbacks
        self._tune = TuningSteps(tunings, self._call)
        self._checks = CheckSteps(host.objects, self._call, partial(self._job, JobKind.PROCESSING))

    def __call__(self, execution: Execution, step: Step, run: StepRun) -> Json:
        """Run a step and answer what later steps may refer to; raises `StepFailedError` or `StepStoppedError`."""
        execution.attempt(run)
        request = self._scope(execution).value(step.arguments)
        settings = self._settings(execution, step)
        key = StepCache.key(execution.started.pipeline_arn, step.body, {**request, **settings})
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

    def _settings(self, execution: Execution, step: Step) -> Json:
        """Members of a check that stand beside its arguments."""
        if step.type not in CHECK_TYPES:
            return {}
        return dict(self._scope(execution).value({name: step.body.get(name) for name in SETTINGS}))

    def _scope(self, execution: Execution) -> Scope:
        started = execution.started
        read = partial(self._read, started.role)
        return Scope(started.definition, started.parameters, execution.variables, execution.results(), read)

    def _read(self, role: str, uri: str) -> bytes:
        return self._host.objects_as(role, service=SERVICE).read(*bucket_and_key(uri))

    def _permit(self, role: str, service: str, action: str, request: Json) -> None:
        self._host.permit(Call(service, action, self._host.account, self._host.region, role), request)

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
            "Callback": self._await_answer,
            "QualityCheck": self._check,
            "ClarifyCheck": self._check,
            "Lambda": self._call_function,
            "Fail": self._fail,
            "Tuning": self._tune,
        }
        return other[step.type](execution, run, request)

    # --- by type ----------------------------------------------------------------------------------------------------

    def _run_job(self, kind: JobKind, execution: Execution, run: StepRun, request: Json) -> Json:
        return self._job(kind, execution, run, request, lambda arn: {kind.field(""): {"Arn": arn}})

    def _check(self, execution: Execution, run: StepRun, request: Json) -> Json:
        return self._checks(execution, run, request, self._settings(execution, run.step))

    def _job(
        self, kind: JobKind, execution: Execution, run: StepRun, request: Json, metadata: Callable[[str], Json]
    ) -> Json:
        """Run a job to its end and answer its Describe; `metadata` says what the step shows of its ARN."""
        name = job_name(execution.started.id, run.step.name)
        whole = {**request, kind.field("Name"): name}
        if kind is not JobKind.TRANSFORM:
            whole.setdefault("RoleArn", execution.started.role)
        arn = self._call(execution, f"Create{kind}Job", whole)[kind.field("Arn")]
        execution.note(run, metadata(arn))
        job = self._jobs.get(kind, name)
        execution.follow(job)
        job.done.wait()
        self._permit(execution.started.role, "sagemaker", f"Describe{kind}Job", {kind.field("Name"): name})
        answer = job.describe()
        if job.status == "Completed":
            return answer
        if execution.stop.is_set():
            raise StepStoppedError
        reason = answer.get("FailureReason") or f"{kind} job {name} is {job.status}{_because(answer)}."
        raise StepFailedError(f"ClientError: {reason}", kind_of_job(reason), halted=job.status == "Stopped")

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
            self._permit(execution.started.role, "lambda", "Invoke", {"FunctionName": arn})
            answer, is_error = self._host.invoke(arn, json.dumps(request).encode())
        except AwsError as problem:
            raise _refused("lambda:Invoke", problem) from problem
        if is_error:
            text = answer.decode("utf-8", errors="replace")
            raise StepFailedError(f"ClientError: Received error from Lambda function {arn}: {text}")
        declared = run.step.body.get("OutputParameters") or []
        returned = _returned(arn, answer)
        wrong = mismatch(declared, returned)
        if wrong:
            raise StepFailedError(f"ClientError: Lambda function {arn} {wrong}")
        outputs = typed(declared, returned)
        execution.note(run, {"Lambda": {"Arn": arn, "OutputParameters": listed(outputs)}})
        return {"OutputParameters": outputs}

    def _await_answer(self, execution: Execution, run: StepRun, request: Json) -> Json:
        queue = self._scope(execution).value(run.step.body["SqsQueueUrl"])
        waiting = self._callbacks.open(execution.started.arn, run.step.body.get("OutputParameters") or [])
        shown = {"CallbackToken": waiting.token, "SqsQueueUrl": queue, "OutputParameters": []}
        execution.note(run, {"Callback": shown})
        ask = partial(self._ask, execution.started.role, queue, waiting, run.step.name, request)
        ask("Executing")
        execution.follow(waiting)
        outputs = waiting.outcome(partial(ask, "Stopping"))
        execution.note(run, {"Callback": {**shown, "OutputParameters": listed(outputs)}})
        return {"OutputParameters": outputs}

    def _ask(self, role: str, queue: str, waiting: Waiting, step: str, arguments: Json, status: str) -> None:
        try:
            self._permit(role, "sqs", "SendMessage", {"QueueUrl": queue})
            self._host.send_message(queue, message(waiting, step, arguments, status=status))
        except AwsError as problem:
            raise _refused("sqs:SendMessage", problem) from problem

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
    return StepFailedError(f"{failure}{note}", failure.kind, halted=failure.halted)


def _returned(arn: str, answer: bytes) -> Json:
    """What a function answered; empty when that is no object."""
    try:
        body = json.loads(answer) if answer else None
    except ValueError as problem:
        raise StepFailedError(f"ClientError: Lambda function {arn} did not answer JSON: {problem}") from problem
    return body if isinstance(body, dict) else {}
