"""Warm execution environments: forks of a process that has imported the runtime's libraries, and no function's code.

A fork is what a process of its own would be: the function's variables, credentials, folder and path, and nothing of any
other function. A package that brings one of those libraries itself, or variables that are read when libraries are
loaded, start a fresh interpreter.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path

from local_cloud.warm.alike import forget, hides_imported, same_start
from local_cloud.warm.forks import Order, remember_service_models, serve
from local_cloud.warm.process import WarmProcess, possible

ENVIRONMENT = {"LANG": "en_US.UTF-8", "TZ": ":UTC"}
SERVICES = ("s3", "sagemaker", "dynamodb", "cloudwatch", "sns", "logs", "redshift-data")
_PROJECT = Path(__file__).resolve().parents[2]
_START = f"""import sys
sys.path.insert(0, {str(_PROJECT)!r})
from local_cloud.lambdas.warm_runtime import main
main(sys.argv[1])"""
_CODE = """from asking import ask
ask({address!r}, sys.argv[1:], [{python!r}, "-S", "-m", "awslambdaric", *sys.argv[1:]])"""


class WarmRuntime(WarmProcess):
    """The process for all functions whose runtime lies in the folder `runtime`."""

    def __init__(self, runtime: Path) -> None:
        super().__init__([sys.executable, "-S", "-c", _START], {**ENVIRONMENT, "PYTHONPATH": str(runtime)})
        self._program = self.program("runtime", _CODE.format(address=str(self.address), python=sys.executable))

    def command(self, handler: str) -> list[str]:
        """What to start in the place of `python -S -m awslambdaric HANDLER`."""
        self.start()
        return [str(self._program), handler]


def warm_runtime(runtime: Path) -> WarmRuntime | None:
    """A warm process for functions; None where forks cannot be watched."""
    return WarmRuntime(runtime) if possible() else None


def main(address: str) -> None:
    """Import, listen, fork; run without site packages, with the runtime as PYTHONPATH."""
    remember_service_models(SERVICES)
    serve(address, _run)


def _run(order: Order) -> int:
    (handler,) = order.command
    folder, *_ = order.environment["PYTHONPATH"].split(os.pathsep)
    if not _fits(Path(folder), order.environment):
        command = [sys.executable, "-S", "-m", "awslambdaric", handler]
        os.execve(sys.executable, command, order.environment)  # noqa: S606 - a fresh interpreter in its place
    forget({"local_cloud"})
    # with -c, the path begins with the project, the working folder and PYTHONPATH; with -m, with the latter two
    sys.path = [folder, *order.environment["PYTHONPATH"].split(os.pathsep), *sys.path[3:]]
    sys.argv = ["awslambdaric", handler]
    order.begin_anew()
    runpy.run_module("awslambdaric", run_name="__main__", alter_sys=True)
    return 0


def _fits(folder: Path, environment: Mapping[str, str]) -> bool:
    rest = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return same_start({**rest, "PYTHONPATH": os.environ["PYTHONPATH"]}) and not hides_imported(folder, {"local_cloud"})
