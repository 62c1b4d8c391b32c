"""A tiny shop, drops made from it, and stand-ins for the AWS services that steps call."""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.exceptions import ClientError

from processing import bundle, evaluate, prepare, prepare_inference, recommend, train
from processing.artefact import Entry, pack, write_index
from processing.invocations import PARQUET, Application
from processing.job import Job, run_step
from processing.scoring.bundle import Bundle
from rightpack.manifest import FileEntry, files_in, write_files
from rightpack.settings import Settings

DATA = "s3://data/drops/x/data/"
MANIFEST = f"{DATA}part_manifest"
GROUP = "rightpack-dev-padded-mailer"
TYPE = "padded-mailer"
ENVIRONMENT = {
    "RIGHTPACK_STAGE": "dev",
    "RIGHTPACK_ACCOUNT": "123456789012",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PACKAGE_TYPE": TYPE,
}
WORDS = ["glass", "fragile", "cotton", "steel", "blue", "set", "of", "two", "mug", "shirt", "lamp", "cable"]
CATEGORIES = ["kitchen", "fashion", "tools", "toys", "books"]


def settings(**overrides: Any) -> Settings:
    """Settings of the dev stage, quick to work with."""
    quick = {"training": {"parameters": {"rounds": 40}}, "gate": {"bootstrap_rounds": 40}}
    return Settings.load("dev", [quick, overrides])


def products(count: int, seed: int = 1) -> pa.Table:
    """Products with every raw column of the base settings; some values are missing."""
    rng = np.random.default_rng(seed)
    sides = np.exp(rng.normal([3.2, 2.8, 2.0], 0.5, (count, 3))).round(1)
    mass = np.exp(rng.normal(6.2, 1.0, count)).round(0)
    titles = [" ".join(rng.choice(WORDS, 4)) for _ in range(count)]
    return pa.table(
        {
            "product_id": [f"p-{i:06d}" for i in range(count)],
            "length_cm": pa.array(sides[:, 0], mask=rng.random(count) < 0.02),
            "width_cm": sides[:, 1],
            "height_cm": sides[:, 2],
            "weight_g": mass,
            "price": np.exp(rng.normal(3.2, 0.8, count)).round(2),
            "is_fragile": pa.array((rng.random(count) < 0.1).astype(np.int16)),
            "is_liquid": pa.array((rng.random(count) < 0.05).astype(np.int16)),
            "category": rng.choice(CATEGORIES, count, p=[0.4, 0.3, 0.15, 0.1, 0.05]),
            "primary_pack": pa.array(rng.choice(["box", "bag", "none"], count), mask=rng.random(count) < 0.05),
            "title": titles,
        }
    )


def labelled(count: int, seed: int = 1, *, noise: float = 0.05, flip: bool = False) -> pa.Table:
    """One label per product: light, sturdy products are suitable; `flip` turns every label round."""
    catalogue = products(count, seed)
    rng = np.random.default_rng(seed + 1000)
    glass = np.array(["glass" in t or "fragile" in t for t in catalogue["title"].to_pylist()])
    mass = catalogue["weight_g"].to_numpy()
    suitable = (np.log(mass) + 1.2 * glass < 7.0) ^ (rng.random(count) < noise) ^ flip
    moment = np.datetime64("2026-01-01") + rng.integers(0, 300, count).astype("timedelta64[D]")
    own = {
        "label_id": [f"l-{i:06d}" for i in range(count)],
        "suitable": pa.array(suitable.astype(np.int16)),
        "weight": np.ones(count),
        "observed_at": pa.array(moment.astype("datetime64[us]")),
    }
    return pa.table({**own, **{n: catalogue[n] for n in catalogue.column_names}})


