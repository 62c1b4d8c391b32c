"""Training jobs: channels staged, `train` run, the model packed into `model.tar.gz`."""

from __future__ import annotations

import re

from local_cloud.sagemaker.archives import pack
from local_cloud.sagemaker.errors import LONGEST_REASON, JobFailedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.launcher import Launcher
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_CONFIG = "/opt/ml/input/config"
_DEFAULT_RUNTIME = 86_400  # seconds


class TrainingRunner:
    """Runs the container contract of a training job."""

    def __init__(self, launcher: Launcher, staging: Staging, options: Options) -> None:
        self._launcher = launcher
        self._staging = staging
        self._now = options.now

    def __call__(self, job: Job, workspace: Workspace) -> None:
        """Run the job; raises `JobFailedError` or `JobStoppedError` when it does not complete."""
        request = job.describe()
        job.secondary(self._now(), "Downloading")
        self._prepare(job, workspace, request)
        job.secondary(self._now(), "Training")
        code = self._run(job, workspace, request)
        self._keep_metrics(job, workspace, request)
        if code:
            raise JobFailedError(_failure(workspace, code))
        job.secondary(self._now(), "Uploading")
        self._upload(job, workspace, request)

    def _prepare(self, job: Job, workspace: Workspace, request: Json) -> None:
        channels = request.get("InputDataConfig", [])
        workspace.make(_CONFIG, "/opt/ml/input/data", "/opt/ml/model", "/opt/ml/output/data", "/opt/ml/checkpoints")
        workspace.write_json(f"{_CONFIG}/hyperparameters.json", request.get("HyperParameters", {}))
        workspace.write_json(f"{_CONFIG}/inputdataconfig.json", _channel_configuration(request, channels))
        hosts = {"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"}
        workspace.write_json(f"{_CONFIG}/resourceconfig.json", hosts)
        for channel in channels:
            job.check_stop()
            folder = workspace.local(f"/opt/ml/input/data/{channel['ChannelName']}")
            self._staging.download(channel["DataSource"]["S3DataSource"]["S3Uri"], folder)

    def _run(self, job: Job, workspace: Workspace, request: Json) -> int:
        algorithm = request["AlgorithmSpecification"]
        arguments = algorithm.get("ContainerArguments", [])
        command = [*algorithm.get("ContainerEntrypoint", ["train"]), *arguments]
        env = {"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn, **request.get("Environment", {})}
        if not request.get("EnableNetworkIsolation"):
            env = {**self._launcher.access(request["RoleArn"], job.name), **env}
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME)
        return self._launcher.run(job, workspace, command, env, limit=limit)

    def _keep_metrics(self, job: Job, workspace: Workspace, request: Json) -> None:
        found = last_metrics(request["AlgorithmSpecification"].get("MetricDefinitions", []), workspace)
        now = self._now()
        if found:
            data = [{"MetricName": name, "Value": value, "Timestamp": now} for name, value in found.items()]
            job.update(now, FinalMetricDataList=data)

    def _upload(self, job: Job, workspace: Workspace, request: Json) -> None:
        target = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        model = workspace.folder / "model.tar.gz"
        pack(workspace.local("/opt/ml/model"), model)
        self._staging.put(model, f"{target}/model.tar.gz")
        data = workspace.local("/opt/ml/output/data")
        if any(data.iterdir()):
            output = workspace.folder / "output.tar.gz"
            pack(data, output)
            self._staging.put(output, f"{target}/output.tar.gz")
        job.update(self._now(), ModelArtifacts={"S3ModelArtifacts": f"{target}/model.tar.gz"})


def last_metrics(definitions: list[Json], workspace: Workspace) -> dict[str, float]:
    """Find the last value of each metric in the log: first group of its regular expression."""
    patterns = {item["Name"]: re.compile(item["Regex"]) for item in definitions}
    found: dict[str, float] = {}
    for line in workspace.log_lines() if patterns else ():
        for name, pattern in patterns.items():
            for match in pattern.finditer(line):
                value = _number(match)
                if value is not None:
                    found[name] = value
    return found


def _number(match: re.Match[str]) -> float | None:
    try:
        return float(match[1])
    except (IndexError, ValueError):
        return None  # a line that only looks like the metric


def _failure(workspace: Workspace, code: int) -> str:
    written = workspace.read_start("/opt/ml/output/failure", 4 * LONGEST_REASON)
    frame = f"AlgorithmError: , exit code: {code}"
    text = written.decode("utf-8", errors="replace").strip()[: LONGEST_REASON - len(frame)]
    return f"AlgorithmError: {text}, exit code: {code}"


def _channel_configuration(request: Json, channels: list[Json]) -> Json:
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    return {channel["ChannelName"]: _one_channel(channel, mode) for channel in channels}


def _one_channel(channel: Json, mode: str) -> Json:
    source = channel["DataSource"]["S3DataSource"]
    configuration = {
        "TrainingInputMode": channel.get("InputMode", mode),
        "S3DistributionType": source.get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return {"ContentType": channel["ContentType"], **configuration} if "ContentType" in channel else configuration
