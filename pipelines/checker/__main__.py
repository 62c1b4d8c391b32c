"""`python -m pipelines.checker FILE...` prints the problems of definitions; exit code 1 if there are any."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.checker import Problem, check


def main(paths: Sequence[str]) -> int:
    """Check the files at `paths`, print one line per problem."""
    found = {path: problems_of(Path(path)) for path in paths}
    for path, problems in found.items():
        for problem in problems:
            sys.stdout.write(f"{path}: {problem}\n")
    return 1 if any(found.values()) or not paths else 0


def problems_of(path: Path) -> list[Problem]:
    """Problems of one file; that it is not a JSON object is one too."""
    try:
        definition = json.loads(path.read_text())
    except ValueError as error:
        return [Problem("definition", f"is not JSON: {error}")]
    return check(definition) if isinstance(definition, dict) else [Problem("definition", "is not a JSON object")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
