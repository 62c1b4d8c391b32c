"""Versioned model packages: registered, approved or rejected, described, listed, deleted."""

from __future__ import annotations

import copy
import threading
from typing import Any

from local_cloud.host import Host
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.events import Events
from local_cloud.sagemaker.groups import Groups
from local_cloud.sagemaker.names import Arns, last_part
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.tags import Tags
from local_cloud.sagemaker.validation import described
from local_cloud.wire import Call, Json, NotSimulatedError, Operation

_UPDATED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)
_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)


class Packages:
    """The registry proper; the archive a package points to must exist when it is registered."""

    KEPT = ("_packages", "_tokens")

    def __init__(
        self, host: Host, options: Options, *, groups: Groups, staging: Staging, tags: Tags, events: Events
    ) -> None:
        self._arns = Arns(host.account, host.region)
        self._now = options.now
        self._groups = groups
        self._staging = staging
        self._tags = tags
        self._events = events
        self._packages: dict[str, Json] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "CreateModelPackage": self.create,
            "DescribeModelPackage": self.describe,
            "ListModelPackages": self.list,
            "UpdateModelPackage": self.update,
            "DeleteModelPackage": self.delete,
            "BatchDescribeModelPackage": self.batch_describe,
        }

    def create(self, _call: Call, request: Json) -> Json:
        """CreateModelPackage: the next version of its group; the same ClientToken answers the same package."""
        if "ModelPackageGroupName" not in request:
            raise NotSimulatedError("unversioned model packages; give a ModelPackageGroupName")
        with self._lock:
            token = request.get("ClientToken")
            if token in self._tokens:
                return {"ModelPackageArn": self._tokens[token]}
            self._check_archives(request)
            record = self._record(request)
            arn = record["ModelPackageArn"]
            self._packages[arn] = record
            if token:
                self._tokens[token] = arn
            self._events.model_package(copy.deepcopy(record))
        self._tags.put(arn, request.get("Tags", []))
        return {"ModelPackageArn": arn}

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribeModelPackage, by ARN or `group/version`."""
        return self.get(request["ModelPackageName"])

    def get(self, name_or_arn: str) -> Json:
        """Copy a package's description; raises `ValidationException` when there is none."""
        with self._lock:
            return copy.deepcopy(self._held(name_or_arn))

    def deployable(self, name_or_arn: str) -> list[Json]:
        """Containers of a package; raises `ValidationException` unless it is approved."""
        record = self.get(name_or_arn)
        if record["ModelApprovalStatus"] != "Approved":
            raise invalid(
                f"Model package {record['ModelPackageArn']} cannot be deployed: its ModelApprovalStatus is "
                f"{record['ModelApprovalStatus']}, and must be Approved."
            )
        containers: list[Json] = record.get("InferenceSpecification", {}).get("Containers", [])
        allowed = ("Image", "ModelDataUrl", "Environment", "ContainerHostname")
        return [{key: item[key] for key in allowed if key in item} for item in containers]

    def list(self, _call: Call, request: Json) -> Json:
        """ListModelPackages: oldest first by default, and without a group only unversioned ones."""
        with self._lock:
            records = [copy.deepcopy(record) for record in self._packages.values()]
        default = "Versioned" if "ModelPackageGroupName" in request else "Unversioned"
        if request.get("ModelPackageType", default) == "Unversioned":
            records = []
        found = within([record for record in records if _matches(record, request)], request, "CreationTime")
        keys = {"CreationTime": "_Order", "Name": "ModelPackageArn"}
        for record in found:  # versions of one moment keep their order
            record["_Order"] = (record["CreationTime"], record["ModelPackageVersion"])
        found = ordered(found, request, keys)
        return page([_summary(record) for record in found], request, "ModelPackageSummaryList")

    def update(self, _call: Call, request: Json) -> Json:
        """UpdateModelPackage: only what the request names changes; metadata is merged key by key."""
        with self._lock:
            record = self._held(request["ModelPackageArn"])
            _merge_metadata(record, request)
            record.update({key: request[key] for key in _UPDATED if key in request})
            record["LastModifiedTime"] = self._now()
            self._events.model_package(copy.deepcopy(record))
        return {"ModelPackageArn": record["ModelPackageArn"]}

    def delete(self, _call: Call, request: Json) -> Json:
        """DeleteModelPackage."""
        with self._lock:
            record = self._held(request["ModelPackageName"])
            del self._packages[record["ModelPackageArn"]]
            self._groups.removed(record["ModelPackageGroupName"])
        self._tags.forget(record["ModelPackageArn"])
        return {}

    def batch_describe(self, _call: Call, request: Json) -> Json:
        """BatchDescribeModelPackage: packages that are there, errors for those that are not."""
        with self._lock:
            wanted = request["ModelPackageArnList"]
            found = {arn: _batch_summary(self._packages[arn]) for arn in wanted if arn in self._packages}
        missing = {
            arn: {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {arn} does not exist."}
            for arn in wanted
            if arn not in found
        }
        return {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": missing}

    def _held(self, name_or_arn: str) -> Json:
        arn = name_or_arn if name_or_arn.startswith("arn:") else self._arns.of("model-package", name_or_arn)
        record = self._packages.get(arn)
        if record is None:
            raise invalid(f"ModelPackage {arn} does not exist.")
        return record

    def _check_archives(self, request: Json) -> None:
        for container in request.get("InferenceSpecification", {}).get("Containers", []):
            url = container.get("ModelDataUrl")
            if url and not self._staging.exists(url):
                raise invalid(f"Could not access model data at {url}: no such object.")

    def _record(self, request: Json) -> Json:
        group = last_part(request["ModelPackageGroupName"])
        version = self._groups.next_version(group)
        state: dict[str, Any] = {
            "ModelPackageName": group,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelPackageArn": self._arns.of("model-package", f"{group}/{version}"),
            "CreationTime": self._now(),
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CreatedBy": {},
        }
        kept = described("DescribeModelPackage", copy.deepcopy(request))
        return {"ModelApprovalStatus": "PendingManualApproval", **kept, **state}


def _matches(record: Json, request: Json) -> bool:
    group = request.get("ModelPackageGroupName")
    approval = request.get("ModelApprovalStatus")
    return (
        (group is None or record["ModelPackageGroupName"] == last_part(group))
        and approval in (None, record["ModelApprovalStatus"])
        and request.get("NameContains", "") in record["ModelPackageGroupName"]
    )


def _merge_metadata(record: Json, request: Json) -> None:
    held = {**record.get("CustomerMetadataProperties", {}), **request.get("CustomerMetadataProperties", {})}
    for key in request.get("CustomerMetadataPropertiesToRemove", []):
        held.pop(key, None)
    if len(held) > 50:
        raise invalid(f"A model package can hold 50 CustomerMetadataProperties, not {len(held)}.")
    if held:
        record["CustomerMetadataProperties"] = held
    else:
        record.pop("CustomerMetadataProperties", None)


def _summary(record: Json) -> Json:
    return {key: record[key] for key in _SUMMARY if key in record}


def _batch_summary(record: Json) -> Json:
    members = (*_SUMMARY, "InferenceSpecification")
    return {key: copy.deepcopy(record[key]) for key in members if key in record}