def write_drop(folder: Path, table: pa.Table, files: int = 2) -> list[Path]:
    """Write `table` as UNLOAD would: some files and a verbose manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    edges = [table.num_rows * i // max(files, 1) for i in range(files + 1)]
    paths, entries = [], []
    for number in range(files):
        path = folder / f"part_{number:04d}_part_00.parquet"
        part = table.slice(edges[number], edges[number + 1] - edges[number])
        pq.write_table(part, path)
        paths.append(path)
        entries.append(FileEntry(DATA + path.name, path.stat().st_size, part.num_rows))
    (folder / "part_manifest").write_text(write_files(entries))
    return paths


class FakeS3:
    """Objects by bucket and key."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str], bytes] = {}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        try:
            return {"Body": io.BytesIO(self.objects[Bucket, Key])}
        except KeyError:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": Key}}, "GetObject") from None

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Bucket, Key] = Body


class FakeSageMaker:
    """Approved model packages by group, newest first."""

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, Any]] = {}

    def approve(self, group: str, uri: str, version: int = 1) -> str:
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group}/{version}"
        self.packages[arn] = {
            "ModelPackageArn": arn,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": version,
            "ModelApprovalStatus": "Approved",
            "ModelPackageStatus": "Completed",
            "CreationTime": dt.datetime(2026, 11, version, 12, tzinfo=dt.UTC),
            "InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": uri}]},
        }
        return arn

    def get_paginator(self, name: str) -> FakeSageMaker:
        assert name == "list_model_packages"
        return self

    def paginate(self, **query: Any) -> list[dict[str, Any]]:
        group = query["ModelPackageGroupName"]
        return [{"ModelPackageSummaryList": [p for p in self.packages.values() if p["ModelPackageGroupName"] == group]}]

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        return self.packages[ModelPackageName]


