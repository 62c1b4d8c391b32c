"""What is thrown at the doors: sound inputs with wounds, and plain nonsense."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from hypothesis import strategies as st

from processing.invocations import CSV, PARQUET
from rightpack.settings import CONFIG_FOLDER, read_toml
from tests.faults.inputs.archives import members, packed
from tests.faults.inputs.bad import BUCKET, DATE
from tests.faults.inputs.drops import parquet
from tests.unit.processing.world import products

ROWS: Final = 12
SOUND: Final = parquet(products(ROWS))
PLAIN: Final = parquet(products(ROWS), compression="none")
ARCHIVE: Final = packed(members())
DROP: Final = f"s3://{BUCKET}/drops/inference/{DATE}/fuzzed/"
WORDS: Final = ["training", "inference", "weekly", "daily", DATE, f"{DROP}data/", f"{DROP}data/part_manifest", "carton"]
NUMBERS: Final = [0, 1, -1, 2**31, 2**63, 10**400, 0.5, float("inf"), float("nan")]

leaves = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.integers(), st.text(max_size=8), st.sampled_from(WORDS)
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def _paths(value: object, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a team may override something: every table and every value in one."""
    if at:
        yield at
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _paths(inner, (*at, name))


PATHS: Final = sorted(_paths(read_toml(CONFIG_FOLDER / "base.toml")))


@st.composite
def wounded(draw: st.DrawFn, sound: bytes, tail: int = 0) -> bytes:
    """`sound` with some bytes changed, cut out or put in; half of the wounds in its last `tail` bytes."""
    body = bytearray(sound)
    for _ in range(draw(st.integers(1, 6))):
        low = max(0, len(body) - tail) if tail and draw(st.booleans()) else 0
        at = draw(st.integers(low, max(low, len(body) - 1)))
        match draw(st.sampled_from(["flip", "put", "cut", "end"])):
            case "flip":
                body[at : at + 1] = bytes([draw(st.integers(0, 255))])
            case "put":
                body[at:at] = draw(st.binary(max_size=4))
            case "cut":
                del body[at : at + draw(st.integers(1, 8))]
            case _:
                if draw(st.integers(0, 4)) == 0:
                    del body[at:]
    return bytes(body)


def _zipped(body: bytes) -> bytes:
    return gzip.compress(body, mtime=0)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


SOUND_TRIGGER: Final[dict[str, Any]] = {
    "version": 1,
    "pipeline": "inference",
    "mode": "daily",
    "business_date": DATE,
    "data": {"uri": f"{DROP}data/", "manifest": f"{DROP}data/part_manifest"},
}


@st.composite
def _overrides(draw: st.DrawFn) -> dict[str, Any]:
    """Anything at all in the place of one setting."""
    path, value = draw(st.sampled_from(PATHS)), draw(anything)
    for name in reversed(path):
        value = {name: value}
    return dict(value)


@st.composite
def _changed_trigger(draw: st.DrawFn) -> bytes:
    body = dict(SOUND_TRIGGER)
    for _ in range(draw(st.integers(0, 2))):
        body[draw(st.sampled_from([*SOUND_TRIGGER, "package_type", "colour"]))] = draw(anything)
    if draw(st.booleans()):
        body["settings"] = draw(_overrides())
    return _json(body)


@st.composite
def _manifest(draw: st.DrawFn) -> bytes:
    entry: dict[str, Any] = {
        "url": f"{DROP}data/a.parquet",
        "meta": {"content_length": len(SOUND), "record_count": ROWS},
    }
    for _ in range(draw(st.integers(0, 2))):
        match draw(st.sampled_from(["url", "meta", "content_length", "record_count"])):
            case "url":
                entry["url"] = draw(anything | st.text().map(lambda t: f"{DROP}data/{t}"))
            case "meta":
                entry["meta"] = draw(anything)
            case name if isinstance(entry["meta"], dict):
                entry["meta"] = {**entry["meta"], name: draw(anything)}
    more = draw(st.lists(anything, max_size=2))
    return _json({"entries": [entry, *more]})


LINES: Final = [
    b"product_id,length_cm,width_cm,height_cm,weight_g,price,is_fragile,is_liquid,category,primary_pack,title",
    b"p-1,30.5,20,4,250,12.5,0,0,kitchen,box,blue mug",
    b'p-2,,20,4,1e3,12.5,1,0,"toys, small",,"a ""quoted"" lamp"',
]

