"""Settings: layered TOML, later layers win, unknown keys are errors. Read once at the edge and passed in.

`base.toml` < `<stage>.toml` < overrides of a trigger or the command line. Jobs receive the resolved settings as JSON.
"""

from __future__ import annotations

from rightpack.settings.approval import Criterion, Gate, Slicing
from rightpack.settings.building import build
from rightpack.settings.drifting import Drift, DriftLimits
from rightpack.settings.layers import merge, read_toml
from rightpack.settings.learning import Features, Labels, Split, Training
from rightpack.settings.serving import Inference, Recommendation, Warehouse
from rightpack.settings.settings import CONFIG_FOLDER, Settings

__all__ = [
    "CONFIG_FOLDER",
    "Criterion",
    "Drift",
    "DriftLimits",
    "Features",
    "Gate",
    "Inference",
    "Labels",
    "Recommendation",
    "Settings",
    "Slicing",
    "Split",
    "Training",
    "Warehouse",
    "build",
    "merge",
    "read_toml",
]
