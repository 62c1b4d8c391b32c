"""The `Tuning` step of a pipeline: a tuning job, and what later steps may refer to."""

from __future__ import annotations

from collections.abc import Callable

from local_cloud.sagemaker.errors import StepFailedError, StepStoppedError
from local_cloud.sagemaker.execution import Execution, StepRun
from local_cloud.sagemaker.names import tuning_job_name
from local_cloud.sagemaker.tuning.tunings import Tunings
from local_cloud.wire import Json

Call = Callable[[Execution, str, Json], Json]  #: calls an operation as the execution's role


class TuningSteps:
    """Runs Tuning steps; `call` reaches the service as any other caller does."""

    def __init__(self, tunings: Tunings, call: Call) -> None:
        self._tunings = tunings
        self._call = call

    def __call__(self, execution: Execution, run: StepRun, request: Json) -> Json:
        """Run a tuning job to its end; answer its Describe with `TrainingJobSummaries`, the best first.

        Raises `StepFailedError` when it fails, `StepStoppedError` when the execution was stopped.
        """
        name = tuning_job_name(execution.started.id, run.step.name)
        create = {**request, "HyperParameterTuningJobName": name}
        arn = self._call(execution, "CreateHyperParameterTuningJob", create)["HyperParameterTuningJobArn"]
        execution.note(run, {"TuningJob": {"Arn": arn}})
        tuning = self._tunings.get(name)
        execution.follow(tuning)
        tuning.done.wait()
        answer = self._call(execution, "DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": name})
        if tuning.status == "Completed":
            return {**answer, "TrainingJobSummaries": tuning.top()}
        if execution.stop.is_set():
            raise StepStoppedError
        reason = answer.get("FailureReason") or f"Hyperparameter tuning job {name} is {tuning.status}."
        raise StepFailedError(f"ClientError: {reason}")
