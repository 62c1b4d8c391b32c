"""What `python`, `train` and `serve` of a warm image do; runs without site packages, within milliseconds."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

INTERPRETERS = ("python", "python3")


def asks(program: str, arguments: Sequence[str]) -> bool:
    """Whether a command is one for the warm process: a program of the image, a step of ours, or a Python script."""
    if program not in INTERPRETERS:
        return True
    first, second = [*arguments, "", ""][:2]
    return second.startswith("processing.") if first == "-m" else first.endswith(".py")


def stand_in(address: str, python: str, path: str) -> NoReturn:
    """Have this command line run by the warm process, if it is for it; else by the interpreter `python`.

    `path` is the PYTHONPATH that the warm process knows.
    """
    from asking import ask  # type: ignore[import-not-found]  # found where the programs run, without any package

    program, *arguments = [os.path.basename(sys.argv[0]), *sys.argv[1:]]  # noqa: PTH119 - pathlib costs more than all else
    wanted = asks(program, arguments) and os.environ.get("PYTHONPATH") == path
    real = [python, *arguments] if program in INTERPRETERS else [python, "-m", f"processing.{program}", *arguments]
    ask(address if wanted else "", [program, *arguments], real)
    raise AssertionError  # asking never returns
