"""What of a job request the local cloud does not run: refused at once, by name, rather than pretended."""

from __future__ import annotations

import re
from typing import Any

from local_cloud.sagemaker.errors import invalid
from local_cloud.sagemaker.joining import Joining
from local_cloud.sagemaker.staging import bucket_and_key, only_prefix
from local_cloud.wire import Json, NotSimulatedError

_MOST_HOSTS = 20
_NOT_TRAINED_WITH = ("ServerlessJobConfig", "ModelPackageConfig", "MlflowConfig", "SessionChainingConfig")
_PAYLOAD_BUDGET = 100  # MaxConcurrentTransforms x MaxPayloadInMB, megabytes


def _refuse(condition: Any, what: str) -> None:
    if condition:
        raise NotSimulatedError(what)


def check_processing(request: Json) -> None:
    """Refuse a processing job that could not run here; raises `NotSimulatedError` or `ValidationException`."""
    _check_count(request["ProcessingResources"]["ClusterConfig"])
    for item in request.get("ProcessingInputs", []):
        name = item["InputName"]
        _refuse("S3Input" not in item, f"processing input {name} that is not an S3Input")
        source = item["S3Input"]
        only_prefix(source["S3DataType"], f"processing input {name}")
        _refuse(source.get("S3InputMode", "File") != "File", f"pipe mode (processing input {name})")
        _refuse(source.get("S3CompressionType", "None") != "None", f"compressed processing inputs ({name})")
        _local_path(source.get("LocalPath"), f"processing input {name}")
        bucket_and_key(source["S3Uri"])
    for item in request.get("ProcessingOutputConfig", {}).get("Outputs", []):
        _check_output(item)


def _check_output(item: Json) -> None:
    name = item["OutputName"]
    _refuse("S3Output" not in item, f"processing output {name} that is not an S3Output")
    _refuse(item["S3Output"]["S3UploadMode"] != "EndOfJob", f"continuous upload (processing output {name})")
    _local_path(item["S3Output"].get("LocalPath"), f"processing output {name}")
    bucket_and_key(item["S3Output"]["S3Uri"])


def _local_path(path: str | None, what: str) -> None:
    if path is None or not path.startswith("/opt/ml/processing/"):
        raise invalid(f"LocalPath {path!r} of {what} must begin with /opt/ml/processing/.")


def check_training(request: Json) -> None:
    """Refuse a training job that could not run here; raises `NotSimulatedError` or `ValidationException`."""
    algorithm = request.get("AlgorithmSpecification", {})
    _refuse("TrainingImage" not in algorithm, "training without a TrainingImage of your own")
    resources = request.get("ResourceConfig", {})
    _refuse("InstanceGroups" in resources, "ResourceConfig.InstanceGroups (instances of several types)")
    for name in _NOT_TRAINED_WITH:
        _refuse(name in request, f"{name} of a training job")
    _check_count(resources)
    _check_spot(request)
    _check_checkpoints(request.get("CheckpointConfig", {}))
    _refuse(request["OutputDataConfig"].get("CompressionType", "GZIP") != "GZIP", "uncompressed model output")
    bucket_and_key(request["OutputDataConfig"]["S3OutputPath"])
    for channel in request.get("InputDataConfig", []):
        _check_channel(channel, algorithm["TrainingInputMode"])
    for metric in algorithm.get("MetricDefinitions", []):
        _check_metric(metric)


def _check_count(resources: Json) -> None:
    _refuse("InstancePreferences" in resources, "InstancePreferences: give InstanceType and InstanceCount")
    count = resources.get("InstanceCount", 1)
    if not 1 <= count <= _MOST_HOSTS:
        raise invalid(f"InstanceCount {count} must be from 1 to {_MOST_HOSTS}: every instance is a process here.")


def _check_spot(request: Json) -> None:
    stopping = request.get("StoppingCondition", {})
    wait, runtime = stopping.get("MaxWaitTimeInSeconds"), stopping.get("MaxRuntimeInSeconds", 86_400)
    spot = request.get("EnableManagedSpotTraining", False)
    if spot and (wait is None or wait < runtime):
        raise invalid(
            "StoppingCondition.MaxWaitTimeInSeconds must be given and not be less than MaxRuntimeInSeconds "
            "when EnableManagedSpotTraining is true."
        )
    if wait is not None and not spot:
        raise invalid("StoppingCondition.MaxWaitTimeInSeconds is for EnableManagedSpotTraining only.")


def _check_checkpoints(checkpoints: Json) -> None:
    path = checkpoints.get("LocalPath", "/opt/ml/checkpoints")
    if not path.startswith("/opt/ml/"):
        raise NotSimulatedError(f"CheckpointConfig.LocalPath {path}; only folders below /opt/ml/ are")
    if checkpoints:
        bucket_and_key(checkpoints["S3Uri"])


def _check_metric(metric: Json) -> None:
    try:
        re.compile(metric["Regex"])
    except re.error as problem:
        raise invalid(f"Regex of metric {metric['Name']} cannot be read: {problem}") from problem


def _check_channel(channel: Json, mode: str) -> None:
    name = channel["ChannelName"]
    _refuse("S3DataSource" not in channel["DataSource"], f"channel {name} that does not read S3")
    source = channel["DataSource"]["S3DataSource"]
    only_prefix(source["S3DataType"], f"channel {name}")
    _refuse(channel.get("InputMode", mode) == "Pipe", f"pipe mode (channel {name})")
    _refuse(channel.get("CompressionType", "None") != "None", f"compressed channels ({name})")
    bucket_and_key(source["S3Uri"])


def check_transform(request: Json) -> None:
    """Refuse a transform job that could not run here; raises `NotSimulatedError` or `ValidationException`."""
    source = request["TransformInput"]
    only_prefix(source["DataSource"]["S3DataSource"]["S3DataType"], "transform input")
    bucket_and_key(source["DataSource"]["S3DataSource"]["S3Uri"])
    bucket_and_key(request["TransformOutput"]["S3OutputPath"])
    split = source.get("SplitType", "None")
    _refuse(split not in ("None", "Line"), f"SplitType {split}; None and Line are")
    Joining.of(request)
    _check_count(request["TransformResources"])
    _refuse("DataCaptureConfig" in request, "data capture of a transform job")
    budget = (request.get("MaxConcurrentTransforms") or 1) * request.get("MaxPayloadInMB", 6)
    if budget > _PAYLOAD_BUDGET:
        raise invalid(
            f"MaxConcurrentTransforms * MaxPayloadInMB must be at most {_PAYLOAD_BUDGET} MB, but it is {budget}."
        )
