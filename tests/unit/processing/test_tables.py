from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.tables import Limits, encode, read_folder, write_parts
from rightpack.errors import DataError


def numbers(rows: int) -> pa.Table:
    return pa.table({"n": np.random.default_rng(0).random(rows)})


def test_the_same_rows_give_the_same_bytes_however_they_were_chunked() -> None:
    whole = numbers(1000).replace_schema_metadata({"a": "b"})
    pieces = pa.concat_tables([numbers(1000).slice(0, 300), numbers(1000).slice(300)])
    assert encode(whole) == encode(pieces)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 500), st.integers(1, 200), st.sampled_from([0.0008, 0.002, 1.0]))
def test_parts_hold_every_row_in_order_within_both_limits(rows: int, most: int, megabytes: float) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        parts = write_parts(numbers(rows), folder, Limits(most, megabytes))
        assert read_folder(folder).equals(numbers(rows))
        assert [p.path.name for p in parts] == [f"part-{i:05d}.parquet" for i in range(len(parts))]
        for part in parts:
            assert part.rows <= most
            assert part.bytes == part.path.stat().st_size
            assert part.bytes <= megabytes * 1e6 or part.rows <= 1


def test_counting_can_go_on_where_the_last_block_ended(tmp_path: Path) -> None:
    write_parts(numbers(3), tmp_path)
    write_parts(numbers(4), tmp_path, first=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["part-00000.parquet", "part-00001.parquet"]
    assert read_folder(tmp_path).num_rows == 7


def test_scores_and_manifests_beside_the_data_do_no_harm(tmp_path: Path) -> None:
    pq.write_table(numbers(3), tmp_path / "part-00000.parquet.out")
    (tmp_path / "manifest.json").write_text("{}")
    assert read_folder(tmp_path, ["n", "absent"]).column_names == ["n"]


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    with pytest.raises(DataError, match="'scores' holds no Parquet file"):
        read_folder(tmp_path / "scores")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.out").write_bytes(b"no")
    with pytest.raises(DataError, match=r"x\.out is not readable Parquet"):
        read_folder(tmp_path)


def test_files_with_different_columns_are_refused(tmp_path: Path) -> None:
    pq.write_table(numbers(3), tmp_path / "a.parquet")
    pq.write_table(pa.table({"m": [1]}), tmp_path / "b.parquet")
    with pytest.raises(DataError, match="differ in their columns"):
        read_folder(tmp_path)