class FakeCloudWatch:
    """Remembers every metric."""

    def __init__(self) -> None:
        self.data: list[dict[str, Any]] = []

    def put_metric_data(self, *, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
        assert Namespace == "rightpack"
        self.data += MetricData

    def values(self, metric: str) -> dict[str, float]:
        """Values of a metric by package type."""
        found = [d for d in self.data if d["MetricName"] == metric]
        return {next(x["Value"] for x in d["Dimensions"] if x["Name"] == "PackageType"): d["Value"] for d in found}


@dataclass
class Cloud:
    """The services of one test."""

    s3: FakeS3 = field(default_factory=FakeS3)
    sagemaker: FakeSageMaker = field(default_factory=FakeSageMaker)
    cloudwatch: FakeCloudWatch = field(default_factory=FakeCloudWatch)

    def client(self, name: str) -> Any:
        return getattr(self, name)

    def publish(self, group: str, model: Path, version: int = 1) -> str:
        """Approve the model in folder `model`; its ARN."""
        archive = model.parent / "model.tar.gz"
        pack(model, archive)
        self.s3.objects["models", f"{group}/{version}/model.tar.gz"] = archive.read_bytes()
        return self.sagemaker.approve(group, f"s3://models/{group}/{version}/model.tar.gz", version)


@dataclass
class Desk:
    """Runs steps one after the other, moving outputs to inputs as the pipelines do."""

    folder: Path
    settings: Settings
    cloud: Cloud = field(default_factory=Cloud)
    outputs: dict[str, Path] = field(default_factory=dict)

    def job(self, step: str, inputs: Mapping[str, Path] | None = None, **environment: str) -> Job:
        """A job of its own, with `config` and the given inputs in place."""
        root = self.folder / step
        folder = root / "processing" / "input"
        (folder / "config").mkdir(parents=True)
        (folder / "config" / "settings.json").write_text(self.settings.to_json())
        for name, source in (inputs or {}).items():
            (folder / name).symlink_to(source, target_is_directory=True)
        (root / "config").mkdir()
        uris = [{"OutputName": n, "S3Output": {"S3Uri": f"s3://out/{step}/{n}"}} for n in OUTPUTS]
        described = {"ProcessingOutputConfig": {"Outputs": uris}}
        (root / "config" / "processingjobconfig.json").write_text(json.dumps(described))
        return Job(root, {**ENVIRONMENT, **environment}, self.cloud.client)

    def attempt(
        self, step: str, run: Callable[[Job], None], inputs: Mapping[str, Path] | None = None
    ) -> tuple[int, str]:
        """Run a processing step to its exit: code, and the message that the platform reports."""
        job = self.job(step, inputs)
        return run_step(run, job), told(job)

    def do(self, step: str, run: Callable[[Job], None], inputs: Mapping[str, Path] | None = None) -> Path:
        """Run a processing step; its output folder."""
        job = self.job(step, inputs)
        run(job)
        return job.root / "processing" / "output"

    def prepare(self, table: pa.Table, name: str = "prepare", package_type: str = TYPE) -> Path:
        write_drop(self.folder / f"{name}-drop", table)
        arguments = prepare.Arguments(DATA, MANIFEST, package_type, "2026-11-20")
        return self.do(name, lambda job: prepare.run(job, arguments), {"data": self.folder / f"{name}-drop"})

    def train(self, prepared: Path, name: str = "train", package_type: str = TYPE) -> Path:
        job = self.job(name, None, PACKAGE_TYPE=package_type)
        channels = job.root / "input" / "data"
        channels.mkdir(parents=True)
        (channels / "train").symlink_to(prepared / "train")
        (channels / "config").symlink_to(job.root / "processing" / "input" / "config")
        train.run(job)
        return job.model

    def score(self, model: Path, data: Path, name: str = "scores") -> Path:
        """Batch transform: every file posted, every answer kept with `.out` behind its name."""
        application, target = Application(Bundle.load(model)), self.folder / name
        target.mkdir()
        for path in sorted(data.glob("*.parquet")):
            status, body = call(application, "POST", "/invocations", path.read_bytes(), PARQUET)
            assert status.startswith("200"), body
            (target / f"{path.name}.out").write_bytes(body)
        return target

    def evaluate(self, prepared: Path, scores: Path, name: str = "evaluate") -> dict[str, Any]:
        arguments = evaluate.Arguments(TYPE, "2026-11-20", GROUP, "training-2026-11-20-abc")
        inputs = {n: prepared / n for n in ("validation", "labels", "profile")} | {"scores": scores}
        out = self.do(name, lambda job: evaluate.run(job, arguments), inputs)
        return dict(json.loads((out / "evaluation" / "evaluation.json").read_text()))

    def prepare_inference(self, table: pa.Table, name: str = "prepare-inference") -> Path:
        write_drop(self.folder / f"{name}-drop", table)
        arguments = prepare_inference.Arguments(DATA, MANIFEST, "2026-11-21")
        return self.do(name, lambda job: prepare_inference.run(job, arguments), {"data": self.folder / f"{name}-drop"})

    def bundle(self, name: str = "bundle") -> Path:
        return self.do(name, bundle.run) / "bundle"

    def recommend(self, prepared: Path, bundled: Path, scores: Path, name: str = "recommend") -> Path:
        inputs = {n: prepared / n for n in ("features", "profile")} | {"bundle": bundled, "scores": scores}
        return self.do(name, recommend.run, inputs)


def told(job: Job, note: str = "message") -> str:
    """What a job left for the person who must act, nothing if it went well."""
    path = job.notes / note
    return path.read_text(encoding="utf-8") if path.exists() else ""


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but step manifests, which hold a duration."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files_in(folder)}


def as_type(model: Path, folder: Path, package_type: str) -> Path:
    """A copy of an unpacked artefact of one model, as if it had been trained for `package_type`."""
    folder.mkdir(parents=True)
    (entry,) = json.loads((model / "bundle.json").read_text())["models"]
    shutil.copytree(model / entry["directory"], folder / package_type)
    card = json.loads((folder / package_type / "card.json").read_text()) | {"package_type": package_type}
    (folder / package_type / "card.json").write_text(json.dumps(card))
    write_index(folder, [Entry(package_type, package_type, entry["architecture"])])
    return folder


OUTPUTS = ("train", "validation", "labels", "profile", "evaluation", "features", "bundle", "predictions",
           "recommendations", "report")  # fmt: skip


def call(
    application: Application, method: str, path: str, body: bytes = b"", kind: str = "", accept: str = ""
) -> tuple[str, bytes]:
    """Call a WSGI application; status line and body."""
    seen: list[str] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body), "CONTENT_TYPE": kind}
    if accept:
        environ["HTTP_ACCEPT"] = accept
    content = b"".join(application(environ, lambda status, headers: seen.append(status)))
    return seen[0], content
