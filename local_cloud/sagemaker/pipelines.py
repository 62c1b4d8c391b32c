"""Pipelines and their versions."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from local_cloud.host import Host
from local_cloud.sagemaker.definitions import Definition, parse
from local_cloud.sagemaker.errors import absent, invalid
from local_cloud.sagemaker.names import Arns, last_part
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.paging import ordered, page, within
from local_cloud.sagemaker.tags import Tags
from local_cloud.wire import Call, Json, NotSimulatedError, Operation

_DESCRIPTION = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")


@dataclass(slots=True)
class Pipeline:
    """A pipeline; `versions` are its definitions, the last one in force."""

    name: str
    arn: str
    record: Json
    versions: list[Definition] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def version(self, number: int | None) -> tuple[int, Definition]:
        """Number and definition of a version, by default of the latest; raises `ResourceNotFound`."""
        wanted = len(self.versions) if number is None else number
        if not 1 <= wanted <= len(self.versions):
            raise absent(f"Pipeline {self.arn} has no version {wanted}.")
        return wanted, self.versions[wanted - 1]


class Pipelines:
    """CreatePipeline and its kin."""

    KEPT = ("_pipelines", "_tokens")

    def __init__(self, host: Host, options: Options, *, tags: Tags) -> None:
        self._arns = Arns(host.account, host.region)
        self._objects = host.objects
        self._now = options.now
        self._tags = tags
        self._pipelines: dict[str, Pipeline] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.RLock()

    def operations(self) -> dict[str, Operation]:
        """Operations by API name."""
        return {
            "CreatePipeline": self.create,
            "UpdatePipeline": self.update,
            "DeletePipeline": self.delete,
            "DescribePipeline": self.describe,
            "ListPipelines": self.list,
            "ListPipelineVersions": self.list_versions,
        }

    def get(self, name_or_arn: str) -> Pipeline:
        """Find a pipeline; raises `ResourceNotFound`. Names do not differ by case alone: ARNs are lower-case."""
        name = last_part(name_or_arn).lower()
        with self._lock:
            found = self._pipelines.get(name)
        if found is None:
            raise absent(f"Pipeline '{self._arns.pipeline(name)}' does not exist.")
        return found

    def ran(self, pipeline: Pipeline) -> None:
        """Note the start of an execution."""
        with self._lock:
            pipeline.record["LastRunTime"] = self._now()

    def create(self, _call: Call, request: Json) -> Json:
        """CreatePipeline; raises `ValidationException` for a name in use, unless the ClientRequestToken is the same."""
        name = request["PipelineName"]
        definition = self._definition(request)
        if definition is None:
            raise invalid("Either PipelineDefinition or PipelineDefinitionS3Location must be given.")
        with self._lock:
            if name.lower() in self._pipelines:
                return self._again(request)
            pipeline = self._new(name, request)
            self._add_version(pipeline, definition)
            self._pipelines[name.lower()] = pipeline
            self._tokens[request["ClientRequestToken"]] = pipeline.arn
        self._tags.put(pipeline.arn, request.get("Tags", []))
        return {"PipelineArn": pipeline.arn}

    def update(self, _call: Call, request: Json) -> Json:
        """UpdatePipeline: a changed definition becomes a new version; running executions keep theirs."""
        pipeline = self.get(request["PipelineName"])
        definition = self._definition(request)
        with self._lock:
            pipeline.record.update({key: request[key] for key in _DESCRIPTION if key in request})
            pipeline.record["LastModifiedTime"] = self._now()
            if definition is not None and definition.text != pipeline.versions[-1].text:
                self._add_version(pipeline, definition)
            return {"PipelineArn": pipeline.arn, "PipelineVersionId": len(pipeline.versions)}

    def delete(self, _call: Call, request: Json) -> Json:
        """DeletePipeline; its executions can still be described."""
        pipeline = self.get(request["PipelineName"])
        with self._lock:
            self._pipelines.pop(pipeline.name.lower(), None)
        self._tags.forget(pipeline.arn)
        return {"PipelineArn": pipeline.arn}

    def describe(self, _call: Call, request: Json) -> Json:
        """DescribePipeline."""
        if "PipelineVersionAlias" in request:
            raise NotSimulatedError("pipeline version aliases")
        pipeline = self.get(request["PipelineName"])
        with self._lock:
            _, definition = pipeline.version(request.get("PipelineVersionId"))
            return {**pipeline.record, "PipelineDefinition": definition.text}

    def list(self, _call: Call, request: Json) -> Json:
        """ListPipelines."""
        prefix = request.get("PipelineNamePrefix", "")
        with self._lock:
            records = [dict(pipeline.record) for pipeline in self._pipelines.values()]
        found = [record for record in records if record["PipelineName"].startswith(prefix)]
        keys = {"CreationTime": "CreationTime", "Name": "PipelineName"}
        found = ordered(within(found, request, "CreationTime", prefix="Created"), request, keys, order="Descending")
        return page([_summary(record) for record in found], request, "PipelineSummaries")

    def list_versions(self, _call: Call, request: Json) -> Json:
        """ListPipelineVersions."""
        pipeline = self.get(request["PipelineName"])
        with self._lock:
            times = list(enumerate(pipeline.times, start=1))
        versions = [
            {"PipelineArn": pipeline.arn, "PipelineVersionId": number, "CreationTime": created}
            for number, created in times
        ]
        found = within(versions, request, "CreationTime", prefix="Created")
        found = ordered(found, request, {"": "PipelineVersionId"}, order="Descending")
        return page(found, request, "PipelineVersionSummaries")

    def _definition(self, request: Json) -> Definition | None:
        location = request.get("PipelineDefinitionS3Location")
        if location is None:
            text = request.get("PipelineDefinition")
            return None if text is None else parse(text)
        if "PipelineDefinition" in request:
            raise invalid("Only one of PipelineDefinition and PipelineDefinitionS3Location can be given.")
        if "VersionId" in location:
            raise NotSimulatedError("object versions in PipelineDefinitionS3Location")
        return parse(self._objects.read(location["Bucket"], location["ObjectKey"]).decode("utf-8"))

    def _again(self, request: Json) -> Json:
        pipeline = self.get(request["PipelineName"])
        if self._tokens.get(request["ClientRequestToken"]) == pipeline.arn:
            return {"PipelineArn": pipeline.arn}
        raise invalid(
            "Pipeline names must be unique within an AWS account and region. Pipeline with name "
            f"({request['PipelineName']}) already exists."
        )

    def _new(self, name: str, request: Json) -> Pipeline:
        now = self._now()
        arn = self._arns.pipeline(name)
        state = {"PipelineName": name, "PipelineArn": arn, "PipelineStatus": "Active"}
        times = {"CreationTime": now, "LastModifiedTime": now, "CreatedBy": {}, "LastModifiedBy": {}}
        given = {"PipelineDisplayName": name, **{key: request[key] for key in _DESCRIPTION if key in request}}
        return Pipeline(name, arn, {**given, **state, **times})

    def _add_version(self, pipeline: Pipeline, definition: Definition) -> None:
        pipeline.versions.append(definition)
        pipeline.times.append(self._now())


def _summary(record: Json) -> Json:
    kept = (
        "PipelineArn",
        "PipelineName",
        "PipelineDisplayName",
        "PipelineDescription",
        "RoleArn",
        "CreationTime",
        "LastModifiedTime",
    )
    summary = {key: record[key] for key in kept if key in record}
    return {**summary, "LastExecutionTime": record["LastRunTime"]} if "LastRunTime" in record else summary
