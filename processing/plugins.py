"""Architectures from outside: Python files packed under their own digest, carried by the model, imported in isolation.

Code travels as one JSON file of names and texts. It lies in S3 below the sha256 of its bytes, and every model that was
trained with it carries a copy, so an old model keeps its old code. Only what the settings name, or a registered model's
card, is imported, and only if its bytes have the digest that they name; nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import re
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Self

from processing.isolation import SPACE, import_isolated
from rightpack.errors import DataError, RightpackError, SettingsError
from rightpack.layout import split_uri

FILE: Final = "source.json"
PREFIX: Final = "config/code/"
VERSION: Final = 1
LARGEST_BYTES: Final = 4 * 1024**2
PYTHON_FILE: Final = re.compile(r"([A-Za-z_]\w*/)*[A-Za-z_]\w*\.py")
OURS: Final = frozenset({"rightpack", "processing"})


@dataclass(frozen=True, slots=True)
class Source:
    """Texts of Python files by path, e.g. `my_package/my_model.py`."""

    files: Mapping[str, str]

    @classmethod
    def pack(cls, path: Path, architecture: str) -> Self:
        """Read the file or folder that holds `architecture` (`module:Class` or `package.module:Class`).

        A folder is either the package itself or what contains it. Only Python files are taken. SettingsError says what
        is missing.
        """
        top = architecture.partition(":")[0].partition(".")[0]
        root = path.parent if path.is_file() or path.name == top else path
        found = [path] if path.is_file() else sorted(path.rglob("*.py"))
        names = {file: file.relative_to(root).as_posix() for file in found}
        files = {name: file.read_text() for file, name in names.items() if PYTHON_FILE.fullmatch(name)}
        if not any(name == f"{top}.py" or name.startswith(f"{top}/") for name in files):
            raise SettingsError(
                f"training.source {str(path)!r} holds no {top}.py and no package {top!r}, which training.architecture "
                f"{architecture!r} names."
            )
        return cls(files).checked()

    @classmethod
    def from_json(cls, text: str, digest: str) -> Self:
        """Read packed code; DataError unless its bytes have the sha256 `digest`."""
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise DataError(f"The code of an architecture is not what its digest {digest[:12]} says; train again.")
        return cls(dict(json.loads(text)["files"])).checked()

    def checked(self) -> Self:
        """Return this if it may be imported; SettingsError says why not."""
        for name in self.files:
            if not PYTHON_FILE.fullmatch(name) or name.partition("/")[0].removesuffix(".py") in OURS:
                raise SettingsError(f"training.source holds {name!r}, which is no usable name of a Python file.")
        if len(self.to_json().encode()) > LARGEST_BYTES:
            raise SettingsError(f"training.source is larger than {LARGEST_BYTES} bytes of Python.")
        return self

    def to_json(self) -> str:
        """Canonical text; the same files give the same text."""
        return json.dumps({"version": VERSION, "files": dict(self.files)}, sort_keys=True, indent=1)

    @property
    def digest(self) -> str:
        """Sha256 of the canonical text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def key(self) -> str:
        """Where it lies in the data bucket."""
        return f"{PREFIX}{self.digest}/{FILE}"

    def module(self, name: str) -> ModuleType:
        """Import a module of it; another version of the same module may be imported beside it."""
        return import_isolated(name, self.files, self.digest)

    def save(self, folder: Path) -> None:
        """Write `source.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(self.to_json())

    @classmethod
    def load(cls, folder: Path, digest: str) -> Self | None:
        """Code that a model carries; None for a built-in architecture, whose card names no digest.

        Raises:
            DataError: it is missing, or not what the digest in the model's card says.
        """
        if not digest:
            return None
        try:
            return cls.from_json((folder / FILE).read_text(), digest)
        except OSError as error:
            raise DataError(f"The model in {folder.name!r} lacks its {FILE}; train it again.") from error


def fetch_source(uri: str, s3: Any) -> Source:
    """Download the code at `s3://<bucket>/config/code/<sha256>/source.json`; its digest must be the one in the URI."""
    try:
        bucket, key = split_uri(uri)
    except ValueError as error:
        raise SettingsError(
            f"training.source is {uri!r}, which a job cannot read: give it in a file or flag of the command line, "
            "which uploads it."
        ) from error
    found = re.fullmatch(rf"{PREFIX}([0-9a-f]{{64}})/{re.escape(FILE)}", key)
    if found is None:
        raise SettingsError(f"training.source is {uri!r}; code lies at {PREFIX}<sha256>/{FILE}.")
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    return Source.from_json(text, found[1])


@contextmanager
def blaming(architecture: str, source: Source | None) -> Iterator[None]:
    """Say where code from outside failed, and that its owner must act; errors of other code pass."""
    try:
        yield
    except Exception as error:
        if source is None or isinstance(error, (RightpackError, MemoryError)):
            raise
        where = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(SPACE)]
        place = f" ({Path(where[-1].filename).name}, line {where[-1].lineno})" if where else ""
        words = f"training.architecture {architecture!r} failed: {type(error).__name__}: {error}{place}"
        raise SettingsError(words) from error
