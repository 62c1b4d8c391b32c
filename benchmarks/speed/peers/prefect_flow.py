"""Prefect: tasks of one process, recorded by a server that the flow starts."""

from __future__ import annotations

import os

import answers
import work
from prefect import flow, task
from prefect.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE

CACHED = bool(os.environ.get("TOY_CACHED"))


@task(cache_policy=INPUTS + TASK_SOURCE if CACHED else NO_CACHE, persist_result=CACHED)
def step(name: str, before: int) -> int:
    """One step."""
    return work.do(name, before)


@flow
def toy() -> int:
    """Six steps in a row."""
    number = 0
    for name in work.STEPS:
        number = step(name, number)
    return number


if __name__ == "__main__":
    answers.keep(toy())
