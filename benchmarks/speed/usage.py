"""What a process has used: `python -m benchmarks.speed.usage FILE MODULE ARGUMENT ...` runs a module and notes it.

The peak is the kernel's mark of this program alone: that of `getrusage` begins with the memory of the process which
started it.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

STATUS: Final = Path("/proc/self/status")


def peak() -> float:
    """The most memory that this program has held, in bytes."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
    return 1024.0 * int(line.split()[1])


def used() -> dict[str, float]:
    """Seconds of processors and the peak of memory in bytes so far."""
    return {"cpu_seconds": time.process_time(), "peak": peak()}


def measured(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, float]:
    """Run a module in a process of its own: seconds, and what it used; CalledProcessError if it fails."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [sys.executable, "-m", "benchmarks.speed.usage", file.name, module, *arguments]
        began = time.perf_counter()
        subprocess.run(command, check=True, env={**os.environ, **environment}, stderr=subprocess.PIPE)
        seconds = time.perf_counter() - began
        return {"seconds": seconds, **json.loads(Path(file.name).read_text())}


def main() -> None:
    """Be the process that runs a module."""
    target, module = sys.argv[1:3]
    sys.argv = sys.argv[2:]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        Path(target).write_text(json.dumps(used()))


if __name__ == "__main__":
    main()
