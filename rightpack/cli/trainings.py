"""What the trainings of a run say of themselves: last figures of metric definitions, states of debugger rules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rightpack.cli.stage import Stage

RULES: Final = ("DebugRuleEvaluationStatuses", "ProfilerRuleEvaluationStatuses")
Answer = Mapping[str, Any]


def trainings(stage: Stage, execution_arn: str) -> list[dict[str, Any]]:
    """The training job of every step that has one, in order; of a search, its best."""
    if not execution_arn:
        return []
    sagemaker = stage.client("sagemaker")
    listing = sagemaker.get_paginator("list_pipeline_execution_steps")
    pages = listing.paginate(PipelineExecutionArn=execution_arn, SortOrder="Ascending")
    steps = (step for page in pages for step in page["PipelineExecutionSteps"])
    named = ((step["StepName"], _job(sagemaker, step.get("Metadata", {}))) for step in steps)
    return [_told(step, sagemaker.describe_training_job(TrainingJobName=job)) for step, job in named if job]


def figures(run: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    """Step, figure and its last value, of the trainings of a run."""
    return ((t["step"], name, value) for t in run["trainings"] for name, value in t["figures"].items())


def rules(run: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Step, rule, state and details, of the trainings of a run."""
    return ((t["step"], r["name"], r["state"], r["details"]) for t in run["trainings"] for r in t["rules"])


def _job(sagemaker: Any, metadata: Answer) -> str:
    if "TrainingJob" in metadata:
        return str(metadata["TrainingJob"]["Arn"].rpartition("/")[2])
    if "TuningJob" not in metadata:
        return ""
    search = metadata["TuningJob"]["Arn"].rpartition("/")[2]
    found = sagemaker.describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=search)
    return str(found.get("BestTrainingJob", {}).get("TrainingJobName", ""))


def _told(step: str, job: Answer) -> dict[str, Any]:
    return {
        "step": step,
        "job": job["TrainingJobName"],
        "status": job["TrainingJobStatus"],
        "figures": {one["MetricName"]: round(one["Value"], 6) for one in job.get("FinalMetricDataList", ())},
        "rules": [_rule(one) for member in RULES for one in job.get(member, ())],
    }


def _rule(one: Answer) -> dict[str, str]:
    return {
        "name": one["RuleConfigurationName"],
        "state": one["RuleEvaluationStatus"],
        "details": one.get("StatusDetails", ""),
    }
