"""The folder of one job on this machine: its `/opt/ml`, its log, and where container paths lie in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from local_cloud.sagemaker.errors import JobFailedError

FIRST_HOST = "algo-1"
_ML = PurePosixPath("/opt/ml")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Paths of one host of a job below `folder`; `ml` is what its container sees as `/opt/ml`."""

    folder: Path
    host: str = FIRST_HOST

    @classmethod
    def create(cls, folder: Path) -> Workspace:
        """Make the folder of a job, empty."""
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "ml").mkdir(parents=True)
        return cls(folder)

    def on(self, number: int) -> Workspace:
        """The workspace of the job's host `number`, counted from 1, which is this one."""
        if number == 1:
            return self
        return Workspace(self.folder / f"algo-{number}", f"algo-{number}")

    def every_host(self) -> list[Workspace]:
        """The workspaces of all hosts that were made, by their number."""
        numbers = sorted(int(path.name.removeprefix("algo-")) for path in self.folder.glob("algo-*"))
        return [self, *(self.on(number) for number in numbers)]

    @property
    def ml(self) -> Path:
        """The job's `/opt/ml`."""
        return self.folder / "ml"

    @property
    def log(self) -> Path:
        """File that collects standard output and error."""
        return self.folder / "log.txt"

    def local(self, container_path: str) -> Path:
        """Where a path below `/opt/ml` lies here; raises `JobFailedError` for any other."""
        path = PurePosixPath(container_path)
        if ".." in path.parts or not path.is_relative_to(_ML):
            raise JobFailedError(f"ClientError: the path {container_path!r} is not below {_ML}.")
        return self.ml / path.relative_to(_ML)

    def make(self, *container_paths: str) -> None:
        """Create folders of the container."""
        for path in container_paths:
            self.local(path).mkdir(parents=True, exist_ok=True)

    def write_json(self, container_path: str, value: Any) -> None:
        """Write a configuration file of the container contract."""
        path = self.local(container_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1, sort_keys=True), encoding="utf-8")

    def read_start(self, container_path: str, size: int) -> bytes:
        """The first `size` bytes of a file the container may have written; empty when it did not."""
        path = self.local(container_path)
        if not path.is_file() or path.is_symlink():
            return b""
        with path.open("rb") as file:
            return file.read(size)

    def log_lines(self) -> Iterator[str]:
        """Lines of output so far, undecodable bytes replaced."""
        if not self.log.exists():
            return
        with self.log.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                yield line.rstrip("\r\n")

    def discard_files(self) -> None:
        """Drop staged and produced files of every host; the logs stay."""
        for workspace in self.every_host():
            shutil.rmtree(workspace.ml, ignore_errors=True)
