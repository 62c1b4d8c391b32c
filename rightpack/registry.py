"""The model registry: one group per package type, newest approved version serves, manual hands may change that."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

APPROVED_AT: Final = "approved-at"  # set by manual approval; an automatic one counts from the package's creation
CHANGED_AT: Final = "changed-at"
CHANGED_BY: Final = "changed-by"
CHANGED_HOW: Final = "changed-how"
REASON_LENGTH: Final = 256  # a value of CustomerMetadataProperties


class Outcome(StrEnum):
    """What becomes of a candidate; the values are the registry's own approval states."""

    APPROVED = "Approved"
    REJECTED = "Rejected"
    HELD = "PendingManualApproval"


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """One registered version; `model_data_url` points at its `model.tar.gz`."""

    arn: str
    group: str
    version: int
    status: str
    created: dt.datetime
    image: str
    model_data_url: str
    metadata: Mapping[str, str]
    description: str = ""
    statistics_uri: str | None = None

    @property
    def approved_at(self) -> dt.datetime:
        """When it became the approved one: the last manual approval, else its registration."""
        manual = self.metadata.get(APPROVED_AT)
        return dt.datetime.fromisoformat(manual) if manual else self.created

    @property
    def changed_at(self) -> dt.datetime | None:
        """When a person last changed its status; None if nobody did."""
        moment = self.metadata.get(CHANGED_AT)
        return dt.datetime.fromisoformat(moment) if moment else None

    @property
    def changed_by(self) -> str:
        """Who last changed its status by hand; empty if nobody did."""
        return self.metadata.get(CHANGED_BY, "")

    @property
    def reason(self) -> str:
        """Why it has its status: a person's words if there are any, else the gate's."""
        return self.description or self.metadata.get("reason", "")


class Registry:
    """Model package groups and versions through the SageMaker API."""

    def __init__(self, client: SageMakerClient) -> None:
        self._client = client

    def ensure_group(self, group: str) -> None:
        """Create the group unless it is there."""
        try:
            self._client.describe_model_package_group(ModelPackageGroupName=group)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in {"ValidationException", "ResourceNotFound"}:
                raise
            self._client.create_model_package_group(ModelPackageGroupName=group)

    def groups(self, prefix: str) -> list[str]:
        """Names of all groups that start with `prefix`."""
        pages = self._client.get_paginator("list_model_package_groups").paginate(NameContains=prefix)
        names = [g["ModelPackageGroupName"] for page in pages for g in page["ModelPackageGroupSummaryList"]]
        return sorted(n for n in names if n.startswith(prefix))

    def versions(self, group: str, status: str | None = None) -> Iterator[ModelPackage]:
        """Completed versions of a group, newest first; none where the group does not exist."""
        query: dict[str, Any] = {"ModelPackageGroupName": group, "SortBy": "CreationTime", "SortOrder": "Descending"}
        if status:
            query["ModelApprovalStatus"] = status
        try:
            for page in self._client.get_paginator("list_model_packages").paginate(**query):
                for summary in page["ModelPackageSummaryList"]:
                    if summary["ModelPackageStatus"] == "Completed":
                        yield self.describe(summary["ModelPackageArn"])
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in {"ValidationException", "ResourceNotFound"}:
                raise

    def champion(self, group: str, *, other_than: str = "") -> ModelPackage | None:
        """The approved version that serves: the one approved last; None where nothing is approved.

        Versions of the artefact `other_than` do not count: a model that is judged again does not challenge itself.
        """
        approved = [p for p in self.versions(group, Outcome.APPROVED.value) if p.model_data_url != other_than]
        return max(approved, key=lambda p: (p.approved_at, p.version), default=None)

    def describe(self, arn: str) -> ModelPackage:
        """One version by ARN."""
        raw = self._client.describe_model_package(ModelPackageName=arn)
        container = raw["InferenceSpecification"]["Containers"][0]
        quality = raw.get("ModelMetrics", {}).get("ModelQuality", {})
        return ModelPackage(
            arn=raw["ModelPackageArn"],
            group=raw["ModelPackageGroupName"],
            version=raw["ModelPackageVersion"],
            status=raw["ModelApprovalStatus"],
            created=raw["CreationTime"],
            image=container["Image"],
            model_data_url=container["ModelDataUrl"],
            metadata=raw.get("CustomerMetadataProperties", {}),
            description=raw.get("ApprovalDescription", ""),
            statistics_uri=quality.get("Statistics", {}).get("S3Uri"),
        )

    def set_status(
        self, arn: str, outcome: Outcome, why: str, *, now: dt.datetime, by: str = "", how: str = ""
    ) -> None:
        """Approve or reject a version by hand; approving makes it the champion, however old it is.

        `by` is who did it (an ARN), `how` what they called it: approve, reject or rollback.
        """
        moment = now.astimezone(dt.UTC).isoformat(timespec="microseconds")
        metadata = {CHANGED_AT: moment}
        metadata |= {key: registry_text(text) for key, text in ((CHANGED_BY, by), (CHANGED_HOW, how)) if text}
        if outcome is Outcome.APPROVED:
            metadata[APPROVED_AT] = moment
        self._client.update_model_package(
            ModelPackageArn=arn,
            ModelApprovalStatus=outcome.value,
            ApprovalDescription=registry_text(why),
            CustomerMetadataProperties=metadata,
        )


def manual_changes(registry: Registry, group: str) -> list[dict[str, str]]:
    """What people have changed in a group since its newest version was registered, and so since the last report.

    Oldest first; each has version, status, how, by, why and at.
    """
    versions = list(registry.versions(group))
    newest = max((p.created for p in versions), default=None)
    changed = [p for p in versions if p.changed_at is not None and newest is not None and p.changed_at >= newest]
    return [
        {
            "version": str(package.version),
            "status": package.status,
            "how": package.metadata.get(CHANGED_HOW, ""),
            "by": package.metadata.get(CHANGED_BY, ""),
            "why": package.reason,
            "at": package.metadata[CHANGED_AT],
        }
        for package in sorted(changed, key=lambda p: p.metadata[CHANGED_AT])
    ]


def registry_text(text: str) -> str:
    """`text` in the characters and length that a registry property takes (no comma, no semicolon)."""
    text = text.replace(",", " -").replace(";", " /")
    return re.sub(r"[^\w\s.:/=+@-]", " ", text, flags=re.ASCII)[:REASON_LENGTH].strip() or "none"
