"""The end of the training pipeline: register the candidate as the evaluation decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import JsonGet
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep

from pipelines.authoring import Workbench, file_in, output_of
from pipelines.model_steps import Registration, register_model
from pipelines.training.parameters import Parameters
from rightpack.registry import Outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, the step that prepared its rows and what the evaluation step says about it."""

    prepare: Any
    evaluate: Any
    evaluation: PropertyFile
    model_data: Any

    def decision(self, key: str) -> JsonGet:
        """Reference to `decision.<key>` of evaluation.json."""
        return JsonGet(step_name=self.evaluate.name, property_file=self.evaluation, json_path=f"decision.{key}")


CONDITIONS: Final = {
    "Approved": ("Verdict", Outcome.APPROVED),
    "Rejected": ("VerdictRejected", Outcome.REJECTED),
    "Held": ("VerdictHeld", Outcome.HELD),
}


def verdict(bench: Workbench, parameters: Parameters, judged: Judged) -> list[ConditionStep]:
    """Register as the evaluation decided, also what it rejected or held: people can read why, and object.

    Conditions have two branches and cannot be nested, so each outcome has one of its own, and exactly one is met.
    """

    def condition(name: str) -> ConditionStep:
        step, outcome = CONDITIONS[name]
        registration = _registration(outcome, parameters, judged)
        return ConditionStep(
            name=step,
            conditions=[ConditionEquals(left=judged.decision("status"), right=outcome.value)],
            if_steps=[register_model(f"Register{name}", bench.session, registration)],
            else_steps=[],
        )

    return [condition(name) for name in CONDITIONS]


def _registration(outcome: Outcome, parameters: Parameters, judged: Judged) -> Registration:
    evaluation = output_of(judged.evaluate, "evaluation")
    return Registration(
        status=outcome.value,
        group=parameters.group,
        model_data=judged.model_data,
        statistics=file_in(evaluation, "statistics.json"),
        explanation=file_in(evaluation, "explanation.json"),
        properties={
            "baseline": file_in(output_of(judged.prepare, "profile"), "profile.json"),
            "business-date": parameters.business_date,
            "execution": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "package-type": parameters.package_type,
            "reason": judged.decision("reason"),
            "report": file_in(evaluation, "report.html"),
            "run-id": parameters.run_id,
        },
    )
