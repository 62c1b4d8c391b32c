"""Training jobs: channels staged, `train` run, the model packed into `model.tar.gz`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

from local_cloud.faults.fault import Fault
from local_cloud.sagemaker.archives import pack
from local_cloud.sagemaker.checkpoints import CheckpointSync
from local_cloud.sagemaker.cluster import Cluster
from local_cloud.sagemaker.errors import LONGEST_REASON, JobFailedError, JobStoppedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.launcher import Ended, Launcher
from local_cloud.sagemaker.metric_log import last_metrics
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.script_mode import prepare_script, script_command, script_environment
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_CONFIG = "/opt/ml/input/config"
_MODEL = "/opt/ml/model"
_OUTPUT = "/opt/ml/output/data"
_CHECKPOINTS = "/opt/ml/checkpoints"
_DEFAULT_RUNTIME = 86_400  # seconds
_LOST = "InternalServerError: We encountered an internal error. Please try again."
_RULES = {"DebugRuleConfigurations": "DebugRule", "ProfilerRuleConfigurations": "ProfilerRule"}


class TrainingRunner:
    """Runs the container contract of a training job, on as many hosts as it asks for."""

    def __init__(self, launcher: Launcher, staging: Staging, options: Options) -> None:
        self._launcher = launcher
        self._staging = staging
        self._options = options
        self._now = options.now

    def __call__(self, job: Job, workspace: Workspace) -> None:
        """Run the job; raises `JobFailedError` or `JobStoppedError` when it does not complete."""
        request = job.describe()
        self._launcher.pull(request["RoleArn"], request["AlgorithmSpecification"].get("TrainingImage", ""))
        self._judge_nothing(job, request)
        while True:
            job.secondary(self._now(), "Downloading")
            cluster = Cluster.create(workspace, request["ResourceConfig"])
            self._prepare(job, cluster, request)
            job.secondary(self._now(), "Training")
            if self._trained(job, cluster, request):
                break
            job.secondary(self._now(), "Interrupted")
            workspace.discard_files()  # another machine begins with what is in S3
            job.secondary(self._now(), "Starting")
        job.secondary(self._now(), "Uploading")
        self._upload(job, cluster, request)

    def _trained(self, job: Job, cluster: Cluster, request: Json) -> bool:
        """Run the containers to their end; False when a spot machine was taken away before."""
        taken: list[Fault] = []
        try:
            ended = self._watched(job, cluster, request, taken)
        except JobStoppedError:
            if any(_files(cluster, _MODEL)):  # what a container saved before it ended is not lost
                self._upload(job, cluster, request)
            raise
        finally:
            if not taken:
                self._save_checkpoints(cluster, request)
            self._keep_metrics(job, cluster, request)
        if taken and (taken[0].message or not request.get("EnableManagedSpotTraining")):
            raise JobFailedError(taken[0].message or _LOST)
        if ended.code and not taken:
            raise JobFailedError(_failure(ended))
        return not taken

    def _watched(self, job: Job, cluster: Cluster, request: Json, taken: list[Fault]) -> Ended:
        """Run the containers while checkpoints are copied; `taken` gets the fault that takes the machines away."""

        def stored() -> None:
            fault = None if taken else self._options.faults.checkpoint_stored(job.kind, job.name)
            if fault:
                taken.append(fault)
                job.take_away()

        with self._syncing(cluster, request, stored) if "CheckpointConfig" in request else nullcontext():
            return self._run(job, cluster, request)

    def _syncing(self, cluster: Cluster, request: Json, stored: Callable[[], None]) -> CheckpointSync:
        folders = [host.local(_checkpoints(request)) for host in cluster.workspaces]
        staging, uri = self._staging.of(request["RoleArn"]), request["CheckpointConfig"]["S3Uri"]
        return CheckpointSync(folders, uri, staging, every=self._options.checkpoint_seconds, stored=stored)

    def _judge_nothing(self, job: Job, request: Json) -> None:
        """Say of every debugger and profiler rule that nobody evaluates it here."""
        now = self._now()
        for member, name in _RULES.items():
            if request.get(member):
                states = [_not_judged(rule, now) for rule in request[member]]
                job.update(now, **{f"{name}EvaluationStatuses": states})

    def _prepare(self, job: Job, cluster: Cluster, request: Json) -> None:
        staging = self._staging.of(request["RoleArn"])
        for host in cluster.workspaces:
            _configure(host, cluster, request)
            if "CheckpointConfig" in request:
                staging.restore(request["CheckpointConfig"]["S3Uri"], host.local(_checkpoints(request)))
        for channel in request.get("InputDataConfig", []):
            job.check_stop()
            path = f"/opt/ml/input/data/{channel['ChannelName']}"
            cluster.stage(staging, channel["DataSource"]["S3DataSource"], path)
        for host in cluster.workspaces:
            prepare_script(host, request, staging)

    def _run(self, job: Job, cluster: Cluster, request: Json) -> Ended:
        env = {"TRAINING_JOB_NAME": job.name, "TRAINING_JOB_ARN": job.arn, **request.get("Environment", {})}
        if not request.get("EnableNetworkIsolation"):
            env = {**self._launcher.access(request["RoleArn"], job.name), **env}
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME)
        scripted = {host: script_environment(request, cluster.hosts, host) for host in cluster.hosts}
        command = _command(request)
        return self._launcher.run(job, cluster.workspaces[0], command, env, limit=limit, by_host=scripted)

    def _keep_metrics(self, job: Job, cluster: Cluster, request: Json) -> None:
        found = last_metrics(request["AlgorithmSpecification"].get("MetricDefinitions", []), *cluster.workspaces)
        now = self._now()
        if found:
            data = [{"MetricName": name, "Value": value, "Timestamp": now} for name, value in found.items()]
            job.update(now, FinalMetricDataList=data)

    def _save_checkpoints(self, cluster: Cluster, request: Json) -> None:
        staging = self._staging.of(request["RoleArn"])
        if "CheckpointConfig" in request:
            for host in cluster.workspaces:
                staging.upload(host.local(_checkpoints(request)), request["CheckpointConfig"]["S3Uri"])

    def _upload(self, job: Job, cluster: Cluster, request: Json) -> None:
        target = f"{request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{job.name}/output"
        staging = self._staging.of(request["RoleArn"])
        _pack(cluster, staging, _MODEL, uri=f"{target}/model.tar.gz")
        if any(_files(cluster, _OUTPUT)):
            _pack(cluster, staging, _OUTPUT, uri=f"{target}/output.tar.gz")
        job.update(self._now(), ModelArtifacts={"S3ModelArtifacts": f"{target}/model.tar.gz"})


def _pack(cluster: Cluster, staging: Staging, container_path: str, *, uri: str) -> None:
    """Store the files of all hosts as one archive; of equal names that of the first host is kept."""
    archive = cluster.workspaces[0].folder / uri.rsplit("/", 1)[-1]
    first, *others = (host.local(container_path) for host in cluster.workspaces)
    pack(first, archive, *others)
    staging.put(archive, uri)


def _not_judged(rule: Json, now: float) -> Json:
    return {
        "RuleConfigurationName": rule["RuleConfigurationName"],
        "RuleEvaluationStatus": "Error",
        "StatusDetails": "The embedded cloud evaluates no debugger or profiler rules (docs/local-cloud.md).",
        "LastModifiedTime": now,
    }


def _command(request: Json) -> list[str]:
    algorithm = request["AlgorithmSpecification"]
    entrypoint = algorithm.get("ContainerEntrypoint") or script_command(request) or ["train"]
    return [*entrypoint, *algorithm.get("ContainerArguments", [])]


def _files(cluster: Cluster, container_path: str) -> Iterator[Path]:
    for host in cluster.workspaces:
        yield from host.local(container_path).iterdir()


def _checkpoints(request: Json) -> str:
    return str(request["CheckpointConfig"].get("LocalPath") or _CHECKPOINTS)


def _configure(host: Workspace, cluster: Cluster, request: Json) -> None:
    """Write the files of /opt/ml/input/config and make the folders a container may write to."""
    channels = request.get("InputDataConfig", [])
    host.make(_CONFIG, "/opt/ml/input/data", _MODEL, _OUTPUT, _CHECKPOINTS)
    host.write_json(f"{_CONFIG}/hyperparameters.json", request.get("HyperParameters", {}))
    host.write_json(f"{_CONFIG}/inputdataconfig.json", _channel_configuration(request, channels))
    host.write_json(f"{_CONFIG}/resourceconfig.json", cluster.training_resources(host.host))
    if "DebugHookConfig" in request:
        host.write_json(f"{_CONFIG}/debughookconfig.json", request["DebugHookConfig"])


def _failure(ended: Ended) -> str:
    written = ended.workspace.read_start("/opt/ml/output/failure", 4 * LONGEST_REASON)
    frame = f"AlgorithmError: , exit code: {ended.code}"
    text = written.decode("utf-8", errors="replace").strip()[: LONGEST_REASON - len(frame)]
    return f"AlgorithmError: {text}, exit code: {ended.code}"


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
