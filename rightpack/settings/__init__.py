"""Settings: layered TOML, later layers win, unknown keys are errors. Read once at the edge and passed in.

`base.toml` < `<stage>.toml` < overrides of a trigger or the command line. Jobs receive the resolved settings as JSON.
"""

from __future__ import annotations

from rightpack.settings.approval import Criterion, Gate, Slicing
from rightpack.settings.building import build
from rightpack.settings.damage import DamageModel
from rightpack.settings.defence import Defence, Range
from rightpack.settings.drifting import Drift, DriftLimits
from rightpack.settings.launching import Launching
from rightpack.settings.layers import Layer, Layered, assignment, combined, merge, overlay, read_toml
from rightpack.settings.learning import Features, Labels, Split, Training
from rightpack.settings.online import Online
from rightpack.settings.serving import Inference, Recommendation, Warehouse
from rightpack.settings.settings import CONFIG_FOLDER, Settings, stage_layers
from rightpack.settings.steps import Steps
from rightpack.settings.topics import Topics

__all__ = [
    "CONFIG_FOLDER",
    "Criterion",
    "DamageModel",
    "Defence",
    "Drift",
    "DriftLimits",
    "Features",
    "Gate",
    "Inference",
    "Labels",
    "Launching",
    "Layer",
    "Layered",
    "Online",
    "Range",
    "Recommendation",
    "Settings",
    "Slicing",
    "Split",
    "Steps",
    "Topics",
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
