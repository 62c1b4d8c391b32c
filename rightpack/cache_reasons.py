"""Why a step of a pipeline execution hit or missed the step cache, told from what the service answers about it.

Only the arguments that SageMaker documents as cache keys are compared: outputs, instances, roles and names never count.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from rightpack.errors import SettingsError

Json = dict[str, Any]
LOOK_BACK: Final = 50  #: earlier executions that are looked at
TRIAL: Final = (  # of a tuning job, what counts in a definition of its trials
    "AlgorithmSpecification",
    "HyperParameterRanges",
    "InputDataConfig",
    "StaticHyperParameters",
    "TuningObjective",
)
_PROCESSING: Final = ("AppSpecification", "Environment", "ProcessingInputs")
_CHECK: Final = (*_PROCESSING, "CheckType", "SkipCheck", "RegisterNewBaseline", "ModelPackageGroupName")
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "Processing": _PROCESSING,
    "Training": (
        "AlgorithmSpecification",
        "CheckpointConfig",
        "DebugHookConfig",
        "DebugRuleConfigurations",
        "Environment",
        "HyperParameters",
        "InputDataConfig",
    ),
    "Transform": ("DataProcessing", "Environment", "ModelName", "TransformInput"),
    "Tuning": ("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
    "QualityCheck": _CHECK,
    "ClarifyCheck": _CHECK,
}
_NAMES: Final = ("InputName", "ChannelName", "Name", "RuleConfigurationName")  # what tells items of a list apart
_DURATION = re.compile(
    r"P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.IGNORECASE
)
_UNITS: Final = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3_600, 60, 1)


class Verdict(StrEnum):
    """What became of a step in the cache."""

    HIT = "hit"
    REUSED = "reused"  # taken over by a selective execution
    OFF = "off"
    FIRST = "first"  # nothing earlier to hit
    FAILED = "failed"  # the same arguments ran before, and did not succeed
    EXPIRED = "expired"
    RUNNING = "running"  # the same arguments were still running elsewhere
    CHANGED = "changed"
    UNKNOWN = "unknown"  # nothing that counts differs


@dataclass(frozen=True, slots=True)
class Difference:
    """An argument with its earlier and its present value; `None` where there was none."""

    path: str
    before: Any
    now: Any


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step hit or missed. `other` is the execution it hit or was compared with."""

    step: str
    verdict: Verdict
    other: str = ""
    ended: dt.datetime | None = None
    expire_after: str = ""
    differences: tuple[Difference, ...] = ()


def seconds_of(duration: str) -> int:
    """Seconds of an ISO 8601 duration such as `P30D` or `PT1H`; raises `ValueError` for anything else."""
    match = _DURATION.fullmatch(duration)
    if match is None:
        raise ValueError(f"{duration!r} is not an ISO 8601 duration such as P30D or PT1H.")
    return sum(int(number) * unit for number, unit in zip(match.groups(default="0"), _UNITS, strict=True))


def key_arguments(step_type: str, arguments: Mapping[str, Any]) -> Json:
    """Keep of a request or Describe answer what the cache of that step type looks at; absent and empty are the same."""
    kept = {name: arguments[name] for name in KEYS[step_type] if arguments.get(name) not in (None, {}, [])}
    if "TrainingJobDefinition" in kept:
        kept["TrainingJobDefinition"] = _trial(kept["TrainingJobDefinition"])
    if "TrainingJobDefinitions" in kept:
        kept["TrainingJobDefinitions"] = [_trial(item) for item in kept["TrainingJobDefinitions"]]
    return kept


