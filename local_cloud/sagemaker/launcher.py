"""Starts containers for jobs: the environment of the image, the role's credentials, `/opt/ml`, and the logs."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from local_cloud.host import Host
from local_cloud.sagemaker.container import Container
from local_cloud.sagemaker.errors import JobFailedError, JobStoppedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.mounts import mounting
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.warm.image import ENVIRONMENT, warm_image
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import Call

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_LOG_BATCH = 1000
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.[\w.-]+/(?P<repository>[^:@]+)")
_PULLING = ("BatchCheckLayerAvailability", "GetDownloadUrlForLayer", "BatchGetImage")
SERVICE = "sagemaker.amazonaws.com"
_KILLED = 128  # and the number of the signal: what a container's exit code is then


@dataclass(frozen=True, slots=True)
class Ended:
    """How the containers of a job ended: the exit code, and the host it is of (the first that failed, else algo-1)."""

    code: int
    workspace: Workspace


class Launcher:
    """Runs commands as the containers of jobs. Every image URI is this very Python environment."""

    def __init__(self, host: Host, options: Options) -> None:
        self._host = host
        self._options = options
        self._mounting = mounting(options.bind_mounts)
        self._warm = warm_image(options.image_path) if options.warm else None

    def start(self, job: Job, workspace: Workspace, argv: Sequence[str], env: Mapping[str, str]) -> Container:
        """Start a command for a job; `env` is the job's own environment and wins over that of the image."""
        if self._warm:
            self._warm.start_for(argv)
        whole = {**self._image_environment(workspace), **env}
        _check_there(argv[0], workspace, whole["PATH"])
        invocation = self._mounting.wrap(workspace.ml, argv, whole)
        grace = self._options.stop_grace
        try:
            container = Container.start(invocation, folder=workspace.folder, log=workspace.log, grace=grace)
        except OSError as problem:
            raise JobFailedError(f"AlgorithmError: exec {argv[0]}: {problem.strerror}, exit code: 126") from problem
        job.attach(container)
        access_key = env.get("AWS_ACCESS_KEY_ID", "")
        self._options.faults.job_started(job.kind, job.name, access_key, container.kill)
        return container

    def run(
        self,
        job: Job,
        workspace: Workspace,
        argv: Sequence[str],
        env: Mapping[str, str],
        *,
        limit: float,
        by_host: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Ended:
        """Run a command on every host of a job to its end; one that fails takes the others with it.

        `by_host` is what the environment of single hosts holds besides.
        Raises `JobStoppedError` when the job was stopped or `limit` seconds passed.
        """
        hosts = workspace.every_host()
        containers: list[Container] = []
        try:
            for host in hosts:
                own = (by_host or {}).get(host.host, {})
                containers.append(self.start(job, host, argv, {**own, **env}))
            first, code = _wait(containers, limit)
        finally:
            for container in containers:
                container.kill()
        job.check_stop()
        if any(container.expired for container in containers):
            raise JobStoppedError("MaxRuntimeExceeded")
        return Ended(_KILLED - code if code < 0 else code, hosts[first])

    def pull(self, role: str, image: str) -> None:
        """Fetch an image in the name of a role: nothing to fetch here, but the role must be allowed to."""
        matched = _ECR.match(image)
        if matched is None or not role:
            return
        for action in ("GetAuthorizationToken", *_PULLING):
            call = Call("ecr", action, self._host.account, self._host.region, role)
            self._host.permit(call, {"repositoryName": matched["repository"]})

    def access(self, role: str, session: str) -> dict[str, str]:
        """Environment that lets a container call AWS as the job's role; left out under network isolation."""
        return {
            **self._host.credentials(role, session),
            "AWS_REGION": self._host.region,
            "AWS_DEFAULT_REGION": self._host.region,
            "AWS_ENDPOINT_URL": self._host.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def ship_log(self, job: Job, workspace: Workspace, role: str) -> None:
        """Append what the containers wrote to log streams of the job, one for each host."""
        created = int(job.describe()["CreationTime"])
        for host in workspace.every_host():
            for lines in _batches(host):
                self._host.put_log(job.kind.log_group, f"{job.name}/{host.host}-{created}", lines, role=role)

    def _image_environment(self, workspace: Workspace) -> dict[str, str]:
        return {
            "PATH": os.pathsep.join([*self._programs(), _SYSTEM_PATH]),
            "HOME": str(workspace.folder),
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in self._options.image_path),
            **ENVIRONMENT,
        }

    def _programs(self) -> list[str]:
        return [*([str(self._warm.bin)] if self._warm else []), str(Path(sys.executable).parent)]


def _check_there(program: str, workspace: Workspace, path: str) -> None:
    """Say clearly that a program is missing, be it one of the image or one that was staged below /opt/ml."""
    staged = program.startswith("/opt/ml/")
    if shutil.which(str(workspace.local(program)) if staged else program, path=path) is None:
        where = "among the files of the job" if staged else f"on the PATH of the image ({path})"
        raise JobFailedError(f"AlgorithmError: exec {program}: not found {where}, exit code: 127")


def _wait(containers: Sequence[Container], limit: float) -> tuple[int, int]:
    """Wait for all; answer the place and exit code of the first that failed, after which the others were stopped."""
    failed: list[tuple[int, int]] = []
    with ThreadPoolExecutor(len(containers), thread_name_prefix="containers") as pool:
        waiting = {pool.submit(container.wait, limit): at for at, container in enumerate(containers)}
        for ended in as_completed(waiting):
            if ended.result():
                failed.append((waiting[ended], ended.result()))
                for container in containers:
                    container.stop()
    return failed[0] if failed else (0, 0)


def _batches(workspace: Workspace) -> Iterator[Sequence[str]]:
    lines = list(workspace.log_lines())
    return (lines[at : at + _LOG_BATCH] for at in range(0, len(lines), _LOG_BATCH))
