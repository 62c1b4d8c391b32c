"""Letting a bad input in by the door that it would really use, and finding out where it went."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processing import bundle
from processing.intake import ColumnMapping
from processing.job import ROOT_VARIABLE, run_step
from rightpack.cli import own_data
from rightpack.cli.own_data import Loaded
from rightpack.cli.stage import Stage
from rightpack.ledger import Run
from rightpack.manifest import Artefact, StepManifest
from rightpack.trigger import TriggerObject
from tests.faults.inputs.archives import ARCHIVE, TYPE
from tests.faults.inputs.bad import BUCKET, DATE, FILES, Bad, Entry
from tests.faults.inputs.loads import ARTEFACTS, COUNT, NAMES, prefix
from tests.faults.inputs.own_files import MAPPING
from tests.faults.inputs.triggers import NAME
from tests.unit.processing.world import ENVIRONMENT, GROUP, Desk, settings, told

ARGUMENTS: Final = {
    Entry.PRODUCTS: ("prepare_inference", ()),
    Entry.LABELS: ("prepare", ("--package-type", "padded-mailer")),
    Entry.DAMAGE: ("prepare", ("--package-type", "every-type")),
}
OUTPUTS: Final = {
    Entry.PRODUCTS: ("features",),
    Entry.LABELS: ("train", "validation", "labels"),
    Entry.DAMAGE: ("train", "validation", "labels"),
}
DEADLINE_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job ended: exit code, the message that the platform shows, its whole log, and its folder."""

    code: int
    says: str
    log: str
    root: Path

    def outputs(self, *names: str) -> list[str]:
        """Files that it left in these outputs."""
        folder = self.root / "processing" / "output"
        return sorted(p.name for name in names for p in (folder / name).rglob("*") if p.is_file())


def run_module(module: str, root: Path, environment: dict[str, str], *arguments: str) -> Ended:
    """Run a step as the image does, in the folder `root` instead of /opt/ml."""
    command = [sys.executable, "-m", f"processing.{module}", *arguments]
    done = subprocess.run(
        command,
        env={**environment, **ENVIRONMENT, ROOT_VARIABLE: str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    message = root / "output" / "message"
    return Ended(done.returncode, message.read_text() if message.exists() else "", done.stderr, root)


def put_trigger(stage: Stage, bad: Bad) -> TriggerObject:
    """Put a trigger file where S3 announces it."""
    key = bad.drop + NAME
    answer = stage.client("s3").put_object(Bucket=BUCKET, Key=key, Body=bad.files()[NAME])
    return TriggerObject(BUCKET, key, answer.get("VersionId") or answer["ETag"])


def awaited(stage: Stage, source: TriggerObject) -> Run:
    """The run of a trigger once it has an end."""
    run: Run = until(lambda: _ended(stage, source))
    return run


def _ended(stage: Stage, source: TriggerObject) -> Run | None:
    run = stage.ledger.find(source.run_id)
    return run if run is not None and run.ended_at else None


def until(question: Callable[[], Any]) -> Any:
    """The answer to a question as soon as it has one; only the deadline of a broken test is ever waited for."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (answer := question()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)
    return answer


def prepare(bad: Bad, root: Path, environment: dict[str, str]) -> Ended:
    """Give a drop to the step Prepare of its pipeline."""
    _inputs(root, data=FILES / bad.name)
    module, more = ARGUMENTS[bad.entry]
    place = ("--data-uri", bad.data_uri, "--manifest-uri", f"{bad.data_uri}part_manifest", "--business-date", DATE)
    return run_module(module, root, environment, *place, *more)


def load(bad: Bad, root: Path, stage: Stage, environment: dict[str, str]) -> Ended:
    """Give the results of a run to the step Load."""
    for name, body in bad.files().items():
        stage.client("s3").put_object(Bucket=ARTEFACTS, Key=prefix(bad.name) + name, Body=body)
    report = root / "report"
    report.mkdir(parents=True)
    (report / "summary.json").write_text(json.dumps({"models": []}))
    rows = {name: _claimed(bad, name) for name in NAMES}
    said = StepManifest("Recommend", (), tuple(Artefact(n, r, 1, "0") for n, r in rows.items()), 1.0)
    (report / "manifest.json").write_text(said.to_json())
    _inputs(root, report=report)
    uris = [(f"--{name}-manifest", f"s3://{ARTEFACTS}/{prefix(bad.name)}{name}/manifest") for name in NAMES]
    arguments = ["--run-id", bad.name, "--business-date", DATE, *(part for pair in uris for part in pair)]
    return run_module("load", root, environment, *arguments)


def _claimed(bad: Bad, name: str) -> int:
    (entry,) = json.loads(bad.files()[f"{name}/manifest"])["entries"]
    return int(entry["meta"].get("record_count", COUNT))


def bundled(bad: Bad, root: Path) -> Ended:
    """Approve an archive as a model, and let Bundle fetch it."""
    desk = Desk(root, settings())
    key = f"{GROUP}/1/{ARCHIVE}"
    desk.cloud.s3.objects["models", key] = bad.files()[ARCHIVE]
    desk.cloud.sagemaker.approve(f"rightpack-dev-{TYPE}", f"s3://models/{key}")
    job = desk.job("bundle")
    return Ended(run_step(bundle.run, job), told(job), "", job.root)


def own_file(bad: Bad, stage: Stage) -> Loaded:
    """Load somebody's own file, as the command does."""
    folder = FILES / bad.name
    mapping = ColumnMapping.from_toml(folder / MAPPING) if (folder / MAPPING).exists() else ColumnMapping()
    (path,) = (p for p in folder.iterdir() if p.name != MAPPING)
    return own_data.load(stage, path.name.partition(".")[0], path, mapping, first_seen=dt.date.fromisoformat(DATE))


def _inputs(root: Path, **folders: Path) -> None:
    config = root / "processing" / "input" / "config"
    config.mkdir(parents=True)
    (config / "settings.json").write_text(settings().to_json())
    for name, source in folders.items():
        (config.parent / name).symlink_to(source, target_is_directory=True)


def kept(stage: Stage, where: str) -> dict[str, bytes]:
    """Objects below a prefix of the data bucket, by key."""
    s3 = stage.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=where).get("Contents", [])
    return {f["Key"]: s3.get_object(Bucket=BUCKET, Key=f["Key"])["Body"].read() for f in found}
