"""`make fuzz`: many examples at every door, and a report; exit code 1 where one found a hole.

The report is written as `crashed` first, so that a crash of the interpreter itself leaves that word behind.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import sys
from pathlib import Path
from typing import Any

from tests.faults.fuzz.doors import DOORS, TAKEN
from tests.faults.fuzz.throwing import SHARES, Thrown, throw


def report(found: list[Thrown], number: int) -> dict[str, Any]:
    """What was thrown, taken and refused for which reasons, by door."""
    holes = [thrown.door for thrown in found if thrown.broken]
    return {
        "seed": number,
        "examples": sum(thrown.examples for thrown in found),
        "taken": sum(thrown.outcomes.get(TAKEN, 0) for thrown in found),
        "refused": sum(thrown.examples - thrown.outcomes.get(TAKEN, 0) for thrown in found),
        "doors": {t.door: dict(sorted(t.outcomes.items(), key=lambda pair: (-pair[1], pair[0]))) for t in found},
        "holes": {thrown.door: thrown.broken for thrown in found if thrown.broken},
        "verdict": "fail" if holes else "pass",
    }


def main(arguments: list[str]) -> int:
    """Throw, report, and say how it went."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=Path("out/fuzz.json"))
    options = parser.parse_args(arguments)
    faulthandler.enable()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"verdict": "crashed", "seed": options.seed}))
    found = []
    for door in DOORS:
        print(f"{door.name} ...", file=sys.stderr, flush=True)  # noqa: T201 - a command
        found.append(throw(door, round(SHARES[door.name] * options.examples), options.seed))
    told = report(found, options.seed)
    options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps({k: told[k] for k in ("examples", "taken", "refused", "holes", "verdict")}))  # noqa: T201
    return int(told["verdict"] != "pass")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
