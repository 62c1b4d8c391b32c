"""Processing jobs: inputs staged, one command run, outputs uploaded when it succeeded."""

from __future__ import annotations

from local_cloud.sagemaker.cluster import Cluster
from local_cloud.sagemaker.errors import JobFailedError, JobStoppedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.launcher import Ended, Launcher
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.staging import Staging
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Json

_MESSAGE = "/opt/ml/output/message"
_LONGEST_MESSAGE = 1024  # bytes
_DEFAULT_RUNTIME = 86_400  # seconds


class ProcessingRunner:
    """Runs the container contract of a processing job."""

    def __init__(self, launcher: Launcher, staging: Staging, options: Options) -> None:
        self._launcher = launcher
        self._staging = staging
        self._now = options.now

    def __call__(self, job: Job, workspace: Workspace) -> None:
        """Run the job; raises `JobFailedError` or `JobStoppedError` when it does not complete."""
        request = job.describe()
        staging = self._staging.of(request["RoleArn"])
        self._launcher.pull(request["RoleArn"], request["AppSpecification"]["ImageUri"])
        cluster = Cluster.create(workspace, request["ProcessingResources"]["ClusterConfig"])
        self._prepare(job, cluster, staging)
        try:
            ended = self._run(job, workspace, request)
        except JobStoppedError:
            self._keep_message(job, workspace)
            raise
        self._keep_message(job, ended.workspace)
        if ended.code:
            raise JobFailedError(f"AlgorithmError: , exit code: {ended.code}")
        for host in cluster.workspaces:
            for output in _outputs(request):
                staging.upload(host.local(output["LocalPath"]), output["S3Uri"])

    def _prepare(self, job: Job, cluster: Cluster, staging: Staging) -> None:
        request = job.describe()
        for host in cluster.workspaces:
            host.make("/opt/ml/config", "/opt/ml/output", "/opt/ml/processing")
            host.write_json("/opt/ml/config/processingjobconfig.json", _configuration(request))
            host.write_json("/opt/ml/config/resourceconfig.json", cluster.resources(host.host))
        for item in request.get("ProcessingInputs", []):
            job.check_stop()
            cluster.stage(staging, item["S3Input"], item["S3Input"]["LocalPath"])
        for host in cluster.workspaces:
            host.make(*(output["LocalPath"] for output in _outputs(request)))

    def _run(self, job: Job, workspace: Workspace, request: Json) -> Ended:
        app = request["AppSpecification"]
        command = [*app.get("ContainerEntrypoint", []), *app.get("ContainerArguments", [])]
        if not command:
            raise JobFailedError(
                "ClientError: the local cloud has no image to take a command from: give ContainerEntrypoint."
            )
        env = dict(request.get("Environment", {}))
        if not request.get("NetworkConfig", {}).get("EnableNetworkIsolation"):
            env = {**self._launcher.access(request["RoleArn"], job.name), **env}
        limit = request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DEFAULT_RUNTIME)
        return self._launcher.run(job, workspace, command, env, limit=limit)

    def _keep_message(self, job: Job, workspace: Workspace) -> None:
        message = workspace.read_start(_MESSAGE, _LONGEST_MESSAGE)
        if not message:
            return
        try:
            job.update(self._now(), ExitMessage=_decoded(message))
        except UnicodeDecodeError as problem:
            raise JobFailedError(f"ClientError: The exit message in {_MESSAGE} is not UTF-8: {problem}") from problem


def _decoded(message: bytes) -> str:
    """Decode a cut text: a character the cut went through is dropped, any other bad byte is an error."""
    try:
        return message.decode("utf-8")
    except UnicodeDecodeError as problem:
        if len(message) < _LONGEST_MESSAGE or problem.start < _LONGEST_MESSAGE - 4:
            raise
        return message[: problem.start].decode("utf-8")


def _outputs(request: Json) -> list[Json]:
    return [item["S3Output"] for item in request.get("ProcessingOutputConfig", {}).get("Outputs", [])]


def _configuration(request: Json) -> Json:
    keys = (
        "ProcessingJobArn",
        "ProcessingJobName",
        "AppSpecification",
        "Environment",
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingResources",
        "RoleArn",
        "StoppingCondition",
    )
    return {key: request[key] for key in keys if key in request}
