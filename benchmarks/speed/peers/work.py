"""What each of the six steps does: import the three libraries, and make a number of the one before.

`python work.py STEP BEFORE AFTER` is a step as a process; BEFORE is `-` for the first.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

STEPS = ("split", "train", "transform", "evaluate", "compare", "register")


def do(step: str, before: int) -> int:
    """The number of a step."""
    import lightgbm
    import pandas as pd
    import pyarrow as pa

    frame = pd.DataFrame({"number": pa.array([before, STEPS.index(step), len(lightgbm.__name__)]).to_pylist()})
    return int((frame["number"] * [31, 7, 1]).sum()) % 1_000_003


def main(step: str, before: str, after: str) -> None:
    """Read the number before, write the one after."""
    number = 0 if before == "-" else json.loads(Path(before).read_text())
    Path(after).write_text(json.dumps(do(step, number)))


if __name__ == "__main__":
    main(*sys.argv[1:])
