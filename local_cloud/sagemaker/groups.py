"""Model package groups of the registry."""

from __future__ import annotations

import threading

from local_cloud.host import Host
from local_cloud.sagemaker.errors import conflict, invalid
from local_cloud.sagemaker.names import Arns, last_part
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.tags import Tags
from local_cloud.wire import Call, Json, Operation


class Groups:
    """Groups and the number of the last version each of them gave out; numbers are never used twice."""

    KEPT = ("_groups", "_versions", "_used", "_policies")

    def __init__(self, host: Host, options: Options, *, tags: Tags) -> None:
        self._arns = Arns(host.account, host.region)
        self._now = options.now
        self._tags = tags
        self._groups: dict[str, Json] = {}
        self._versions: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._policies: dict[str, str] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "CreateModelPackageGroup": self.create,
            "DescribeModelPackageGroup": self.describe,
            "ListModelPackageGroups": self.list,
            "DeleteModelPackageGroup": self.delete,
            "PutModelPackageGroupPolicy": self.put_policy,
            "GetModelPackageGroupPolicy": self.get_policy,
            "DeleteModelPackageGroupPolicy": self.delete_policy,
        }

    def create(self, _call: Call, request: Json) -> Json:
        """CreateModelPackageGroup; raises `ValidationException` when the group is there already."""
        name = request["ModelPackageGroupName"]
        with self._lock:
            if name in self._groups:
                raise invalid(f"Model Package Group already exists: {self._groups[name]['ModelPackageGroupArn']}")
            record = self._record(name, request.get("ModelPackageGroupDescription"))
            self._groups[name] = record
        self._tags.put(record["ModelPackageGroupArn"], request.get("Tags", []))
        return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}

    def ensure(self, name_or_arn: str) -> None:
        """Create the group when it is absent, as a RegisterModel step does."""
        name = last_part(name_or_arn)
        with self._lock:
            self._groups.setdefault(name, self._record(name, None))

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribeModelPackageGroup."""
        return dict(self._get(request["ModelPackageGroupName"]))

    def list(self, _call: Call, request: Json) -> Json:
        """ListModelPackageGroups."""
        with self._lock:
            found = [group for name, group in self._groups.items() if request.get("NameContains", "") in name]
        keys = {"CreationTime": "CreationTime", "Name": "ModelPackageGroupName"}
        found = ordered(within(found, request, "CreationTime"), request, keys)
        hidden = ("CreatedBy",)
        summaries = [{key: value for key, value in group.items() if key not in hidden} for group in found]
        return page(summaries, request, "ModelPackageGroupSummaryList")

    def delete(self, _call: Call, request: Json) -> Json:
        """DeleteModelPackageGroup; raises `ConflictException` while it holds packages."""
        record = self._get(request["ModelPackageGroupName"])
        name = record["ModelPackageGroupName"]
        with self._lock:
            if self._used.get(name):
                raise conflict(
                    f"Model Package Group {name} cannot be deleted: it still has {self._used[name]} packages."
                )
            self._groups.pop(name, None)
            self._policies.pop(name, None)
        self._tags.forget(record["ModelPackageGroupArn"])
        return {}

    def put_policy(self, _call: Call, request: Json) -> Json:
        """PutModelPackageGroupPolicy; kept and told, for there is no other account to be let in."""
        record = self._get(request["ModelPackageGroupName"])
        with self._lock:
            self._policies[record["ModelPackageGroupName"]] = request["ResourcePolicy"]
        return {"ModelPackageGroupArn": record["ModelPackageGroupArn"]}

    def get_policy(self, _call: Call, request: Json) -> Json:
        """GetModelPackageGroupPolicy; raises `ValidationException` where there is none."""
        name = self._get(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        if name not in self._policies:
            raise invalid(f"Cannot find resource policy for: {self._arns.of('model-package-group', name)}.")
        return {"ResourcePolicy": self._policies[name]}

    def delete_policy(self, _call: Call, request: Json) -> Json:
        """DeleteModelPackageGroupPolicy."""
        name = self._get(request["ModelPackageGroupName"])["ModelPackageGroupName"]
        with self._lock:
            self._policies.pop(name, None)
        return {}

    def next_version(self, name: str) -> int:
        """Take the next version number of a group; raises `ValidationException` when there is no such group."""
        self._get(name)
        with self._lock:
            self._versions[name] = self._versions.get(name, 0) + 1
            self._used[name] = self._used.get(name, 0) + 1
            return self._versions[name]

    def removed(self, name: str) -> None:
        """Note that a package of the group was deleted."""
        with self._lock:
            self._used[name] -= 1

    def _get(self, name_or_arn: str) -> Json:
        name = last_part(name_or_arn)
        with self._lock:
            record = self._groups.get(name)
        if record is None:
            raise invalid(f"Model Package Group {self._arns.of('model-package-group', name)} does not exist.")
        return record

    def _record(self, name: str, description: str | None) -> Json:
        record: Json = {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": self._arns.of("model-package-group", name),
            "CreationTime": self._now(),
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        return {**record, "ModelPackageGroupDescription": description} if description else record
