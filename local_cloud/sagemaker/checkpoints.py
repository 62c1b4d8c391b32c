"""Checkpoints of a training job: copied to S3 while its containers run, so that they outlast the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from local_cloud.sagemaker.staging import Staging
from local_cloud.wire import AwsError


class CheckpointSync:
    """Copies what is new in folders below one S3 prefix every so many seconds, and tells `stored` when it did."""

    def __init__(
        self, folders: Sequence[Path], uri: str, staging: Staging, *, every: float, stored: Callable[[], None]
    ) -> None:
        self._folders, self._uri, self._staging = folders, uri.rstrip("/"), staging
        self._every, self._stored = every, stored
        self._seen = {path: stand for folder in folders for path, stand in _stands(folder)}  # what was restored
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="checkpoints", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def copy(self) -> int:
        """Copy what has changed since the last time and return how many files that were."""
        changed = [(f, p, s) for f in self._folders for p, s in _stands(f) if self._seen.get(p) != s]
        return sum(self._put(folder, path, stand) for folder, path, stand in changed)

    def _put(self, folder: Path, path: Path, stand: tuple[int, int]) -> bool:
        try:
            self._staging.put(path, f"{self._uri}/{path.relative_to(folder).as_posix()}")
        except FileNotFoundError:  # a temporary file that has got its name by now
            return False
        self._seen[path] = stand
        return True

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            try:
                copied = self.copy()
            except AwsError:  # the copy at the end meets the same refusal, and fails the job
                return
            if copied:
                self._stored()


def _stands(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    """Files of a folder with what changes when they do; links are left out, as the service does."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if path.is_file() and not path.is_symlink():
            yield path, (found.st_mtime_ns, found.st_size)
