"""ZenML: steps of one process, recorded in its local store."""

from __future__ import annotations

import os

import answers
import work
from zenml import pipeline, step


@step
def split_step() -> int:
    """First step."""
    return work.do("split", 0)


@step
def next_step(name: str, before: int) -> int:
    """Any other step."""
    return work.do(name, before)


@pipeline(enable_cache=bool(os.environ.get("TOY_CACHED")))
def toy() -> None:
    """Six steps in a row."""
    number = split_step()
    for name in work.STEPS[1:]:
        number = next_step(name=name, before=number, id=f"{name}_step")


if __name__ == "__main__":
    run = toy()
    answers.keep(run.steps["register_step"].output.load())
