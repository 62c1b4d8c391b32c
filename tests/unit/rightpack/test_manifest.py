from __future__ import annotations

from pathlib import Path

import pytest

from rightpack.errors import ManifestError
from rightpack.manifest import FileEntry, StepManifest, describe, parse_files, write_files

ENTRY = FileEntry("s3://b/p/part_0.parquet", 10, 3)


def test_written_files_read_back_the_same() -> None:
    assert parse_files(write_files([ENTRY]), "m") == [ENTRY]


def test_every_file_of_a_copy_manifest_is_mandatory() -> None:
    assert '"mandatory": true' in write_files([ENTRY])


@pytest.mark.parametrize("text", ["", "{}", '{"entries": [{}]}', '{"entries": [{"url": "x"}]}', "[]", '{"entries": 1}'])
def test_a_broken_manifest_names_itself(text: str) -> None:
    with pytest.raises(ManifestError, match=r"part_manifest"):
        parse_files(text, "part_manifest")


def test_a_file_listed_twice_is_refused() -> None:
    with pytest.raises(ManifestError, match=r"part_0\.parquet twice"):
        parse_files(write_files([ENTRY, ENTRY]), "m")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    return folder


def test_an_unchanged_output_passes_its_manifest(output: Path) -> None:
    manifest = StepManifest("Prepare", (), (describe("train", output, 1),), 0.5)
    (output / "manifest.json").write_text(manifest.to_json())
    assert StepManifest.read(output / "manifest.json").check(output, "train").rows == 1


@pytest.mark.parametrize("change", ["edit", "add", "remove", "rename"])
def test_a_changed_output_is_caught(output: Path, change: str) -> None:
    manifest = StepManifest("Prepare", (), (describe("train", output),), 0.5)
    match change:
        case "edit":
            (output / "a.txt").write_text("jello")
        case "add":
            (output / "b.txt").write_text("")
        case "remove":
            (output / "a.txt").unlink()
        case _:
            (output / "a.txt").rename(output / "c.txt")
    with pytest.raises(ManifestError, match="'train'"):
        manifest.check(output, "train")


def test_an_output_that_the_step_never_named_is_an_error(output: Path) -> None:
    with pytest.raises(ManifestError, match="'labels'"):
        StepManifest("Prepare", (), (), 0.0).check(output, "labels")


def test_an_absent_step_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="unreadable"):
        StepManifest.read(tmp_path / "manifest.json")
