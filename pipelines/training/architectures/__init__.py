"""The part of the training pipeline that trains: all between Prepare and CreateCandidate, one module for each way.

Which algorithm learns is none of their business: `processing` picks it from the settings. A way that needs more steps
adds a module with a function like `single.steps` and a name in `rightpack.settings.steps.TRAININGS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.authoring import Workbench
from pipelines.training.parameters import Parameters
from rightpack.settings.steps import Steps


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned from: the step Prepare, the URI of the training rows, and how a team wants it done."""

    bench: Workbench
    parameters: Parameters
    prepare: Any
    train: Any
    steps: Steps


@dataclass(frozen=True, slots=True)
class SubGraph:
    """Steps in order, and a reference to the `model.tar.gz` that they end in."""

    steps: tuple[Any, ...]
    model_data: Any


Architecture = Callable[[Task], SubGraph]
