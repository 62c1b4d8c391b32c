"""Tags of any SageMaker resource, by ARN."""

from __future__ import annotations

import threading

from local_cloud.sagemaker.paging import page
from local_cloud.wire import Call, Json, Operation


class Tags:
    """AddTags, ListTags and DeleteTags; resources put the tags of their Create request here."""

    KEPT = ("_tags",)

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {"AddTags": self.add, "ListTags": self.show, "DeleteTags": self.remove}

    def put(self, arn: str, tags: list[dict[str, str]]) -> None:
        """Add or overwrite tags of a resource."""
        with self._lock:
            self._tags.setdefault(arn, {}).update({tag["Key"]: tag["Value"] for tag in tags})

    def forget(self, arn: str) -> None:
        """Drop the tags of a deleted resource."""
        with self._lock:
            self._tags.pop(arn, None)

    def add(self, _call: Call, request: Json) -> Json:
        """AddTags: answer all tags of the resource."""
        self.put(request["ResourceArn"], request["Tags"])
        return {"Tags": self._listed(request["ResourceArn"])}

    def show(self, _call: Call, request: Json) -> Json:
        """ListTags."""
        return page(self._listed(request["ResourceArn"]), request, "Tags", size=50)

    def remove(self, _call: Call, request: Json) -> Json:
        """DeleteTags."""
        with self._lock:
            held = self._tags.get(request["ResourceArn"], {})
            for key in request["TagKeys"]:
                held.pop(key, None)
        return {}

    def _listed(self, arn: str) -> list[Json]:
        with self._lock:
            return [{"Key": key, "Value": value} for key, value in sorted(self._tags.get(arn, {}).items())]
