"""Pipeline executions of the account: started once per token, listed, described, stopped, retried."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from local_cloud.host import Host
from local_cloud.sagemaker import selective
from local_cloud.sagemaker.errors import RESTARTED, absent, conflict, over_limit
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.execution import FINAL, Execution, Started
from local_cloud.sagemaker.executor import Executor, RunStep
from local_cloud.sagemaker.names import Arns, random_id
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.parameters import as_text, bind
from local_cloud.sagemaker.pipelines import Pipeline, Pipelines
from local_cloud.wire import Call, Json, NotSimulatedError, Operation

_DEFAULT_PARALLEL = 50  # steps of one execution at once
_STEPS_PAGE = 100
_NOT_SIMULATED = ("PipelineVersionAlias", "MlflowExperimentName")
_SUMMARY = (
    "PipelineExecutionArn",
    "PipelineExecutionStatus",
    "PipelineExecutionDescription",
    "PipelineExecutionDisplayName",
)


class Executions:
    """StartPipelineExecution and its kin; `max_executions` may be executing at a time."""

    KEPT = ("_executions", "_starts", "_calls")

    def __init__(
        self, host: Host, options: Options, *, pipelines: Pipelines, events: Events, run_step: RunStep
    ) -> None:
        self._arns = Arns(host.account, host.region)
        self._options = options
        self._pipelines = pipelines
        self._events = events
        self._run_step = run_step
        self._executions: dict[str, Execution] = {}
        self._starts: dict[tuple[str, str], tuple[Json, str]] = {}
        self._calls: set[tuple[str, str, str]] = set()
        self._lock = threading.RLock()
        self._threads = ThreadPoolExecutor(options.max_executions, thread_name_prefix="sagemaker-execution")

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "StartPipelineExecution": self.start,
            "DescribePipelineExecution": self.describe,
            "UpdatePipelineExecution": self.update,
            "ListPipelineExecutions": self.list,
            "ListPipelineExecutionSteps": self.list_steps,
            "ListPipelineParametersForExecution": self.list_parameters,
            "DescribePipelineDefinitionForExecution": self.describe_definition,
            "StopPipelineExecution": self.stop,
            "RetryPipelineExecution": self.retry,
        }

    def get(self, arn: str) -> Execution:
        """Find an execution; raises `ResourceNotFound`."""
        with self._lock:
            found = self._executions.get(arn)
        if found is None:
            raise absent(f"Pipeline execution with ARN {arn} does not exist.")
        return found

    def after_restart(self) -> None:
        """End the executions that ran when the state was kept."""
        for execution in self._executions.values():
            execution.cut_off(RESTARTED)

    def close(self) -> None:
        """Ask everything to stop; follow with `join` once the jobs are gone."""
        with self._lock:
            running = [execution for execution in self._executions.values() if execution.status == "Executing"]
        for execution in running:
            execution.request_stop()

    def join(self) -> None:
        """Wait for the executions to end."""
        self._threads.shutdown()

    # --- operations -------------------------------------------------------------------------------------------------

    def start(self, _call: Call, request: Json) -> Json:
        """StartPipelineExecution: once per pipeline and ClientRequestToken, however often it is called."""
        _refuse_unknown(request)
        pipeline = self._pipelines.get(request["PipelineName"])
        token = (pipeline.arn, request["ClientRequestToken"])
        wanted = _fingerprint(request, pipeline)
        with self._lock:
            if token in self._starts:
                before, arn = self._starts[token]
                if before != wanted:
                    raise conflict(f"ClientRequestToken {token[1]} was used for {arn} with other arguments.")
                return {"PipelineExecutionArn": arn}
            execution = self._begin(pipeline, request)
            self._starts[token] = (wanted, execution.started.arn)
        return {"PipelineExecutionArn": execution.started.arn}

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribePipelineExecution."""
        return self.get(request["PipelineExecutionArn"]).view()

    def update(self, _call: Call, request: Json) -> Json:
        """UpdatePipelineExecution."""
        members = dict(request)
        arn = members.pop("PipelineExecutionArn")
        self.get(arn).update(members)
        return {"PipelineExecutionArn": arn}

    def list(self, _call: Call, request: Json) -> Json:
        """ListPipelineExecutions, newest first by default."""
        if "PipelineVersionAlias" in request:
            raise NotSimulatedError("pipeline version aliases")
        pipeline = self._pipelines.get(request["PipelineName"])
        with self._lock:
            views = [execution.view() for execution in self._executions.values()]
        found = [view for view in views if view["PipelineArn"] == pipeline.arn]
        found = within(found, request, "CreationTime", prefix="Created")
        keys = {"CreationTime": "CreationTime", "PipelineExecutionArn": "PipelineExecutionArn"}
        found = ordered(found, request, keys, order="Descending")
        return page([_summary(view) for view in found], request, "PipelineExecutionSummaries")

    def list_steps(self, _call: Call, request: Json) -> Json:
        """ListPipelineExecutionSteps, the last one that began first by default."""
        steps = self.get(request.get("PipelineExecutionArn", "")).runs()
        if request.get("SortOrder", "Descending") == "Descending":
            steps.reverse()
        return page(steps, request, "PipelineExecutionSteps", size=_STEPS_PAGE)

    def list_parameters(self, _call: Call, request: Json) -> Json:
        """ListPipelineParametersForExecution: every parameter with the value it was bound to."""
        bound = self.get(request["PipelineExecutionArn"]).started.parameters
        listed = [{"Name": name, "Value": as_text(value)} for name, value in bound.items()]
        return page(listed, request, "PipelineParameters", size=_STEPS_PAGE)

    def describe_definition(self, _call: Call, request: Json) -> Json:
        """DescribePipelineDefinitionForExecution: exactly what runs, whatever the pipeline has become."""
        execution = self.get(request["PipelineExecutionArn"])
        created = execution.view()["CreationTime"]
        return {"PipelineDefinition": execution.started.definition.text, "CreationTime": created}

    def stop(self, _call: Call, request: Json) -> Json:
        """StopPipelineExecution: jobs are stopped, nothing new starts."""
        self._once("stop", request, Execution.request_stop)
        return {"PipelineExecutionArn": request["PipelineExecutionArn"]}

    def retry(self, _call: Call, request: Json) -> Json:
        """RetryPipelineExecution: the same execution goes on from the steps that did not succeed."""
        self._once("retry", request, partial(self._retry, request))
        return {"PipelineExecutionArn": request["PipelineExecutionArn"]}

    # --- inside -----------------------------------------------------------------------------------------------------

    def _once(self, what: str, request: Json, act: Callable[[Execution], None]) -> None:
        """Act on an execution, unless a call with the same token did so before."""
        execution = self.get(request["PipelineExecutionArn"])
        call = (what, execution.started.arn, request["ClientRequestToken"])
        with self._lock:
            if call not in self._calls:
                act(execution)
                self._calls.add(call)

    def _retry(self, request: Json, execution: Execution) -> None:
        self._check_quota()
        execution.begin_retry()
        if "ParallelismConfiguration" in request:
            execution.update({"ParallelismConfiguration": request["ParallelismConfiguration"]})
        self._launch(execution)

    def _check_quota(self) -> None:
        running = sum(execution.status not in FINAL for execution in self._executions.values())
        most = self._options.max_executions
        if running >= most:
            raise over_limit(
                f"The account-level service limit 'Concurrent pipeline executions' is {most}, with current utilization "
                f"of {running} and a request delta of 1."
            )

    def _begin(self, pipeline: Pipeline, request: Json) -> Execution:
        version, whole = pipeline.version(request.get("PipelineVersionId"))
        selection = selective.choose(request.get("SelectiveExecutionConfig"), whole, self.get, pipeline.arn)
        parameters = bind(whole.parameters, request.get("PipelineParameters", []))
        self._check_quota()
        execution_id = random_id()
        parallelism = request.get("ParallelismConfiguration") or pipeline.record.get("ParallelismConfiguration")
        started = Started(
            id=execution_id,
            arn=self._arns.execution(pipeline.name, execution_id),
            pipeline_name=pipeline.name,
            pipeline_arn=pipeline.arn,
            version=version,
            definition=selection.definition,
            parameters=parameters,
            role=request.get("RoleArn") or pipeline.record["RoleArn"],
            members=self._members(request, parallelism),
        )
        parallel = (parallelism or {}).get("MaxParallelExecutionSteps", _DEFAULT_PARALLEL)
        execution = Execution(started, events=self._events, now=self._options.now, parallel=parallel)
        selection.lend(execution)
        self._executions[started.arn] = execution
        self._pipelines.ran(pipeline)
        self._launch(execution)
        return execution

    def _members(self, request: Json, parallelism: Json | None) -> Json:
        name = request.get("PipelineExecutionDisplayName", f"execution-{int(self._options.now() * 1000)}")
        members: Json = {
            "PipelineExecutionDisplayName": name,
            "PipelineExecutionDescription": request.get("PipelineExecutionDescription"),
            "ParallelismConfiguration": parallelism,
            "SelectiveExecutionConfig": request.get("SelectiveExecutionConfig"),
        }
        return {key: value for key, value in members.items() if value is not None}

    def _launch(self, execution: Execution) -> None:
        work = self._threads.submit(Executor(execution, self._run_step).run)
        work.add_done_callback(partial(_broken, execution))


def _broken(execution: Execution, work: Future[None]) -> None:
    problem = work.exception()
    if problem is not None:
        execution.break_off(f"InternalServerError: the local cloud broke while running the execution: {problem!r}")


def _refuse_unknown(request: Json) -> None:
    for member in _NOT_SIMULATED:
        if member in request:
            raise NotSimulatedError(f"{member} of StartPipelineExecution")


def _fingerprint(request: Json, pipeline: Pipeline) -> Json:
    """What two calls with one token must have in common; the order of parameters does not count."""
    parameters = sorted((item["Name"], item["Value"]) for item in request.get("PipelineParameters", []))
    return {**request, "PipelineName": pipeline.arn, "PipelineParameters": parameters}


def _summary(view: Json) -> Json:
    summary = {key: view[key] for key in _SUMMARY if key in view} | {"StartTime": view["CreationTime"]}
    return {**summary, "PipelineExecutionFailureReason": view["FailureReason"]} if "FailureReason" in view else summary
