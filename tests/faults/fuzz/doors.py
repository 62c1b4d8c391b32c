"""The doors: each takes bytes of anybody's, and says how that ended."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis.strategies import SearchStrategy

from processing.artefact import Card, read_index, unpack
from processing.columns import PRODUCT, conform, inference_columns
from processing.defence.admission import admit
from processing.defence.checks import Contract
from processing.drops import checked_files
from processing.intake import ColumnMapping, FileFormat, deliver, read_labels, read_products
from processing.invocations import Application
from processing.scoring.bundle import Bundle
from rightpack.errors import Fault, RightpackError
from rightpack.settings import Settings
from rightpack.trigger import DropData, TriggerObject, parse
from rightpack.warehouse import LABEL_COLUMNS, product_columns
from tests.faults.fuzz import making
from tests.faults.fuzz.bounds import bounded
from tests.faults.inputs.bad import BUCKET, DATE

TAKEN: Final = "taken"
THEIRS: Final = frozenset({Fault.DATA, Fault.SETTINGS})
SOURCE: Final = TriggerObject(BUCKET, f"drops/inference/{DATE}/fuzzed/_TRIGGER.json", "v1")
DATA: Final = DropData(f"{making.DROP}data/", f"{making.DROP}data/part_manifest")
SETTINGS: Final = Settings.load("dev")
RULES: Final = replace(SETTINGS.defence, most_rows=10_000, most_gigabytes=0.05)
COLUMNS: Final = inference_columns(SETTINGS.features)


class BlameError(AssertionError):
    """An input was refused, but the refusal takes the blame on us: nobody would mend the input."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where inputs come in, what is thrown at it, and what it does with one."""

    name: str
    inputs: SearchStrategy[Any]
    enter: Callable[[Any], None]

    def knock(self, given: Any) -> str:
        """`taken`, or the kind and words of the refusal; anything else is an error of ours and goes on up."""
        try:
            bounded(lambda: self.enter(given))
        except RightpackError as error:
            if error.fault not in THEIRS:
                raise BlameError(f"{type(error).__name__} is blamed on {error.fault}: {error}") from error
            return f"{type(error).__name__}: {shape(str(error))}"
        return TAKEN


def shape(message: str) -> str:
    """A message without its values, so that equal reasons count as one."""
    plain = re.sub(r"""'[^']*'|"[^"]*"|s3://\S+|\d+""", "…", message)
    return plain.splitlines()[0][:70] if plain else ""


def trigger(body: bytes) -> None:
    """As the launcher reads it: the trigger, then the settings with its overrides."""
    parsed = parse(body, SOURCE)
    settings = Settings.load("dev", [parsed.settings])
    Settings.from_json(settings.to_json())
    if parsed.package_type:
        settings.target(parsed.package_type)


def manifested(body: bytes) -> None:
    """A manifest beside a sound file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.parquet").write_bytes(making.SOUND)
        (folder / "part_manifest").write_bytes(body)
        checked_files(folder, DATA)


def parquet(body: bytes) -> None:
    """A file that its manifest describes rightly."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.parquet").write_bytes(body)
        entry = {"url": f"{DATA.uri}a.parquet", "meta": {"content_length": len(body)}}
        (folder / "part_manifest").write_text(json.dumps({"entries": [entry]}))
        found = admit(folder, DATA, Contract(COLUMNS, RULES, dt.date(2026, 11, 20), (PRODUCT,)))
        assert found.table.num_rows + found.quarantine.rows == found.rows


class _Picky:
    """Reads what a model reads, and gives every row the same score."""

    def score(self, table: pa.Table) -> pa.Table:
        sound = conform(table, COLUMNS, "the request")
        return pa.table({"row_id": sound[PRODUCT], "carton": pa.array([0.5] * sound.num_rows, pa.float64())})


def invocation(given: tuple[str, bytes]) -> None:
    """A request to the scoring service; status 500 is what must never come."""
    kind, body = given
    seen: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/invocations",
        "wsgi.input": io.BytesIO(body),
        "CONTENT_TYPE": kind,
    }
    answer = b"".join(Application(cast("Bundle", _Picky()))(environ, lambda status, _headers: seen.append(status)))
    if seen[0].startswith("4"):
        raise _RefusedError(answer.decode())
    assert seen == ["200 OK"], (seen, answer)


class _RefusedError(RightpackError):
    """The service said no."""

    fault = Fault.DATA


def intake(given: tuple[str, str, bytes]) -> None:
    """A file of somebody's own: `rightpack load products` and `rightpack load labels`, up to the parts for COPY."""
    name, encoding, body = given
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(body)
        mapping, parts = ColumnMapping(file=FileFormat(encoding=encoding)), Path(folder) / "out"
        if name.startswith("labels"):
            found = deliver(read_labels(path, mapping, SETTINGS), LABEL_COLUMNS, parts)
        else:
            sifted = read_products(path, mapping, SETTINGS, first_seen=dt.date(2026, 11, 20))
            found = deliver(sifted, product_columns(SETTINGS.features), parts)
        assert sum(pq.read_metadata(path).num_rows for path in found.paths) == found.accepted > 0


def archive(body: bytes) -> None:
    """A model's archive, unpacked, its index and cards read."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.tar.gz").write_bytes(body)
        unpacked = unpack(folder / "model.tar.gz", folder / "model")
        for entry in read_index(unpacked)[0]:
            Card.load(unpacked / entry.directory)


DOORS: Final = (
    Door("trigger", making.triggers, trigger),
    Door("manifest", making.manifests, manifested),
    Door("parquet", making.parquets, parquet),
    Door("invocations", making.bodies, invocation),
    Door("intake", making.own_files, intake),
    Door("archive", making.archives, archive),
)
