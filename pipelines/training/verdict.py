"""The end of the training pipeline: register the candidate as the evaluation decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep

from pipelines.authoring import Workbench, file_in, output_of
from pipelines.model_steps import Registration, register_model
from pipelines.training.parameters import Parameters


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate and what the evaluation step says about it."""

    evaluate: Any
    evaluation: PropertyFile
    model_data: Any

    def decision(self, key: str) -> JsonGet:
        """Reference to `decision.<key>` of evaluation.json."""
        return JsonGet(step_name=self.evaluate.name, property_file=self.evaluation, json_path=f"decision.{key}")


def verdict(bench: Workbench, parameters: Parameters, judged: Judged) -> ConditionStep:
    """Register as Approved or as Rejected: a rejected model is kept with its report, so that people can object."""

    def register(status: str) -> Any:
        registration = _registration(status, parameters, judged)
        return register_model(f"Register{status}", bench.session, registration)

    return ConditionStep(
        name="Verdict",
        conditions=[ConditionEquals(left=judged.decision("approved"), right=True)],
        if_steps=[register("Approved")],
        else_steps=[register("Rejected")],
    )


def _registration(status: str, parameters: Parameters, judged: Judged) -> Registration:
    evaluation = output_of(judged.evaluate, "evaluation")
    return Registration(
        status=status,
        group=parameters.group,
        model_data=judged.model_data,
        statistics=file_in(evaluation, "statistics.json"),
        properties={
            "business-date": parameters.business_date,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "package-type": parameters.package_type,
            "reason": judged.decision("reason"),
            "report": file_in(evaluation, "report.html"),
            "run-id": parameters.run_id,
        },
    )
