"""Settings: layered TOML, later layers win, unknown keys are errors. Read once at the edge and passed in.

`base.toml` < `<stage>.toml` < overrides of a trigger or the command line. Jobs receive the resolved settings as JSON.
"""

from __future__ import annotations

from rightpack.settings.approval import Criterion, Gate, Slicing
from rightpack.settings.building import build
from rightpack.settings.damage import DamageModel
from rightpack.settings.drifting import Drift, DriftLimits
from rightpack.settings.layers import Layer, Layered, assignment, combined, merge, overlay, read_toml
from rightpack.settings.learning import Features, Labels, Split, Training
from rightpack.settings.serving import Inference, Recommendation, Warehouse
from rightpack.settings.settings import CONFIG_FOLDER, Settings, stage_layers

__all__ = [
    "CONFIG_FOLDER",
    "Criterion",
    "DamageModel",
    "Drift",
    "DriftLimits",
    "Features",
    "Gate",
    "Inference",
    "Labels",
    "Layer",
    "Layered",
    "Recommendation",
    "Settings",
    "Slicing",
    "Split",
    "Training",
    "Warehouse",
    "assignment",
    "build",
    "combined",
    "merge",
    "overlay",
    "read_toml",
    "stage_layers",
]
