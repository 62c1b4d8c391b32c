from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from processing.architectures.base import resolve
from processing.plugins import Source, blaming, fetch_source
from rightpack.errors import DataError, SettingsError

MODEL = """
from {package}parts import ANSWER

class Mine:
    answer = ANSWER
    def fit(self): pass
    refit = predict = save = fit
    @classmethod
    def load(cls, folder): return cls()
"""


def packed(folder: Path, answer: int) -> Source:
    package = folder / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(f"ANSWER = {answer}\n")
    (package / "my_model.py").write_text(MODEL.format(package="my_package."))
    (package / "notes.md").write_text("not Python")
    return Source.pack(package, "my_package.my_model:Mine")


class S3:
    def __init__(self, body: str) -> None:
        self.body = body

    def get_object(self, Bucket: str, Key: str) -> dict[str, io.BytesIO]:
        return {"Body": io.BytesIO(self.body.encode())}


def test_two_versions_of_one_module_live_side_by_side(tmp_path: Path) -> None:
    old, new = packed(tmp_path / "old", 1), packed(tmp_path / "new", 2)
    found = [resolve("my_package.my_model:Mine", source).answer for source in (old, new, old)]  # type: ignore[attr-defined]
    assert found == [1, 2, 1]
    assert "my_package" not in sys.modules


def test_a_file_a_package_and_a_folder_around_it_may_be_named(tmp_path: Path) -> None:
    package = packed(tmp_path, 1)
    (tmp_path / "single.py").write_text("X = 1\n")
    assert set(package.files) == {"my_package/__init__.py", "my_package/parts.py", "my_package/my_model.py"}
    assert set(Source.pack(tmp_path / "single.py", "single:X").files) == {"single.py"}
    assert set(Source.pack(tmp_path, "my_package.my_model:Mine").files) == {*package.files, "single.py"}


def test_the_digest_depends_on_names_and_texts_alone(tmp_path: Path) -> None:
    assert packed(tmp_path / "a", 1).digest == packed(tmp_path / "b", 1).digest != packed(tmp_path / "c", 2).digest


def test_relative_late_and_plain_imports_stay_inside(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "import other.deep\nX = other.deep.Y\ndef late():\n    import other\n    return other\n"
    )
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "deep.py").write_text("from . import beside\nY = beside.Z\n")
    (tmp_path / "other" / "beside.py").write_text("Z = 5\n")
    module = Source.pack(tmp_path, "own:X").module("own")
    assert module.X == 5
    assert module.late().__name__.endswith(".other")
    assert module.late().__name__ != "other"


def test_a_source_without_the_named_module_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(SettingsError, match=r"holds no other\.py and no package 'other'"):
        Source.pack(tmp_path, "other:Model")


def test_a_source_must_not_take_our_own_names(tmp_path: Path) -> None:
    (tmp_path / "processing.py").write_text("")
    with pytest.raises(SettingsError, match=r"processing\.py"):
        Source.pack(tmp_path, "processing:Model")


def test_code_comes_back_from_a_model_s_folder_as_it_was(tmp_path: Path) -> None:
    source = packed(tmp_path, 1)
    source.save(tmp_path / "model")
    assert Source.load(tmp_path / "model", source.digest) == source
    assert Source.load(tmp_path / "model", "") is None


def test_changed_code_in_a_model_is_never_imported(tmp_path: Path) -> None:
    source = packed(tmp_path, 1)
    source.save(tmp_path / "model")
    file = tmp_path / "model" / "source.json"
    file.write_text(file.read_text().replace("ANSWER = 1", "ANSWER = 9"))
    with pytest.raises(DataError, match="is not what its digest"):
        Source.load(tmp_path / "model", source.digest)


def test_a_model_that_lost_its_code_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"lacks its source\.json"):
        Source.load(tmp_path, "0" * 64)


def test_fetched_code_must_have_the_digest_of_its_key(tmp_path: Path) -> None:
    source = packed(tmp_path, 1)
    assert fetch_source(f"s3://b/{source.key}", S3(source.to_json())) == source
    with pytest.raises(DataError, match="is not what its digest"):
        fetch_source(f"s3://b/{source.key}", S3(source.to_json().replace("ANSWER = 1", "ANSWER = 9")))


@pytest.mark.parametrize("uri", ["mine.py", "/folder/mine.py", "s3://bucket/mine.py"])
def test_a_place_that_jobs_cannot_read_code_from_is_a_fault_of_the_settings(uri: str) -> None:
    with pytest.raises(SettingsError, match=r"training\.source is"):
        fetch_source(uri, S3(""))


def test_code_that_fails_is_blamed_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def go():\n    return 1 / 0\n")
    source = Source.pack(tmp_path, "mine:go")
    module = source.module("mine")
    with (
        pytest.raises(SettingsError, match=r"failed: ZeroDivisionError.*\(mine\.py, line 2\)"),
        blaming("mine:go", source),
    ):
        module.go()


def test_a_failure_while_importing_is_a_fault_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise RuntimeError('not today')\n")
    with pytest.raises(SettingsError, match="cannot be imported: not today"):
        resolve("mine:Model", Source.pack(tmp_path, "mine:Model"))
