"""Starts containers for jobs: the environment of the image, the role's credentials, `/opt/ml`, and the logs."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local_cloud.host import Host
from local_cloud.sagemaker.container import Container
from local_cloud.sagemaker.errors import JobFailedError, JobStoppedError
from local_cloud.sagemaker.job import Job
from local_cloud.sagemaker.mounts import mounting
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.workspace import Workspace

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_LOG_BATCH = 1000


class Launcher:
    """Runs commands as the containers of jobs. Every image URI is this very Python environment."""

    def __init__(self, host: Host, options: Options) -> None:
        self._host = host
        self._options = options
        self._mounting = mounting(options.bind_mounts)

    def start(self, job: Job, workspace: Workspace, argv: Sequence[str], env: Mapping[str, str]) -> Container:
        """Start a command for a job; `env` is the job's own environment and wins over that of the image."""
        whole = {**self._image_environment(workspace), **env}
        _check_there(argv[0], workspace, whole["PATH"])
        invocation = self._mounting.wrap(workspace.ml, argv, whole)
        grace = self._options.stop_grace
        try:
            container = Container.start(invocation, folder=workspace.folder, log=workspace.log, grace=grace)
        except OSError as problem:
            raise JobFailedError(f"AlgorithmError: exec {argv[0]}: {problem.strerror}, exit code: 126") from problem
        job.attach(container)
        return container

    def run(self, job: Job, workspace: Workspace, argv: Sequence[str], env: Mapping[str, str], *, limit: float) -> int:
        """Run a command to its end and answer its exit code; raises `JobStoppedError` when stopped or out of time."""
        container = self.start(job, workspace, argv, env)
        code = container.wait(limit)
        job.check_stop()
        if container.expired:
            raise JobStoppedError("MaxRuntimeExceeded")
        return code

    def access(self, role: str, session: str) -> dict[str, str]:
        """Environment that lets a container call AWS as the job's role; left out under network isolation."""
        return {
            **self._host.credentials(role, session),
            "AWS_REGION": self._host.region,
            "AWS_DEFAULT_REGION": self._host.region,
            "AWS_ENDPOINT_URL": self._host.url,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def ship_log(self, job: Job, workspace: Workspace) -> None:
        """Append what the container wrote to the job's log stream."""
        stream = f"{job.name}/algo-1-{int(job.describe()['CreationTime'])}"
        for lines in _batches(workspace):
            self._host.put_log(job.kind.log_group, stream, lines)

    def _image_environment(self, workspace: Workspace) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{_SYSTEM_PATH}",
            "HOME": str(workspace.folder),
            "PYTHONPATH": os.pathsep.join(str(folder) for folder in self._options.image_path),
            "PYTHONUNBUFFERED": "1",
            "LANG": "C.UTF-8",
        }


def _check_there(program: str, workspace: Workspace, path: str) -> None:
    """Say clearly that a program is missing, be it one of the image or one that was staged below /opt/ml."""
    staged = program.startswith("/opt/ml/")
    if shutil.which(str(workspace.local(program)) if staged else program, path=path) is None:
        where = "among the files of the job" if staged else f"on the PATH of the image ({path})"
        raise JobFailedError(f"AlgorithmError: exec {program}: not found {where}, exit code: 127")


def _batches(workspace: Workspace) -> Sequence[Sequence[str]]:
    lines = list(workspace.log_lines())
    return [lines[at : at + _LOG_BATCH] for at in range(0, len(lines), _LOG_BATCH)]
