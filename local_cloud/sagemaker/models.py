"""Models: named containers with their data, from an image or from an approved model package."""

from __future__ import annotations

import threading
from collections.abc import Callable

from local_cloud.host import Host
from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.names import Arns
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.tags import Tags
from local_cloud.sagemaker.transform import ServedModel
from local_cloud.sagemaker.validation import described
from local_cloud.wire import Call, Json, NotSimulatedError, Operation

_SERVE = ("serve",)  # what SageMaker runs in the image of every model


class Models:
    """CreateModel and its kin; `packaged` finds the containers of an approved model package by name or ARN."""

    KEPT = ("_models", "_served")

    def __init__(
        self, host: Host, options: Options, *, staging: Staging, tags: Tags, packaged: Callable[[str], list[Json]]
    ) -> None:
        self._arns = Arns(host.account, host.region)
        self._now = options.now
        self._staging = staging
        self._tags = tags
        self._packaged = packaged
        self._models: dict[str, Json] = {}
        self._served: dict[str, ServedModel] = {}
        self._lock = threading.Lock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "CreateModel": self.create,
            "DescribeModel": self.describe,
            "ListModels": self.list,
            "DeleteModel": self.delete,
        }

    def create(self, _call: Call, request: Json) -> Json:
        """CreateModel: the model data must be there; raises `ValidationException` otherwise."""
        name = request["ModelName"]
        arn = self._arns.of("model", name)
        served = self._resolve(request)
        record = {**request, "ModelArn": arn, "CreationTime": self._now()}
        with self._lock:
            if name in self._models:
                raise invalid(f'Cannot create already existing model "{arn}".')
            self._models[name] = record
            self._served[name] = served
        self._tags.put(arn, request.get("Tags", []))
        return {"ModelArn": arn}

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribeModel."""
        return described("DescribeModel", self._get(request["ModelName"]))

    def served(self, name: str) -> ServedModel:
        """What a batch transform starts for a model; raises `ValidationException` when there is none."""
        self._get(name)
        with self._lock:
            return self._served[name]

    def list(self, _call: Call, request: Json) -> Json:
        """ListModels."""
        with self._lock:
            found = [model for name, model in self._models.items() if request.get("NameContains", "") in name]
        keys = {"CreationTime": "CreationTime", "Name": "ModelName"}
        found = ordered(within(found, request, "CreationTime"), request, keys, order="Descending")
        members = ("ModelName", "ModelArn", "CreationTime")
        return page([{member: model[member] for member in members} for model in found], request, "Models")

    def delete(self, _call: Call, request: Json) -> Json:
        """DeleteModel."""
        record = self._get(request["ModelName"])
        with self._lock:
            self._models.pop(request["ModelName"], None)
        self._tags.forget(record["ModelArn"])
        return {}

    def _get(self, name: str) -> Json:
        with self._lock:
            record = self._models.get(name)
        if record is None:
            raise invalid(f'Could not find model "{self._arns.of("model", name)}".')
        return record

    def _resolve(self, request: Json) -> ServedModel:
        containers = [request["PrimaryContainer"]] if "PrimaryContainer" in request else request.get("Containers", [])
        if len(containers) != 1:
            raise (
                NotSimulatedError("models of several containers")
                if containers
                else invalid("A model needs a container.")
            )
        container = self._with_package(containers[0])
        if "Image" not in container:
            raise invalid("A container needs an Image or a ModelPackageName.")
        if "ModelDataSource" in container or container.get("Mode") == "MultiModel":
            raise NotSimulatedError("uncompressed model data and multi-model containers; ModelDataUrl is")
        url = container.get("ModelDataUrl")
        if url and not self._staging.exists(url):
            raise invalid(f"Could not find model data at {url}.")
        owner = request.get("ExecutionRoleArn", "")
        role = "" if request.get("EnableNetworkIsolation") else owner
        return ServedModel(url, _SERVE, container.get("Environment", {}), role, owner, container["Image"])

    def _with_package(self, container: Json) -> Json:
        if "ModelPackageName" not in container:
            return container
        inner = self._packaged(container["ModelPackageName"])
        if len(inner) != 1:
            raise NotSimulatedError("model packages of several containers")
        environment = {**inner[0].get("Environment", {}), **container.get("Environment", {})}
        return {**inner[0], **container, "Environment": environment}
