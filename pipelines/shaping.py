"""A training pipeline from the JSON text of its steps: standard input to standard output, in a process of its own."""

from __future__ import annotations

import json
import sys
from typing import Final

from pipelines.render import render_training
from rightpack.errors import SettingsError
from rightpack.settings import build
from rightpack.settings.steps import Steps

REFUSED: Final = 4


def main() -> int:
    """Render; the last line of standard error says what is wrong with the settings, if anything is."""
    try:
        sys.stdout.write(render_training(build(Steps, json.load(sys.stdin), "steps")))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return REFUSED
    return 0
