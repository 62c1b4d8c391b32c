"""How time and memory grow with the catalogue: `python -m benchmarks.speed.scale [--rows N ...]` writes out/scale.json.

The streaming pass runs at every size; the steps of the pipeline, which hold their drop in memory, and the warehouse's
statements at sizes up to `--steps-up-to`. Each runs in a process of its own. docs/scale.md is made from the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from benchmarks.speed import catalogue, warehouse
from benchmarks.speed.products import FEATURES, Models, table, write
from benchmarks.speed.running import machine, say
from benchmarks.speed.usage import measured
from processing.artefact import ARCHIVE, unpack
from processing.job import ROOT_VARIABLE, Record
from processing.scoring.bundle import Bundle
from processing.tables import encode
from rightpack.layout import MANIFEST_NAME, SETTINGS_NAME
from rightpack.manifest import FileEntry, files_in, write_files
from rightpack.settings import Settings

ROWS: Final = (1_000_000, 2_000_000, 5_000_000, 10_000_000)
STEPS_UP_TO: Final = 2_000_000
TRAINING_ROWS: Final = 200_000
ROUNDS: Final = 300
DATA: Final = "s3://data/drops/scale/data/"
OUT: Final = "s3://artefacts/scale/"
TABLES: Final = ("predictions", "recommendations")


def settings() -> Settings:
    """Six types with a model each, over the columns of the benchmark."""
    return Settings.load("dev", [catalogue.ALL_TRAINED, {"features": _features()}])


def _features() -> dict[str, Any]:
    return {"numeric": FEATURES.numeric, "categorical": FEATURES.categorical, "text": (), "derived": "!remove"}


def measure(artefact: Path, folder: Path, rows: int, *, steps: bool) -> dict[str, Any]:
    """The pass over so many products, and the pipeline's steps; their products are removed again."""
    source = write(folder / f"products-{rows}.parquet", 22, rows)
    target = folder / "decided.parquet"
    found = {"pass": catalogue.run("streaming", artefact, source, target) | _size("out", [target])}
    if steps:
        root = folder / "job"
        found |= _steps(root, artefact, source)
        shutil.rmtree(root)
    size = _size("in", [source])
    source.unlink()
    target.unlink()
    return {"rows": rows, **size, "stages": found}


def _steps(root: Path, artefact: Path, source: Path) -> dict[str, Any]:
    """Prepare, Score and Recommend as the pipeline runs them, each from what the one before left."""
    inputs, outputs = root / "processing" / "input", root / "processing" / "output"
    _bring(inputs, artefact, source)
    arguments = ["--data-uri", DATA, "--manifest-uri", DATA + MANIFEST_NAME, "--business-date", "2026-11-02"]
    prepare = _step(root, "processing.prepare_inference", arguments) | _size("out", files_in(outputs / "features"))
    shutil.rmtree(inputs / "data")
    for name in ("features", "profile"):
        (outputs / name).rename(inputs / name)
    (inputs / "scores").mkdir()
    paths = [str(artefact), str(inputs / "features"), str(inputs / "scores")]
    score = _step(root, "benchmarks.speed.scale", ["--score", *paths]) | _size("out", files_in(inputs / "scores"))
    recommend = _step(root, "processing.recommend", [])
    for name in TABLES:
        recommend |= {
            f"{name}_{key}": value for key, value in _size("out", list((outputs / name).glob("*.parquet"))).items()
        }
    return {"prepare": prepare, "score": score, "recommend": recommend}


def _bring(inputs: Path, artefact: Path, source: Path) -> None:
    """The inputs of the first step, and those of later ones that no step of these makes."""
    for name in ("data", "config", "bundle"):
        (inputs / name).mkdir(parents=True)
    (inputs / "config" / SETTINGS_NAME).write_text(settings().to_json())
    (inputs / "data" / "part.parquet").symlink_to(source)
    entry = FileEntry(DATA + "part.parquet", source.stat().st_size, pq.read_metadata(source).num_rows)
    (inputs / "data" / MANIFEST_NAME).write_text(write_files([entry]))
    unpack(artefact / ARCHIVE, inputs / "bundle")
    record = Record("Bundle")
    record.wrote("bundle", inputs / "bundle")
    record.save(inputs / "bundle")
    places = [{"OutputName": name, "S3Output": {"S3Uri": OUT + name}} for name in TABLES]
    (inputs.parents[1] / "config").mkdir()
    job = {"ProcessingOutputConfig": {"Outputs": places}}
    (inputs.parents[1] / "config" / "processingjobconfig.json").write_text(json.dumps(job))


def _step(root: Path, module: str, arguments: Sequence[str]) -> dict[str, float]:
    try:
        return measured(module, arguments, {ROOT_VARIABLE: str(root)})
    except subprocess.CalledProcessError as error:
        notes = root / "output" / "message"
        why = notes.read_text() if notes.exists() else error.stderr.decode()
        raise RuntimeError(f"{module} failed: {why}") from error


def score(artefact: Path, features: Path, scores: Path) -> None:
    """What the containers of the transform job do, but HTTP: file by file, as many at once as there are cores."""
    with tempfile.TemporaryDirectory(prefix="rightpack-") as scratch:
        bundle = Bundle.load(unpack(artefact / ARCHIVE, Path(scratch)))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(partial(_score_one, bundle, scores), files_in(features)))


def _score_one(bundle: Bundle, scores: Path, path: Path) -> None:
    found = bundle.score(pq.read_table(path, use_threads=False))
    (scores / f"{path.name}.out").write_bytes(encode(found))


def _size(what: str, files: Sequence[Path]) -> dict[str, int]:
    return {f"{what}_bytes": sum(path.stat().st_size for path in files), f"{what}_files": len(files)}


def statements(folder: Path, rows: int) -> dict[str, Any]:
    """Seconds of the embedded warehouse: UNLOAD and COPY of `rows`, MERGE of a fifth of them."""
    ratios = warehouse.measure(folder, 1, rows, rows // 5)
    taken = {ratio.name.split()[0]: ratio.figures["embedded_seconds"][0] for ratio in ratios}
    counts = {"unload": rows, "copy": rows, "merge": rows // 5}
    return {name: {"rows": counts[name], "seconds": taken[name]} for name in counts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write, or be the process that scores."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.scale", description=__doc__)
    parser.add_argument("--rows", nargs="+", type=int, default=ROWS)
    parser.add_argument("--steps-up-to", type=int, default=STEPS_UP_TO)
    parser.add_argument("--json", type=Path, default=Path("out/scale.json"))
    parser.add_argument("--artefact", type=Path, help="a folder with a model.tar.gz, instead of learning six models")
    parser.add_argument("--score", nargs=3, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.score:
        score(*options.score)
        return 0
    options.json.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rightpack-scale-") as scratch:
        for report in _reports(options, Path(scratch)):
            options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 0


def _reports(options: argparse.Namespace, folder: Path) -> Iterator[Mapping[str, Any]]:
    """What is known after each size."""
    say("UNLOAD, COPY and MERGE ...")
    report: dict[str, Any] = {"machine": machine(), "statements": statements(folder, min(options.rows)), "sizes": []}
    artefact = options.artefact
    if artefact is None:
        say("learning six models ...")
        artefact = Models.learn(table(1, TRAINING_ROWS), ROUNDS).artefact(folder, catalogue.settings())
    for rows in sorted(options.rows):
        say(f"{rows:,} products ...")
        report["sizes"] += [measure(artefact, folder, rows, steps=rows <= options.steps_up_to)]
        yield report


if __name__ == "__main__":
    sys.exit(main())
