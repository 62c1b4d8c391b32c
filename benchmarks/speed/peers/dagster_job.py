"""Dagster: the multiprocess executor has a process for each step."""

from __future__ import annotations

import answers
import work
from dagster import OpDefinition, job, multiprocess_executor, op


def _first(name: str) -> OpDefinition:
    @op(name=f"{name}_step")
    def run() -> int:
        return work.do(name, 0)

    return run


def _next(name: str) -> OpDefinition:
    @op(name=f"{name}_step")
    def run(before: int) -> int:
        number = work.do(name, before)
        if name == work.STEPS[-1]:
            answers.keep(number)
        return number

    return run


FIRST = _first(work.STEPS[0])
OTHERS = [_next(name) for name in work.STEPS[1:]]


@job(executor_def=multiprocess_executor)
def toy() -> None:
    """Six steps in a row."""
    number = FIRST()
    for other in OTHERS:
        number = other(number)
