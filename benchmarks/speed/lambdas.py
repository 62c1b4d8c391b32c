"""How long a fresh interpreter needs to import each Lambda's handler."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.speed.ratios import Ratio

MOST_MILLISECONDS: Final = 80.0
LAMBDAS: Final = Path(__file__).resolve().parents[2] / "lambdas"
CODE: Final = """
import time
began = time.perf_counter()
import lambdas.{name}.handler
print(1e3 * (time.perf_counter() - began))
"""


def measure(runs: int) -> list[Ratio]:
    """The slowest handler's median, in milliseconds; no installed package can be seen."""
    names = sorted(path.parent.name for path in LAMBDAS.glob("*/handler.py"))
    _import(names[0])  # compiles what all of them share
    found = {name: tuple(_import(name) for _ in range(runs)) for name in names}
    ratios = {name: Ratio(name, taken, MOST_MILLISECONDS, at_least=False) for name, taken in found.items()}
    slowest = max(ratios.values(), key=lambda ratio: ratio.value)
    figures = {name: round(ratio.value, 1) for name, ratio in ratios.items()} | {"slowest": slowest.name}
    name = "Lambda cold import, milliseconds"
    return [Ratio(name, slowest.runs, MOST_MILLISECONDS, at_least=False, figures=figures)]


def _import(name: str) -> float:
    command = [sys.executable, "-S", "-c", CODE.format(name=name)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=LAMBDAS.parent)
    return float(answer.stdout)
