"""Runs measurements one after the other, says how far it is, and keeps what came out: a report, its history, a page."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from benchmarks.speed.page import kept, results_page
from benchmarks.speed.ratios import Ratio

CPUS: Final = Path("/proc/cpuinfo")
LIBRARIES: Final = ("duckdb", "lightgbm", "numpy", "pandas", "pyarrow")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """What was measured: ratios, seconds by measurement, and why a measurement broke."""

    at: dt.datetime
    machine: dict[str, Any]
    ratios: list[Ratio] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def missed(self) -> list[str]:
        """Names of ratios that miss their goal, and of measurements that broke."""
        return [ratio.name for ratio in self.ratios if not ratio.met] + list(self.failed)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "at": self.at.isoformat(timespec="seconds"),
            "machine": self.machine,
            "seconds": {name: round(taken, 1) for name, taken in self.seconds.items()},
            "ratios": {ratio.name: ratio.to_dict() for ratio in self.ratios},
            "failed": self.failed,
        }


def run(measurements: Mapping[str, Callable[[], list[Ratio]]]) -> Outcome:
    """Run them in order; one that breaks is told and does not stop the others."""
    outcome = Outcome(dt.datetime.now(dt.UTC), machine())
    for place, (name, measurement) in enumerate(measurements.items(), start=1):
        say(f"[{place} of {len(measurements)}] {name} ...")
        began = time.perf_counter()
        try:
            for ratio in measurement():
                say(described(ratio))
                outcome.ratios.append(ratio)
        except Exception as error:  # what took half an hour before must not be lost
            log.exception("%s broke", name)
            outcome.failed[name] = repr(error)
        outcome.seconds[name] = time.perf_counter() - began
        say(f"    {name} took {outcome.seconds[name]:.0f} s")
    return outcome


def keep(outcome: Outcome, target: Path) -> Path:
    """Write the report to `target` and into the folder of its name; the page of all that this folder keeps."""
    history = target.with_suffix("")
    history.mkdir(parents=True, exist_ok=True)
    text = json.dumps(outcome.to_dict(), indent=1) + "\n"
    target.write_text(text)
    (history / f"{outcome.at:%Y%m%dT%H%M%SZ}.json").write_text(text)
    page = target.with_suffix(".html")
    page.write_text(results_page(kept(history)))
    return page


def described(ratio: Ratio) -> str:
    """A ratio as one line."""
    bound = "at least" if ratio.at_least else "at most"
    found = f"{ratio.value:.3g} [{min(ratio.runs):.3g}, {max(ratio.runs):.3g}]" if ratio.runs else "no figure"
    met = "met   " if ratio.met else "MISSED"
    return f"{met} {ratio.name}: {found} ({bound} {ratio.goal:g}) {ratio.why}".rstrip()


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "machine": platform.machine(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def _processor() -> str:
    lines: Sequence[str] = CPUS.read_text().splitlines() if CPUS.exists() else ()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