LABELS: Final = [
    b"product_id,package_type,suitable,observed_at,weight",
    b"p-1,carton,1,2026-11-20,1",
    b"p-2,padded-mailer,no,2026-11-20T08:00:00+01:00,0.5",
]
OWN_FILES: Final = {"products.csv": LINES, "labels.csv": LABELS}


@st.composite
def _own_file(draw: st.DrawFn) -> tuple[str, str, bytes]:
    """Somebody's own CSV file: its name, what its encoding is said to be, and its bytes, perhaps zipped.

    It is wounded, or made of shuffled and strange lines, or of strange fields.
    """
    encoding = draw(st.sampled_from(["latin-1", "utf-8"]))  # any byte is a letter in the former
    name = draw(st.sampled_from(sorted(OWN_FILES)))
    lines = OWN_FILES[name]
    fields = st.lists(st.sampled_from(FIELDS), min_size=3, max_size=12).map(b",".join)
    body = draw(
        wounded(b"\n".join(lines) + b"\n")
        | st.lists(st.sampled_from(lines) | st.binary(max_size=20), max_size=4).map(b"\n".join)
        | st.lists(st.sampled_from(lines) | fields, max_size=5).map(lambda more: b"\n".join([lines[0], *more]))
    )
    if draw(st.integers(0, 3)):
        return name, encoding, body
    return f"{name}.gz", encoding, draw(st.just(_zipped(body)) | wounded(_zipped(body)))


FIELDS: Final = [
    b"", b" ", b"p-1", b"1", b"-1", b"1e999", b"nan", b"1_0", b"0x1", b"\xff", b"\0", b'"', b'"a\nb"', b"\r",
    b"carton", b"none", b"yes", b"2026-11-20", b"0000-00-00", b"9999-12-31T23:59:59-23:00", "²".encode(), b"9" * 400,
]  # fmt: skip


@st.composite
def _odd_table(draw: st.DrawFn) -> bytes:
    """A table of which some columns are of any type and value, written as it comes."""
    table = products(ROWS)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, table.num_columns - 1))
        values = [
            draw(st.sampled_from(ODD[kind])) for kind in [draw(st.sampled_from(sorted(ODD)))] for _ in range(ROWS)
        ]
        table = table.set_column(place, table.column_names[place], pa.array(values))
    return parquet(table, compression=draw(st.sampled_from(["none", "snappy", "zstd"])))


ODD: Final[dict[str, list[Any]]] = {
    "boolean": [True, False, None],
    "bytes": [b"", b"\xff", None],
    "date": [dt.date(2026, 1, 1), dt.date.min, dt.date.max, None],
    "decimal": [Decimal("1.50"), Decimal("-9999999999.99"), None],
    "float": [0.0, -1.0, 1e308, 1e-320, float("nan"), float("inf"), None],
    "integer": [0, -1, 2**62, 7, None],
    "list": [[1.0], [], None],
    "moment": [dt.datetime.combine(dt.date(2026, 1, 1), dt.time()), dt.datetime.combine(dt.date.max, dt.time()), None],
    "nothing": [None],
    "struct": [{"a": 1}, None],
    "text": ["", " ", "1.5", "1e9999", "-nan", "inf", "2026-13-01", "\0", "🥤" * 20, "p-000001", None],
}


@st.composite
def _odd_archive(draw: st.DrawFn) -> bytes:
    """A whole archive of which one member is wounded."""
    files = members()
    name = draw(st.sampled_from(sorted(files)))
    return packed({**files, name: draw(wounded(files[name]))})


triggers = st.one_of(_changed_trigger(), wounded(_json(SOUND_TRIGGER)), st.binary(max_size=64), anything.map(_json))
manifests = st.one_of(_manifest(), _manifest().flatmap(wounded), anything.map(_json), st.binary(max_size=64))
parquets = st.one_of(_odd_table(), wounded(SOUND, 900), wounded(PLAIN), _odd_table().flatmap(wounded))
bodies = st.one_of(
    st.tuples(st.just(CSV), wounded(b"\n".join(LINES))),
    st.tuples(st.just(CSV), st.lists(st.sampled_from(LINES) | st.binary(max_size=20), max_size=4).map(b"\n".join)),
    st.tuples(st.just(PARQUET), wounded(SOUND, 900) | _odd_table()),
)
own_files = _own_file()
archives = st.one_of(wounded(ARCHIVE), _odd_archive(), wounded(gzip.decompress(ARCHIVE)).map(_zipped))
