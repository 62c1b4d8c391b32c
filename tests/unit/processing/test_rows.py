"""Rows in blocks are seen as all at once are, and parts of them as copies would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from processing.cores import cores
from processing.features import rows as rows_module
from processing.features.encoder import Encoded, Encoder
from processing.features.raw import RawColumns
from processing.features.rows import Rows
from processing.tables import write_parts
from rightpack.errors import ContractError, DataError, InternalError
from tests.unit.processing.world import products, settings

FEATURES = settings().features


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows_module, "BLOCK", 37)


@pytest.mark.parametrize("workers", [1, 3])
def test_rows_in_blocks_are_encoded_as_all_at_once(workers: int, tmp_path: Path) -> None:
    table = products(500)
    whole = Encoder.learn(RawColumns(table, "r"), FEATURES)
    wanted = whole.encode(RawColumns(table, "r"))
    write_parts(table.slice(0, 200), tmp_path)
    write_parts(table.slice(200), tmp_path, first=1)
    for rows in (Rows.of(table), Rows.read(tmp_path, ["product_id"])):
        encoder, encoded = rows.encode(FEATURES, None, workers=workers)
        assert encoder.vocabularies == whole.vocabularies
        assert (encoded.columns, encoded.categories) == (wanted.columns, wanted.categories)
        np.testing.assert_array_equal(encoded.matrix, wanted.matrix)


def test_only_a_few_columns_of_a_file_are_at_hand(tmp_path: Path) -> None:
    write_parts(products(50), tmp_path)
    assert Rows.read(tmp_path, ["product_id", "not_there"]).narrow.column_names == ["product_id"]


def test_a_folder_without_rows_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=tmp_path.name):
        Rows.read(tmp_path, ["product_id"])


@pytest.mark.parametrize("name", ["price", "category", "title"])
def test_a_column_that_is_not_in_the_files_is_named(name: str, tmp_path: Path) -> None:
    write_parts(products(50).drop_columns([name]), tmp_path)
    with pytest.raises(ContractError, match=f"the training data has no column '{name}'"):
        Rows.read(tmp_path, ["product_id"]).encode(FEATURES, None, workers=2)


def test_fewer_rows_than_announced_are_a_bug() -> None:
    table = products(60)
    encoder = Encoder.learn(RawColumns(table, "r"), FEATURES)
    with pytest.raises(InternalError, match="60 rows came"):
        encoder.encode_blocks([RawColumns(table, "r")], 61, workers=1)


def test_parts_of_parts_are_the_rows_that_copies_would_hold() -> None:
    matrix = np.arange(60, dtype=np.float32).reshape(20, 3)
    whole = Encoded(matrix, ("a", "b", "c"), {2: 60})
    mask = np.arange(20) % 2 == 0
    part = whole.take(mask).take([3, 1, 1]).take(slice(0, 2))
    np.testing.assert_array_equal(part.matrix, matrix[mask][[3, 1, 1]][:2])
    assert part.rows == 2
    assert part.whole is whole
    assert (part.columns, part.categories) == (whole.columns, whole.categories)


def test_what_is_made_of_all_rows_is_made_once() -> None:
    whole = Encoded(np.zeros((4, 1), np.float32), ("a",), {})
    calls: list[int] = []
    for _ in range(2):
        whole.take([1]).whole.made("key", lambda: calls.append(1))
    assert calls == [1]


@pytest.mark.parametrize(("quota", "most"), [("150000 100000", 2), ("1000 100000", 1), ("max 100000", 10_000)])
def test_a_container_with_a_share_of_the_machine_uses_no_more(quota: str, most: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    without = cores(tmp_path / "no such file")
    assert cores(tmp_path / "cpu.max") == min(most, without)
