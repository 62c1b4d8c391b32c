"""Where a tool's last step leaves its number, for the benchmark to compare."""

from __future__ import annotations

import os
from pathlib import Path


def keep(number: int) -> None:
    """Write the answer."""
    Path(os.environ["TOY_ANSWER"]).write_text(str(number))
