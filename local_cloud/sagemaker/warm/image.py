"""A warm image: programs in a folder that comes first on the PATH of jobs, and the process that they ask."""

from __future__ import annotations

import atexit
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_cloud.sagemaker.warm.programs import INTERPRETERS, asks
from local_cloud.warm.process import WarmProcess, possible

PROGRAMS = (*INTERPRETERS, "train", "serve")
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}  #: what an image sets for whatever runs in it
_CODE = """sys.path.insert(0, {folder!r})
from programs import stand_in
stand_in({address!r}, {python!r}, {path!r})"""


class WarmImage(WarmProcess):
    """Programs for jobs whose PYTHONPATH is `path`; the process behind them starts with the first job that asks it."""

    def __init__(self, path: str) -> None:
        command = [sys.executable, "-m", "local_cloud.sagemaker.warm.forks"]
        super().__init__(command, {**ENVIRONMENT, "PYTHONPATH": path})
        words = {"folder": str(Path(__file__).parent), "address": str(self.address), "python": sys.executable}
        for name in PROGRAMS:
            self.program(f"bin/{name}", _CODE.format(path=path, **words))
        atexit.register(self.stop)

    @property
    def bin(self) -> Path:
        """Folder of the programs."""
        return self.folder / "bin"

    def start_for(self, argv: Sequence[str]) -> None:
        """Start the process if this command will ask for it."""
        if argv[0] in PROGRAMS and asks(argv[0], argv[1:]):
            self.start()


def warm_image(path: Sequence[Path]) -> WarmImage | None:
    """The image of this process for jobs with this PYTHONPATH; None where forks cannot be watched."""
    return _shared(os.pathsep.join(map(str, path))) if possible() else None


@functools.cache
def _shared(path: str) -> WarmImage:
    return WarmImage(path)
