from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing.columns import training_columns
from processing.drops import Drop, read_drop
from rightpack.errors import ContractError, DataError, ManifestError
from rightpack.trigger import DropData
from tests.unit.processing.world import DATA, MANIFEST, labelled, settings, write_drop


def read(folder: Path, uri: str = DATA, manifest: str = MANIFEST) -> Drop:
    return read_drop(folder, DropData(uri, manifest), training_columns(settings().features))


def change_entry(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    path = folder / "part_manifest"
    content = json.loads(path.read_text())
    change(content["entries"][0])
    path.write_text(json.dumps(content))


def test_a_drop_that_keeps_its_promises_is_read_whole(tmp_path: Path) -> None:
    write_drop(tmp_path, labelled(100), files=3)
    drop = read(tmp_path)
    assert (drop.table.num_rows, drop.files) == (100, 3)
    assert drop.table["label_id"].to_pylist() == [f"l-{i:06d}" for i in range(100)]


def test_a_listed_file_that_is_absent_is_named(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100))
    paths[1].unlink()
    with pytest.raises(ManifestError, match=f"File {paths[1].name} is in the manifest .* but not in the drop"):
        read(tmp_path)


def test_a_file_beyond_the_manifest_is_named(tmp_path: Path) -> None:
    write_drop(tmp_path, labelled(100))
    (tmp_path / "extra.parquet").write_bytes(b"")
    with pytest.raises(ManifestError, match=r"File extra\.parquet lies in the drop"):
        read(tmp_path)


def test_a_file_of_another_size_is_named_with_both_sizes(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100))
    size = paths[0].stat().st_size
    change_entry(tmp_path, lambda e: e.update(meta={"content_length": size + 1, "record_count": 50}))
    with pytest.raises(ManifestError, match=f"{paths[0].name} has {size} bytes, but the manifest says {size + 1}"):
        read(tmp_path)


def test_a_file_with_another_number_of_rows_is_named(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100))
    size = paths[0].stat().st_size
    change_entry(tmp_path, lambda e: e.update(meta={"content_length": size, "record_count": 51}))
    with pytest.raises(ManifestError, match=f"{paths[0].name} has 50 rows, but the manifest says 51"):
        read(tmp_path)


def test_rows_that_the_manifest_does_not_count_are_taken_as_they_are(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100))
    change_entry(tmp_path, lambda e: e.update(meta={"content_length": paths[0].stat().st_size}))
    assert read(tmp_path).table.num_rows == 100


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100))
    paths[0].write_bytes(b"x" * paths[0].stat().st_size)
    with pytest.raises(ManifestError, match=f"{paths[0].name} is not readable Parquet"):
        read(tmp_path)


def test_a_renamed_column_is_named_with_its_file(tmp_path: Path) -> None:
    paths = write_drop(tmp_path, labelled(100).rename_columns({"weight_g": "weight_grams"}))
    with pytest.raises(ContractError, match=f"file {paths[0].name} has no column 'weight_g'.*'weight_grams'"):
        read(tmp_path)


def test_files_may_hold_the_same_column_in_different_types(tmp_path: Path) -> None:
    table = labelled(100)
    paths = write_drop(tmp_path, table)
    second = table.slice(50).set_column(
        table.column_names.index("price"), "price", table["price"].slice(50).cast("float32")
    )
    pq.write_table(second, paths[1])
    content = json.loads((tmp_path / "part_manifest").read_text())
    content["entries"][1]["meta"]["content_length"] = paths[1].stat().st_size
    (tmp_path / "part_manifest").write_text(json.dumps(content))
    assert read(tmp_path).table["price"].type == pa.float64()


def test_a_drop_without_a_manifest_says_how_one_is_made(tmp_path: Path) -> None:
    write_drop(tmp_path, labelled(100))
    (tmp_path / "part_manifest").unlink()
    with pytest.raises(ManifestError, match="MANIFEST VERBOSE"):
        read(tmp_path)


@pytest.mark.parametrize("files", [0, 1])
def test_a_drop_without_rows_is_refused(files: int, tmp_path: Path) -> None:
    write_drop(tmp_path, labelled(10).slice(0, 0), files=files)
    with pytest.raises(DataError, match="holds no rows"):
        read(tmp_path)


@pytest.mark.parametrize("url", ["s3://other/x.parquet", f"{DATA}../escape.parquet", f"{DATA}/etc/passwd"])
def test_a_manifest_may_not_speak_of_files_outside_of_its_drop(url: str, tmp_path: Path) -> None:
    write_drop(tmp_path, labelled(100))
    change_entry(tmp_path, lambda e: e.update(url=url))
    with pytest.raises(ManifestError, match="does not lie below the drop"):
        read(tmp_path)
