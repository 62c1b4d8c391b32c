from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from processing.artefact import ARCHIVE, unpack
from processing.scoring.bundle import Bundle
from rightpack.cli.main import typer_app
from rightpack.errors import DataError
from tests.unit.processing.world import labelled, products

TYPES = ("carton", "paper-bag")


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Products and labels of a team, one product among the latter that the former lack."""
    rows = labelled(300).select(["product_id", "suitable", "observed_at"])
    known = [rows.append_column("package_type", pa.array([name] * rows.num_rows)) for name in TYPES]
    pq.write_table(products(299), tmp_path / "products.parquet")
    pq.write_table(pa.concat_tables(known), tmp_path / "labels.parquet")
    return tmp_path / "products.parquet", tmp_path / "labels.parquet"


def rehearse(*arguments: Any) -> Result:
    quick = ["--set", "training.parameters.rounds=10", "--set", "gate.bootstrap_rounds=20", "--json", "-"]
    return CliRunner().invoke(typer_app, ["rehearse", *map(str, arguments), *quick])


def test_each_package_type_with_labels_is_learned_and_judged(files: tuple[Path, Path], tmp_path: Path) -> None:
    found = json.loads(rehearse(*files, "--to", tmp_path / "models").stdout)["results"]
    assert {line["package_type"] for line in found} == set(TYPES)
    for line in found:
        assert line["train_rows"] + line["validation_rows"] == 299
        assert line["roc_auc"]["low"] <= line["roc_auc"]["value"] <= line["roc_auc"]["high"]
    bundle = Bundle.load(unpack(tmp_path / "models" / ARCHIVE, tmp_path / "unpacked"))
    assert set(bundle.score(products(20)).column_names) == {"row_id", *TYPES}


def test_only_the_types_that_are_asked_for_are_learned(files: tuple[Path, Path]) -> None:
    found = json.loads(rehearse(*files, "--package-type", "carton").stdout)["results"]
    assert [line["package_type"] for line in found] == ["carton"]


def test_a_file_without_usable_rows_is_named(files: tuple[Path, Path]) -> None:
    pq.write_table(pq.read_table(files[1]).slice(0, 0), files[1])
    error = rehearse(*files).exception
    assert isinstance(error, DataError)
    assert "labels.parquet holds no row that can be used" in str(error)
