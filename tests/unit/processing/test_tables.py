from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.tables import FEWEST, Limits, encode, even, read_folder, write_parts
from rightpack.errors import DataError, SettingsError
from rightpack.settings import Inference, Warehouse


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


@given(st.integers(0, 10**9), st.integers(1, 10**6), st.integers(1, 40), st.integers(1, 16), st.integers(1, 10**5))
def test_no_instance_and_no_worker_has_a_tenth_more_rows_than_another(
    rows: int, most: int, instances: int, workers: int, least: int
) -> None:
    limits = Limits(most, instances=instances, workers=workers)
    files = limits.files(rows, least)
    longest, shortest = -(-rows // files), rows // files
    assert longest <= most
    assert longest - shortest <= 1
    if rows < 10 * files:
        return
    assert files % instances == 0
    if rows >= FEWEST * instances * workers:
        assert files % (instances * workers) == 0
    each = files // instances
    assert each * longest <= 1.1 * each * shortest


@given(st.integers(0, 500), st.integers(1, 60))
def test_runs_of_rows_meet_and_differ_by_one_at_most(rows: int, count: int) -> None:
    runs = list(even(rows, count))
    assert [low for low, _ in runs[1:]] == [end for _, end in runs[:-1]]
    assert (runs[0][0], runs[-1][1]) == (0, rows)
    assert {end - low for low, end in runs} <= {rows // count, -(-rows // count)}


def test_a_file_takes_the_time_that_is_wanted_and_few_rows_make_one_per_instance() -> None:
    inference = Inference(seconds_per_file=2, rows_per_second=30_000, workers=4)
    limits = Limits.of_requests(inference, instances=1)
    assert [limits.files(rows) for rows in (0, 30_000, 40_000, 240_000, 240_001)] == [1, 1, 4, 4, 8]
    assert Limits.of_requests(inference, instances=3).files(30_000) == 3
    assert Limits.of_requests(Inference(rows_per_file=5_000), instances=1).files(20_001) == 8


def test_files_that_are_too_large_become_more_of_even_size_and_nothing_stale_is_left(tmp_path: Path) -> None:
    limits = Limits(10**6, 0.1, instances=2, workers=3)
    parts = write_parts(numbers(100_000), tmp_path, limits)
    assert len(parts) % 6 == 0
    assert len(list(tmp_path.iterdir())) == len(parts)
    assert max(part.bytes for part in parts) <= 100_000
    assert max(part.rows for part in parts) - min(part.rows for part in parts) <= 1
    assert read_folder(tmp_path).equals(numbers(100_000))


@pytest.mark.parametrize("name", ["seconds_per_file", "rows_per_second", "workers", "megabytes_per_file"])
def test_what_files_are_sized_by_is_above_zero(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"inference\.{name} is 0; it must be above 0"):
        Inference(**{name: 0})


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


def test_a_warehouse_has_slices() -> None:
    with pytest.raises(SettingsError, match=r"warehouse\.slices is 0; a warehouse has at least one"):
        Warehouse(slices=0)
