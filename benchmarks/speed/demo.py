"""`rightpack demo` against the bare work of its steps: the same modules on the same inputs, one after the other.

A demo is played once on an embedded cloud, and the inputs of its jobs are kept. Then `python -m benchmarks.speed.demo
FOLDER` does what the jobs did in one process, in the order in which they began; the cloud stays, for what steps ask it.
The demo itself is the command, with everything: a cloud, a shop, unloads, functions, reports.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.speed.ratios import WALL, Ratio, alternating, quotients
from processing.job import ROOT_VARIABLE
from rightpack.cli import demo, records, step, weeks
from rightpack.cli.embedded import embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.ledger import Run

PRODUCTS: Final = 20_000  # what the command itself plays
WEEKS: Final = 3
GOAL: Final = 1.5
PLAN: Final = "jobs.json"
SEED: Final = 7
LAST_WORDS: Final = 1500
_WHY: Final = (
    "the steps are two fifths of what the demo asks of the processors, which its trainings keep busy; the rest is AWS: "
    "calls and their policies, the warehouse's SQL, functions, a process with mounts for each job"
)


@dataclass(frozen=True, slots=True)
class Work:
    """One step of the demo: its command as a module with arguments, its variables, and its `/opt/ml`."""

    module: str
    arguments: list[str]
    variables: Mapping[str, str]
    root: str

    def do(self) -> None:
        """Run it in this process, and let it write what it writes."""
        for folder in ("processing/output", "model", "output"):
            shutil.rmtree(Path(self.root) / folder, ignore_errors=True)
            (Path(self.root) / folder).mkdir(parents=True)
        os.environ.update({**self.variables, ROOT_VARIABLE: self.root})
        sys.argv = [self.module, *self.arguments]
        code = importlib.import_module(self.module).main()
        if code:
            words = [(Path(self.root) / "output" / name) for name in ("message", "failure")]
            said = " ".join(file.read_text() for file in words if file.exists())
            raise RuntimeError(f"{self.module} {self.arguments} ended with {code}: {said}")


def measure(runs: int, products: int = PRODUCTS, n_weeks: int = WEEKS) -> list[Ratio]:
    """The demo's seconds over those of its steps alone."""
    with tempfile.TemporaryDirectory(prefix="rightpack-") as scratch, embedded_cloud("dev") as cloud:
        count = _record(Path(scratch), products, n_weeks)
        environment = {**os.environ, **cloud.environment()}
        bare = [sys.executable, "-m", "benchmarks.speed.demo", scratch]
        whole = [str(Path(sys.executable).with_name("rightpack")), "demo"]
        whole += ["--products", str(products), "--weeks", str(n_weeks), "--reports", f"{scratch}/reports"]
        works = [partial(_run, command, environment) for command in (whole, bare)]
        taken, alone = alternating(works, runs, WALL)
    figures = {"demo_seconds": taken, "bare_seconds": alone, "steps": count, "products": products, "weeks": n_weeks}
    found = Ratio(
        "demo over the bare work of its steps", quotients(taken, alone), GOAL, at_least=False, figures=figures
    )
    return [found if found.met else replace(found, why=_WHY)]


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environment), check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} ended with {done.returncode}: {done.stdout.decode()[-LAST_WORDS:]}")


def _record(folder: Path, products: int, n_weeks: int) -> int:
    """Play the demo and keep what its jobs were given; answer how many they were."""
    stage = Stage.connect("dev")
    shop = weeks.catalogue(stage.settings, seed=SEED, products=products, drift=demo.drift(n_weeks))
    played = demo.play(stage, shop, n_weeks)
    found = [one for run in played for one in _works(stage, run, folder)]
    works = [work for _, work in sorted(found, key=lambda one: one[0])]
    plan = [[work.module, work.arguments, dict(work.variables), work.root] for work in works]
    (folder / PLAN).write_text(json.dumps(plan))
    return len(works)


def _works(stage: Stage, run: Run, folder: Path) -> Iterator[tuple[str, Work]]:
    """The jobs of a run that can be done here, with the moment of their creation."""
    record = records.save(stage, run, folder / run.run_id, whole=True)
    for name, job in record.jobs.items():
        module, *arguments = step.module_of(job)
        root = folder / run.run_id / name
        step.bring(job, root, stage)
        yield str(job.request["CreationTime"]), Work(module, arguments, job.request.get("Environment", {}), str(root))


def main(folder: str) -> None:
    """Do the recorded work, here and now."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        for one in json.loads((Path(folder) / PLAN).read_text()):
            Work(*one).do()


if __name__ == "__main__":
    main(*sys.argv[1:])
