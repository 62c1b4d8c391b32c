"""QualityCheck and ClarifyCheck steps: which baseline they compare with, and what they leave behind.

The check itself is the processing job of the image the definition names. It is told of the baseline the way Model
Monitor tells its containers, and answers with the files Model Monitor writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.errors import StepFailedError, invalid
from local_cloud.wire import Json

CHECK_TYPES = {
    "QualityCheck": ("DATA_QUALITY", "MODEL_QUALITY"),
    "ClarifyCheck": ("DATA_BIAS", "MODEL_BIAS", "MODEL_EXPLAINABILITY"),
}
SETTINGS = (  #: members of the step beside its arguments; they are part of what a cached check depends on
    "CheckType",
    "SkipCheck",
    "FailOnViolation",
    "RegisterNewBaseline",
    "ModelPackageGroupName",
    "SuppliedBaselineStatistics",
    "SuppliedBaselineConstraints",
)
VIOLATIONS = "constraint_violations.json"
_IN_PACKAGE = {  # members of DriftCheckBaselines: section, statistics, constraints
    "DATA_QUALITY": ("ModelDataQuality", "Statistics", "Constraints"),
    "MODEL_QUALITY": ("ModelQuality", "Statistics", "Constraints"),
    "DATA_BIAS": ("Bias", "", "PreTrainingConstraints"),
    "MODEL_BIAS": ("Bias", "", "PostTrainingConstraints"),
    "MODEL_EXPLAINABILITY": ("Explainability", "", "Constraints"),
}
_STAGED = {  # where Model Monitor's containers look for a baseline: input, folder, environment variable
    "Statistics": ("baseline", "/opt/ml/processing/baseline/stats", "baseline_statistics"),
    "Constraints": ("constraints", "/opt/ml/processing/baseline/constraints", "baseline_constraints"),
}


def check_declaration(step: Json) -> None:
    """Refuse a check step that could not run; raises `ValidationException`."""
    name, known = step["Name"], CHECK_TYPES[step["Type"]]
    if step.get("CheckType") not in known:
        raise invalid(f"Step [{name}]: the CheckType {step.get('CheckType')!r} is not one of {', '.join(known)}.")
    if len(step.get("Arguments", {}).get("ProcessingOutputConfig", {}).get("Outputs", [])) != 1:
        raise invalid(f"Step [{name}]: a {step['Type']} step has exactly one processing output.")


@dataclass(frozen=True, slots=True)
class Check:
    """One check with resolved settings; `folder` is where its job writes."""

    step_type: str
    settings: Json
    folder: str

    @classmethod
    def of(cls, step_type: str, settings: Json, request: Json) -> Check:
        """Read a check from the members of its step and the request of its job."""
        given = {key: value for key, value in settings.items() if value is not None}
        uri = request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["S3Uri"]
        return cls(step_type, given, uri.rstrip("/"))

    @property
    def kinds(self) -> tuple[str, ...]:
        """Files a baseline consists of."""
        return ("Statistics", "Constraints") if self.step_type == "QualityCheck" else ("Constraints",)

    @property
    def compares(self) -> bool:
        """Whether drift against the previous baseline is looked for."""
        return not self.settings.get("SkipCheck", False)

    @property
    def fails_on_violation(self) -> bool:
        """Whether drift fails the step."""
        return bool(self.settings.get("FailOnViolation", True))

    @property
    def registers(self) -> bool:
        """Whether the new baseline takes the place of the previous one."""
        return bool(self.settings.get("RegisterNewBaseline", False))

    @property
    def calculated(self) -> dict[str, str]:
        """URIs of the baseline the job calculates."""
        quality = {"Statistics": "statistics.json", "Constraints": "constraints.json"}
        names = quality if self.step_type == "QualityCheck" else {"Constraints": "analysis.json"}
        return {kind: f"{self.folder}/{names[kind]}" for kind in self.kinds}

    @property
    def report(self) -> str:
        """URI of the violations the job may write."""
        return f"{self.folder}/{VIOLATIONS}"

    def previous(self, package: Json | None) -> dict[str, str]:
        """URIs of the previous baseline: supplied, or else those of the latest approved package.

        Raises `StepFailedError` when the step needs them and they are nowhere.
        """
        section, *members = _IN_PACKAGE[self.settings["CheckType"]]
        held = ((package or {}).get("DriftCheckBaselines") or {}).get(section, {})
        registered = {
            kind: held[member]["S3Uri"]
            for kind, member in zip(("Statistics", "Constraints"), members, strict=True)
            if member in held
        }
        supplied = {kind: self.settings.get(f"SuppliedBaseline{kind}") for kind in self.kinds}
        found = {**registered, **{kind: uri for kind, uri in supplied.items() if uri}}
        missing = [kind.lower() for kind in self.kinds if kind not in found]
        if missing and (self.compares or not self.registers):
            raise StepFailedError(self._without_baseline(missing))
        return {kind: found[kind] for kind in self.kinds if kind in found}

    def _without_baseline(self, missing: list[str]) -> str:
        return (
            f"ClientError: No previous baseline {' and '.join(missing)} for {self.settings['CheckType']}: supply it or "
            "give a ModelPackageGroupName whose latest approved model has DriftCheckBaselines. A first run needs both "
            "SkipCheck and RegisterNewBaseline."
        )

    def job(self, request: Json, previous: dict[str, str]) -> Json:
        """Request of the job, told of the baseline to compare with."""
        if not self.compares:
            return request
        inputs = [_baseline_input(kind, uri) for kind, uri in previous.items()]
        told = {_STAGED[kind][2]: f"{_STAGED[kind][1]}/{uri.rsplit('/', 1)[-1]}" for kind, uri in previous.items()}
        return {
            **request,
            "ProcessingInputs": [*request.get("ProcessingInputs", []), *inputs],
            "Environment": {**request.get("Environment", {}), **told},
        }

    def properties(self, previous: dict[str, str]) -> dict[str, str]:
        """What later steps may refer to."""
        used = self.calculated if self.registers else previous
        return {
            **{f"CalculatedBaseline{kind}": uri for kind, uri in self.calculated.items()},
            **{f"BaselineUsedForDriftCheck{kind}": uri for kind, uri in used.items()},
        }

    def metadata(self, job_arn: str, properties: dict[str, str], *, violated: bool) -> Json:
        """What ListPipelineExecutionSteps shows of the step."""
        shown: dict[str, Any] = {
            "CheckType": self.settings["CheckType"],
            "CheckJobArn": job_arn,
            "SkipCheck": not self.compares,
            "RegisterNewBaseline": self.registers,
            **properties,
        }
        if "ModelPackageGroupName" in self.settings:
            shown["ModelPackageGroupName"] = self.settings["ModelPackageGroupName"]
        if violated:
            shown["ViolationReport"] = self.report
        return {self.step_type: shown}


def _baseline_input(kind: str, uri: str) -> Json:
    name, folder, _ = _STAGED[kind]
    source = {"S3Uri": uri, "LocalPath": folder, "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}
