"""The part of the training pipeline that belongs to a model architecture: all between Prepare and CreateCandidate.

Most architectures need no module here: they are one training job (`single`), and `processing` picks the algorithm from
the settings. One that needs more steps, say features learned beforehand, adds a module with a function like
`single.steps`; the pipeline built with it is a definition of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.authoring import Workbench
from pipelines.training.parameters import Parameters


@dataclass(frozen=True, slots=True)
class SubGraph:
    """Steps in order, and a reference to the `model.tar.gz` that they end in."""

    steps: tuple[Any, ...]
    model_data: Any


Architecture = Callable[[Workbench, Parameters, Any], SubGraph]  # the last argument is the Prepare step
