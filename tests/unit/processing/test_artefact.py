from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from processing import artefact
from processing.artefact import Card, Entry, pack, read_index, unpack, write_index
from rightpack.errors import DataError
from tests.unit.processing.world import contents

FILES = {"bundle.json": b"{}", "carton/model.txt": b"tree\n", "carton/card.json": b'{"complete": true}'}
CARD = Card("carton", "lightgbm", {"rounds": 4}, 7, 10, 4, "digest", {"numpy": "2"})


def folder_of(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, **attributes: Any) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    for attribute, value in attributes.items():
        setattr(made, attribute, value)
    return made


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_is_packed_comes_out_again(tmp_path: Path) -> None:
    pack(folder_of(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    assert contents(unpack(tmp_path / "model.tar.gz", tmp_path / "out")) == FILES


def test_the_digest_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    first = folder_of(tmp_path / "first", FILES)
    second = folder_of(tmp_path / "second", dict(reversed(FILES.items())))
    for path in second.rglob("*.*"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    pack(first, tmp_path / "first.tar.gz")
    pack(second, tmp_path / "other-name.tar.gz")
    assert digest(tmp_path / "first.tar.gz") == digest(tmp_path / "other-name.tar.gz")
    assert (tmp_path / "first.tar.gz").read_bytes()[4:8] == bytes(4), "the moment of packing, by gzip's own header"


@pytest.mark.parametrize("change", [{"carton/model.txt": b"trees"}, {"carton/more.txt": b""}])
def test_the_digest_changes_with_any_file(change: dict[str, bytes], tmp_path: Path) -> None:
    pack(folder_of(tmp_path / "first", FILES), tmp_path / "first.tar.gz")
    pack(folder_of(tmp_path / "second", {**FILES, **change}), tmp_path / "second.tar.gz")
    assert digest(tmp_path / "first.tar.gz") != digest(tmp_path / "second.tar.gz")


@pytest.mark.parametrize("name", ["../escape.txt", "/tmp/escape.txt", "carton/../../escape.txt"])
def test_a_member_outside_of_the_artefact_is_refused_by_name(name: str, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "model.tar.gz", (member("bundle.json"), b"{}"), (member(name), b"x"))
    with pytest.raises(DataError, match=f"holds '{name}', which is no plain file inside of it"):
        unpack(archive, tmp_path / "out" / "deeper")
    assert not list(tmp_path.rglob("escape.txt"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_links_and_devices_are_refused_by_name(kind: bytes, tmp_path: Path) -> None:
    odd = member("carton/model.txt", type=kind, linkname="bundle.json")
    archive = archive_of(tmp_path / "model.tar.gz", (member("bundle.json"), b"{}"), (odd, b""))
    with pytest.raises(DataError, match=r"'carton/model.txt', which is no plain file"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["model.pkl", "carton/model.pickle", "model.joblib", "weights.npy", "lib.so", "run"])
def test_whatever_is_not_text_or_json_is_refused_by_name(name: str, tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "model.tar.gz", (member("bundle.json"), b"{}"), (member(name), b"\x80\x04."))
    with pytest.raises(DataError, match=f"holds '{name}', .* text or JSON"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folders_and_a_leading_dot_as_training_jobs_write_them_are_fine(tmp_path: Path) -> None:
    archive = archive_of(
        tmp_path / "model.tar.gz",
        (member(".", type=tarfile.DIRTYPE, mode=0o755), b""),
        (member("./carton", type=tarfile.DIRTYPE, mode=0o755), b""),
        (member("./carton/model.txt"), b"tree"),
    )
    assert contents(unpack(archive, tmp_path / "out")) == {"carton/model.txt": b"tree"}


def test_too_many_or_too_large_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(folder_of(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    for name, limit in (("MOST_FILES", 2), ("LARGEST_BYTES", 10)):
        with monkeypatch.context() as patch:
            patch.setattr(artefact, name, limit)
            with pytest.raises(DataError, match="larger than"):
                unpack(tmp_path / "model.tar.gz", tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no archive"), gzip.compress(b"")])
def test_what_is_no_archive_says_so(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"model\.tar\.gz is not a whole tar\.gz"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")


def test_a_torn_archive_is_never_taken_for_whole(tmp_path: Path) -> None:
    pack(folder_of(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    whole = (tmp_path / "model.tar.gz").read_bytes()
    for length in [*range(1, len(whole) - 16, 7), *range(len(whole) - 16, len(whole))]:
        (tmp_path / "torn.tar.gz").write_bytes(whole[:length])
        with pytest.raises(DataError, match="is not a whole"):
            unpack(tmp_path / "torn.tar.gz", tmp_path / "out")


def test_a_damaged_archive_is_refused_or_gives_the_same_files(tmp_path: Path) -> None:
    pack(folder_of(tmp_path / "in", FILES), tmp_path / "model.tar.gz")
    whole = (tmp_path / "model.tar.gz").read_bytes()
    refused = 0
    for place in range(len(whole)):
        damaged = bytes([*whole[:place], whole[place] ^ 0x10, *whole[place + 1 :]])
        (tmp_path / "damaged.tar.gz").write_bytes(damaged)
        try:
            out = unpack(tmp_path / "damaged.tar.gz", tmp_path / f"out-{place}")
        except DataError:
            refused += 1
        else:
            assert contents(out) == FILES, place
    assert refused > len(whole) / 2


def test_a_card_comes_back_as_it_was(tmp_path: Path) -> None:
    CARD.save(tmp_path)
    assert Card.load(tmp_path) == CARD
    assert json.loads((tmp_path / "card.json").read_text())["label_share"] == 0.4


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"complete": true}', '{"label_share": 1, "other": 2}'])
def test_a_torn_card_means_that_training_did_not_end(text: str, tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text(text)
    with pytest.raises(DataError, match="its training did not end"):
        Card.load(tmp_path)


def test_a_card_that_says_incomplete_is_refused(tmp_path: Path) -> None:
    CARD.save(tmp_path)
    path = tmp_path / "card.json"
    path.write_text(path.read_text().replace('"complete": true', '"complete": false'))
    with pytest.raises(DataError, match="not complete"):
        Card.load(tmp_path)


def test_an_index_comes_back_as_it_was(tmp_path: Path) -> None:
    entries = [Entry("carton", "carton", "lightgbm", "arn:1", "2026-11-20T00:00:00"), Entry("none", "none", "logistic")]
    write_index(tmp_path, entries, ["book-box"])
    assert read_index(tmp_path) == (entries, ["book-box"])


@pytest.mark.parametrize("directory", ["..", ".", "", "a/b", "/etc", "../x", None])
def test_an_index_may_not_name_a_folder_outside_of_the_artefact(directory: str | None, tmp_path: Path) -> None:
    model = {"package_type": "carton", "directory": directory, "architecture": "lightgbm"}
    (tmp_path / "bundle.json").write_text(json.dumps({"version": 1, "models": [model]}))
    with pytest.raises(DataError, match="names a folder outside of the artefact"):
        read_index(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "models": [3]}', '{"version": 2}'])
def test_what_is_no_index_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(DataError, match=r"bundle\.json"):
        read_index(tmp_path)
