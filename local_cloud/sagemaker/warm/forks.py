"""The warm process of an image: it imports what steps import, and forks itself for every command of a job."""

from __future__ import annotations

import importlib
import os
import pkgutil
import runpy
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from local_cloud.sagemaker.warm import scripts
from local_cloud.sagemaker.warm.programs import INTERPRETERS
from local_cloud.warm.forks import Order, remember_service_models, serve

SERVICES = ("s3", "sagemaker", "redshift-data", "cloudwatch", "dynamodb", "sts")
_LIBRARIES = ("lightgbm", "pandas", "pyarrow.parquet", "gunicorn.workers.gthread", "jinja2")


def main(address: str) -> None:
    """Import, listen, fork."""
    _import()
    serve(address, _run)


def _import() -> None:
    """Every module of the image that is no program on its own account, and what steps import late."""
    package = importlib.import_module("processing")
    for folder in ("", ".architectures"):
        inside = importlib.import_module(f"processing{folder}") if folder else package
        for found in pkgutil.iter_modules(inside.__path__):
            if not found.ispkg and not found.name.startswith("_"):
                importlib.import_module(f"processing{folder}.{found.name}")
    for name in _LIBRARIES:
        importlib.import_module(name)
    remember_service_models(SERVICES)


def _run(order: Order) -> int:
    program, *arguments = order.command
    if program not in INTERPRETERS or arguments[0] == "-m":
        order.begin_anew()
        return _own(program, arguments)
    script = Path(arguments[0])
    if not scripts.fits(script, order.environment):
        command = [sys.executable, *arguments]
        os.execve(sys.executable, command, order.environment)  # noqa: S606 - a fresh interpreter in its place
    order.begin_anew()
    return scripts.run(script, arguments[1:])


def _own(program: str, arguments: Sequence[str]) -> int:
    if program not in INTERPRETERS:
        sys.argv = [program, *arguments]
        return int(importlib.import_module(f"processing.{program}").main() or 0)
    module, *rest = arguments[1:]
    sys.argv = [module, *rest]
    warnings.filterwarnings("ignore", message=".*found in sys.modules.*")
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
