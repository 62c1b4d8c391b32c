"""The toy pipeline of `orchestrators` once more, with nothing changed: what each tool's cache makes of that.

Metaflow resumes the run, Prefect and ZenML find their steps' results; Dagster and Airflow have no cache for one machine
and run again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from benchmarks.speed.orchestrators import OURS, in_turns, over_fastest, ready, toy_cloud
from benchmarks.speed.ratios import Ratio


def measure(folder: Path, runs: int) -> list[Ratio]:
    """Ours over the fastest of the peers."""
    with toy_cloud() as toy:
        peers, missing = ready(folder)
        for peer in peers.values():
            peer.fill()
        works: dict[str, Callable[[], object]] = {OURS: toy.again}
        works |= {name: peer.again for name, peer in peers.items()}
        for again in works.values():
            again()
        taken = in_turns(works, runs)
    return [over_fastest("cached re-run over the fastest orchestrator", taken, missing)]