def differences(step_type: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Arguments that count for the cache and differ, by path; `before` and `now` are requests or Describe answers."""
    old = dict(_leaves(key_arguments(step_type, before), ""))
    new = dict(_leaves(key_arguments(step_type, now), ""))
    return [
        Difference(path, old.get(path), new.get(path))
        for path in [*new, *(path for path in old if path not in new)]
        if old.get(path) != new.get(path)
    ]


def _trial(definition: Mapping[str, Any]) -> Json:
    return {name: definition[name] for name in TRIAL if name in definition}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from _leaves(item, f"{path}[{_label(item, index)}]")
    else:
        yield path, value


def _label(item: Any, index: int) -> str:
    name = next((item[key] for key in _NAMES if key in item), None) if isinstance(item, Mapping) else None
    return f"'{name}'" if name else str(index)


# --- asking the service -----------------------------------------------------------------------------------------------

_DESCRIBE: Final = {  # member of a step's metadata: operation, request member
    "ProcessingJob": ("describe_processing_job", "ProcessingJobName"),
    "TrainingJob": ("describe_training_job", "TrainingJobName"),
    "TransformJob": ("describe_transform_job", "TransformJobName"),
    "TuningJob": ("describe_hyper_parameter_tuning_job", "HyperParameterTuningJobName"),
    "QualityCheck": ("describe_processing_job", "ProcessingJobName"),
    "ClarifyCheck": ("describe_processing_job", "ProcessingJobName"),
}


def explain_cache(sagemaker: Any, execution_arn: str, step: str) -> Explanation:
    """Explain a step of an execution through a boto3 SageMaker client.

    A miss is compared with that earlier execution that ran the step itself with the fewest other arguments, and
    among equals with the nearest: other drops, whose every argument differs, may have come in between.

    Raises:
        SettingsError: The execution has no such step, or it has not begun.
    """
    declared = _declared(sagemaker, execution_arn, step)
    entry = _entry(sagemaker, execution_arn, step)
    if entry is None:
        raise SettingsError(f"Step {step} of {execution_arn} has not begun: there is nothing to explain yet.")
    for member, verdict in (("CacheHitResult", Verdict.HIT), ("SelectiveExecutionResult", Verdict.REUSED)):
        if member in entry:
            return Explanation(step, verdict, entry[member].get("SourcePipelineExecutionArn", ""))
    config = declared.get("CacheConfig") or {}
    if not config.get("Enabled") or declared["Type"] not in KEYS:
        return Explanation(step, Verdict.OFF)
    earlier = _earlier(sagemaker, execution_arn, step)
    return _miss(sagemaker, declared["Type"], entry, earlier, config.get("ExpireAfter", ""))


def _miss(
    sagemaker: Any, kind: str, entry: Json, earlier: Iterator[tuple[str, Json]], expire_after: str
) -> Explanation:
    step, now = entry["StepName"], _arguments(sagemaker, entry)
    changed: list[Explanation] = []
    for arn, before in earlier:
        found = tuple(differences(kind, _arguments(sagemaker, before), now))
        if not found:
            verdict = _same_arguments(before, entry, expire_after)
            return Explanation(step, verdict, arn, before.get("EndTime"), expire_after)
        changed.append(Explanation(step, Verdict.CHANGED, arn, before.get("EndTime"), expire_after, found))
    return min(changed, key=lambda item: len(item.differences), default=Explanation(step, Verdict.FIRST))


def _same_arguments(before: Json, entry: Json, expire_after: str) -> Verdict:
    """Why a step did not hit an earlier one with the same arguments."""
    ended: dt.datetime | None = before.get("EndTime")
    if ended is None or ended > entry["StartTime"]:
        return Verdict.RUNNING
    if before["StepStatus"] != "Succeeded":
        return Verdict.FAILED
    age = entry["StartTime"] - ended
    return Verdict.EXPIRED if age.total_seconds() > seconds_of(expire_after) else Verdict.UNKNOWN


def _declared(sagemaker: Any, execution_arn: str, step: str) -> Json:
    answer = sagemaker.describe_pipeline_definition_for_execution(PipelineExecutionArn=execution_arn)
    steps = list(_flat(json.loads(answer["PipelineDefinition"])["Steps"]))
    found = next((item for item in steps if item["Name"] == step), None)
    if found is None:
        known = ", ".join(item["Name"] for item in steps)
        raise SettingsError(f"{execution_arn} has no step {step}; its steps are {known}.")
    return dict(found)


def _flat(steps: Sequence[Json]) -> Iterator[Json]:
    for step in steps:
        yield step
        if step["Type"] == "Condition":
            for branch in ("IfSteps", "ElseSteps"):
                yield from _flat(step["Arguments"].get(branch) or [])


def _entry(sagemaker: Any, execution_arn: str, step: str) -> Json | None:
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=execution_arn)
    entries = (entry for page in pages for entry in page["PipelineExecutionSteps"])
    return next((entry for entry in entries if entry["StepName"] == step), None)


def _earlier(sagemaker: Any, execution_arn: str, step: str) -> Iterator[tuple[str, Json]]:
    """Executions that ran the step itself before, nearest first, with its entry."""
    whole = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution_arn)
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(
        PipelineName=whole["PipelineArn"],
        CreatedBefore=whole["CreationTime"],
        SortBy="CreationTime",
        SortOrder="Descending",
    )
    arns = (item["PipelineExecutionArn"] for page in pages for item in page["PipelineExecutionSummaries"])
    for arn in islice((arn for arn in arns if arn != execution_arn), LOOK_BACK):
        entry = _entry(sagemaker, arn, step)
        if entry and not {"CacheHitResult", "SelectiveExecutionResult"} & entry.keys() and all(_job(entry)):
            yield arn, entry


def _job(entry: Json) -> tuple[str, str]:
    """Kind and ARN of the job an entry of ListPipelineExecutionSteps names; empty without one."""
    for kind in _DESCRIBE:
        held = entry.get("Metadata", {}).get(kind)
        if held:
            return kind, held.get("Arn") or held.get("CheckJobArn") or ""
    return "", ""


def _arguments(sagemaker: Any, entry: Json) -> Json:
    kind, arn = _job(entry)
    if not arn:
        return {}
    operation, member = _DESCRIBE[kind]
    answer = getattr(sagemaker, operation)(**{member: arn.rsplit("/", 1)[-1]})
    return {**answer, **(entry["Metadata"][kind] if kind in ("QualityCheck", "ClarifyCheck") else {})}
