"""Bundle: the approved model of every training target in one artefact, so that one pass scores them all."""

from __future__ import annotations

import datetime as dt
import logging
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from processing.artefact import INDEX, Card, Entry, pack, read_index, write_index
from processing.fetching import fetch
from processing.job import Job, Record, run_step
from rightpack.errors import DataError
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.packaging import EVERY_TYPE
from rightpack.registry import ModelPackage, Registry
from rightpack.settings import Settings

log = logging.getLogger(__name__)


def run(job: Job) -> None:
    """Write output `bundle`: `model.tar.gz` and its `bundle.json`; count the types left out as a metric."""
    record = Record("Bundle")
    settings = job.settings(job.input("config"))
    champions = _champions(job, settings)
    left_out = [name for name, package in champions.items() if package is None and name != EVERY_TYPE]
    output = job.output("bundle")
    with tempfile.TemporaryDirectory() as scratch:
        merged = merge({n: p for n, p in champions.items() if p}, left_out, job.client("s3"), Path(scratch))
        pack(merged, output / "model.tar.gz")
        shutil.copyfile(merged / INDEX, output / INDEX)
    record.wrote("bundle", output)
    record.save(output)
    metrics = Metrics(job.client("cloudwatch"), job.layout.stage)
    for name, package in champions.items():
        metrics.put({Metric.MODEL_MISSING: float(package is None)}, PackageType=name)


def _champions(job: Job, settings: Settings) -> dict[str, ModelPackage | None]:
    """Serving model of each trained type and of the joint one; DataError if there is none at all."""
    registry, layout = Registry(job.client("sagemaker")), job.layout
    found = {name: registry.champion(layout.model_group(name)) for name in settings.targets}
    if not any(found.values()):
        names = ", ".join(found) or "none"
        raise DataError(
            f"Nothing that is trained ({names}) has an approved model. "
            "Train first, or approve a version by hand (`rightpack models`)."
        )
    for name in (n for n, package in found.items() if package is None):
        log.warning("%s is left out: no model of it is approved", name)
    return found


def merge(packages: Mapping[str, ModelPackage], left_out: list[str], s3: Any, scratch: Path) -> Path:
    """Unpacked bundle of all `packages` by package type; its bytes depend on the models alone."""
    merged = scratch / "bundle"
    merged.mkdir()
    entries = [_add(merged, fetch(packages[n], s3, scratch / n), n, packages[n]) for n in sorted(packages)]
    write_index(merged, entries, sorted(left_out))
    return merged


def _add(merged: Path, artefact: Path, name: str, package: ModelPackage) -> Entry:
    """Move the one model of an artefact into the bundle; DataError if it is another type's."""
    entries, _ = read_index(artefact)
    own = [e for e in entries if e.package_type == name]
    if len(own) != 1:
        held = ", ".join(e.package_type for e in entries) or "nothing"
        raise DataError(f"{package.arn} should hold a model of {name!r}, but it holds {held}. Reject that version.")
    card = Card.load(artefact / own[0].directory)
    shutil.move(artefact / own[0].directory, merged / name)
    approved = package.approved_at.astimezone(dt.UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    return Entry(name, name, card.architecture, package.arn, approved)


def main() -> int:
    """Entry of the step."""
    return run_step(run)


if __name__ == "__main__":
    sys.exit(main())
