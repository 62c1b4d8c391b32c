"""`rightpack score` says what a pipeline run says, whatever the size of its blocks, and leaves nothing half-written."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing.artefact import Entry, pack, unpack, write_index
from processing.scoring import streaming
from processing.scoring.bundle import Bundle
from processing.scoring.offline import Pass
from processing.scoring.streaming import ParquetSink, blocks, stream
from rightpack.cli import score
from rightpack.errors import ContractError, DataError
from tests.unit.processing.conftest import Trained
from tests.unit.processing.world import TYPE, products, settings

TODAY = dt.date(2026, 11, 2)


@pytest.fixture(scope="module")
def artefact(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a Bundle step with one model."""
    folder = tmp_path_factory.mktemp("bundle")
    inside = shutil.copytree(trained.model, folder / "models")
    write_index(inside, [Entry(TYPE, TYPE, "lightgbm", "3")])
    pack(inside, folder / "model.tar.gz")
    return folder


def test_blocks_together_say_what_one_block_says(
    artefact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = products(2_500, seed=4)
    pq.write_table(rows.slice(0, 1_000), tmp_path / "a.parquet")
    pq.write_table(rows.slice(1_000), tmp_path / "b.parquet")
    whole = Pass.load(artefact, settings(), TODAY)
    heard: list[int] = []
    monkeypatch.setattr(streaming.blocks, "__defaults__", (300,))
    count = whole.run([tmp_path / "a.parquet", tmp_path / "b.parquet"], tmp_path / "out.parquet", heard.append)
    found = pq.read_table(tmp_path / "out.parquet")
    assert count == sum(heard) == 2_500
    assert max(heard) == 300
    assert found["product_id"].to_pylist() == rows["product_id"].to_pylist()
    assert found.select(["package_type", "rule"]).equals(whole.work(rows).select(["package_type", "rule"]))
    assert found[f"score:{TYPE}"].equals(whole.bundle.score(rows)[TYPE])


def test_only_columns_that_matter_are_read(artefact: Path, tmp_path: Path) -> None:
    rows = products(10).append_column("noise", pa.array(["x"] * 10))
    pq.write_table(rows, tmp_path / "a.parquet")
    whole = Pass.load(artefact, settings(), TODAY)
    assert "noise" not in next(blocks([tmp_path / "a.parquet"], whole.columns)).column_names
    assert set(Bundle.load(unpack(artefact / "model.tar.gz", tmp_path / "m")).columns) <= set(whole.columns)


def test_a_missing_column_is_named_and_no_file_is_left(artefact: Path, tmp_path: Path) -> None:
    pq.write_table(products(10).drop_columns(["weight_g"]), tmp_path / "a.parquet")
    with pytest.raises(ContractError, match="weight_g"):
        Pass.load(artefact, settings(), TODAY).run([tmp_path / "a.parquet"], tmp_path / "out" / "o.parquet")
    assert not list((tmp_path / "out").iterdir())


def test_an_error_after_some_blocks_leaves_no_file(tmp_path: Path) -> None:
    def written_in_part() -> None:
        with ParquetSink(tmp_path / "o.parquet") as sink:
            sink.write(pa.table({"n": [1, 2]}))
            raise DataError("third")

    with pytest.raises(DataError, match="third"):
        written_in_part()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_parquet_is_named(artefact: Path, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(DataError, match=r"a\.parquet is not readable Parquet"):
        Pass.load(artefact, settings(), TODAY).run([tmp_path / "a.parquet"], tmp_path / "o.parquet")


def test_results_come_in_order_however_long_each_takes() -> None:
    second_is_done = threading.Event()

    def work(table: pa.Table) -> int:
        number = int(table["n"][0].as_py())
        if number == 0:
            assert second_is_done.wait(30)
        if number == 1:
            second_is_done.set()
        return number

    tables = (pa.table({"n": [number]}) for number in range(8))
    assert list(stream(tables, work, workers=2)) == list(range(8))


def test_no_more_than_a_few_blocks_are_ever_read_ahead() -> None:
    read, taken = [], []

    def tables() -> Iterator[pa.Table]:
        for number in range(50):
            read.append(number)
            yield pa.table({"n": [number]})

    for _ in stream(tables(), lambda table: table.num_rows, workers=2):
        taken.append(_)
        assert len(read) - len(taken) <= 4
    assert len(taken) == 50


def test_the_command_writes_recommendations_and_facts(
    artefact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(products(50), tmp_path / "a.parquet")
    score.score([tmp_path / "a.parquet"], artefact, tmp_path / "o.parquet", json=str(tmp_path / "facts.json"))
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert (facts["products"], facts["models"]) == (50, 1)
    assert "50 products by 1 models" in capsys.readouterr().out
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 50
