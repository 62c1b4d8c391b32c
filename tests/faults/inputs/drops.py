"""Bad drops: files, manifests and rows."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.faults.inputs.bad import Bad, Entry, Files
from tests.unit.processing.world import labelled, products

ROWS: Final = 100
PART: Final = "part_0000_part_00.parquet"
MANIFEST: Final = "part_manifest"
Change = Callable[[Files, str], Files]
Rows = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class Told:
    """What a manifest says of one file."""

    url: str
    length: int
    rows: int


def parquet(table: pa.Table, **options: Any) -> bytes:
    """`table` as the bytes of a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink, store_schema=False, **{"compression": "zstd", **options})
    return sink.getvalue()


def manifest(*told: Told) -> bytes:
    """An UNLOAD manifest."""
    entries = [{"url": t.url, "meta": {"content_length": t.length, "record_count": t.rows}} for t in told]
    return json.dumps({"entries": entries}, indent=1).encode()


def dropped(body: bytes, rows: int, uri: str) -> Files:
    """A drop of one file."""
    return {PART: body, MANIFEST: manifest(Told(uri + PART, len(body), rows))}


def put(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    """`table` with one column replaced."""
    return table.set_column(table.column_names.index(name), name, values)


def at(name: str, values: dict[int, Any], kind: pa.DataType | None = None) -> Rows:
    """Change some values of a column."""

    def change(table: pa.Table) -> pa.Table:
        now = [values.get(i, v) for i, v in enumerate(table[name].to_pylist())]
        return put(table, name, pa.array(now, kind or table[name].type))

    return change


def scaled(factor: float, *names: str) -> Rows:
    """The same products in another unit."""

    def change(table: pa.Table) -> pa.Table:
        for name in names:
            values = table[name].to_numpy(zero_copy_only=False).astype(np.float64) * factor
            table = put(table, name, pa.array(values, from_pandas=True))
        return table

    return change


def typed(name: str, make: Callable[[int], Any]) -> Rows:
    """A column of quite another type."""
    return lambda table: put(table, name, pa.array([make(i) for i in range(table.num_rows)]))


def again(row: int, **changes: Any) -> Rows:
    """Repeat a row at the end, with some values changed."""

    def change(table: pa.Table) -> pa.Table:
        more = table.slice(row, 1)
        for name, value in changes.items():
            more = put(more, name, pa.array([value], table[name].type))
        return pa.concat_tables([table, more])

    return change


def damage(rows: int) -> pa.Table:
    """Evidence on damage: every product in one type."""
    catalogue, numbers = products(rows), np.arange(rows)
    own = {
        "package_type": pa.array(["carton" if i % 2 else "paper-bag" for i in numbers]),
        "observed_at": pa.array([dt.date(2026, 10, 1 + i % 28) for i in range(rows)]).cast(pa.timestamp("us")),
        "shipped": pa.array(20.0 + numbers % 7),
        "bad": pa.array(np.where(numbers % 9 == 0, 1.0, 0.0)),
        "tested": pa.array(np.where(numbers % 5 == 0, 2.0, 0.0)),
        "failed": pa.array(np.where(numbers % 15 == 0, 1.0, 0.0)),
    }
    return pa.table({"product_id": catalogue["product_id"], **own, **_rest(catalogue)})


def _rest(catalogue: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {n: catalogue[n] for n in catalogue.column_names if n != "product_id"}


TABLES: Final[dict[Entry, Callable[[int], pa.Table]]] = {
    Entry.PRODUCTS: products,
    Entry.LABELS: labelled,
    Entry.DAMAGE: damage,
}


def by_rows(name: str, entry: Entry, wrong: str, change: Rows, quarantined: int = 0) -> Bad:
    """A drop of which rows or columns are wrong."""
    bad = Bad(name, entry, wrong, dict, quarantined)

    def make() -> Files:
        table = change(TABLES[entry](ROWS))
        return dropped(parquet(table), table.num_rows, bad.data_uri)

    return Bad(name, entry, wrong, make, quarantined)


def by_files(name: str, wrong: str, change: Change) -> Bad:
    """A drop of sound rows whose files are wrong."""
    bad = Bad(name, Entry.PRODUCTS, wrong, dict)

    def make() -> Files:
        body = parquet(products(ROWS))
        return change(dropped(body, ROWS, bad.data_uri), bad.data_uri)

    return Bad(name, Entry.PRODUCTS, wrong, make)


def _told(files: Files, uri: str, **changes: Any) -> Files:
    sound = {"url": uri + PART, "length": len(files[PART]), "rows": ROWS}
    return {**files, MANIFEST: manifest(Told(**{**sound, **changes}))}


def _body(body: bytes, rows: int) -> Change:
    return lambda _, uri: dropped(body, rows, uri)


def _half(files: Files, _: str) -> Files:
    return {**files, PART: files[PART][: len(files[PART]) // 2]}


def _broken_footer(files: Files, uri: str) -> Files:
    body = files[PART]
    return dropped(body[:-1000] + b"\xff" * 992 + body[-8:], ROWS, uri)


def _many_rows(_: Files, uri: str) -> Files:
    """Sixty million rows in a few bytes."""
    count = 60_000_000
    body = parquet(pa.table({"is_liquid": pa.array(np.zeros(count, np.int8))}), max_rows_per_page=count)
    return dropped(body, count, uri)


def _huge_texts(_: Files, uri: str) -> Files:
    """A text of a megabyte in each of 200,000 rows, which the file holds once."""
    count, catalogue = 200_000, products(1)
    once = {n: pa.array([catalogue[n][0].as_py()], catalogue[n].type) for n in catalogue.column_names}
    once["title"] = pa.array(["x" * 1_000_000])
    same = pa.array(np.zeros(count, np.int32))
    folded = {name: pa.DictionaryArray.from_arrays(same, value) for name, value in once.items()}
    return dropped(parquet(pa.table(folded), compression="zstd"), count, uri)


def _file_drops() -> Iterator[Bad]:
    yield by_files("no-manifest", "There is no manifest.", lambda files, _: {PART: files[PART]})
    yield by_files("prose-manifest", "The manifest is not JSON.", lambda f, _: {**f, MANIFEST: b"see above"})
    yield by_files("endless-manifest", "A length is infinite.", lambda f, uri: _told(f, uri, length=float("inf")))
    yield by_files(
        "doubled-file",
        "The manifest lists a file twice.",
        lambda f, uri: {**f, MANIFEST: manifest(*[Told(uri + PART, len(f[PART]), ROWS)] * 2)},
    )
    yield by_files(
        "foreign-file", "A file lies in a bucket of others.", lambda f, uri: _told(f, uri, url=f"s3://x/{PART}")
    )
    yield by_files("climbing-file", "A file's path climbs.", lambda f, uri: _told(f, uri, url=f"{uri}../x/{PART}"))
    yield by_files("absent-file", "A file is not there.", lambda f, _: {MANIFEST: f[MANIFEST]})
    yield by_files("unlisted-file", "A file is not in the manifest.", lambda f, _: {**f, "part_0001.parquet": f[PART]})
    yield by_files("torn-file", "Half of a file was written.", _half)
    yield by_files("miscounted-rows", "The manifest counts another row.", lambda f, uri: _told(f, uri, rows=ROWS + 1))
    yield by_files("csv-as-parquet", "A CSV file is called Parquet.", _body(b"product_id,price\np-1,3.50\n", 1))
    yield by_files("broken-footer", "The footer is overwritten.", _broken_footer)
    yield by_files("bomb-of-rows", "A few kilobytes hold sixty million rows.", _many_rows)
    yield by_files("bomb-of-texts", "A few kilobytes unfold to 200 GB of text.", _huge_texts)
    yield by_files("no-rows", "There are no rows.", _body(parquet(products(0)), 0))


def _column_drops() -> Iterator[Bad]:
    entry = Entry.PRODUCTS
    renamed: Rows = lambda table: table.rename_columns(["weight" if n == "weight_g" else n for n in table.column_names])  # noqa: E731
    twice: Rows = lambda table: table.append_column("price", table["price"])  # noqa: E731
    yield by_rows("renamed-column", entry, "A column is called otherwise.", renamed)
    yield by_rows("doubled-column", entry, "A column is there twice.", twice)
    yield by_rows("lists-for-numbers", entry, "Prices are lists.", typed("price", lambda i: [float(i)]))
    yield by_rows(
        "days-for-numbers", entry, "Prices are dates.", typed("price", lambda i: dt.date(2026, 1, 1 + i % 28))
    )
    yield by_rows("words-for-numbers", entry, "Every price is a word.", typed("price", lambda i: f"price {i}"))
    yield by_rows("inches", entry, "Sides are in inches.", scaled(1 / 2.54, "length_cm", "width_cm", "height_cm"))
    yield by_rows("millimetres", entry, "Sides are in millimetres.", scaled(10, "length_cm", "width_cm", "height_cm"))
    yield by_rows("kilograms", entry, "Weights are in kilograms.", scaled(1 / 1000, "weight_g"))
    yield by_rows(
        "many-bad-rows", entry, "A tenth of the weights is negative.", at("weight_g", dict.fromkeys(range(12), -1.0))
    )


def _row_drops() -> Iterator[Bad]:
    entry = Entry.PRODUCTS
    yield by_rows("infinite-price", entry, "A price is infinite.", at("price", {7: float("inf")}), 1)
    yield by_rows("negative-weight", entry, "A weight is negative.", at("weight_g", {3: -250.0}), 1)
    yield by_rows("endless-side", entry, "A side is 20 metres long.", at("width_cm", {3: 2000.0}), 1)
    yield by_rows("word-in-numbers", entry, "A price is 'on request'.", _as_text("price", {11: "on request"}), 1)
    yield by_rows("half-a-flag", entry, "A flag is 2.", at("is_liquid", {5: 2}), 1)
    yield by_rows("two-opinions", entry, "Two rows say different things of a product.", again(4, price=1.0), 2)
    yield by_rows("no-id", entry, "A product has no id.", at("product_id", {9: None}), 1)
    yield by_rows("blank-id", entry, "A product's id is a blank.", at("product_id", {9: "  "}), 1)
    yield by_rows("long-id", entry, "An id is longer than the warehouse's.", at("product_id", {9: "p" * 65}), 1)
    yield by_rows("torn-id", entry, "An id holds a line break.", at("product_id", {9: "p-9\nDROP"}), 1)
    entry = Entry.LABELS
    yield by_rows("third-label", entry, "A label is 2.", at("suitable", {8: 2}), 1)
    yield by_rows("two-labels", entry, "A label_id stands for two labels.", _contradicted, 2)
    yield by_rows(
        "label-of-tomorrow",
        entry,
        "A label is of next year.",
        at("observed_at", {2: dt.datetime.combine(dt.date(2027, 1, 1), dt.time())}),
        1,
    )
    yield by_rows("weightless-label", entry, "A weight is NaN.", at("weight", {1: float("nan")}), 1)
    yield by_rows(
        "one-sided-labels", entry, "Every label says suitable.", at("suitable", dict.fromkeys(range(ROWS), 1))
    )
    entry = Entry.DAMAGE
    yield by_rows("negative-count", entry, "Fewer than no shipments.", at("shipped", {6: -1.0}), 1)
    yield by_rows("doubled-evidence", entry, "A product and type has two rows.", again(4, shipped=99.0))


def _contradicted(table: pa.Table) -> pa.Table:
    return again(4, suitable=1 - table["suitable"][4].as_py())(table)


def _as_text(name: str, values: dict[int, str]) -> Rows:
    def change(table: pa.Table) -> pa.Table:
        texts: Sequence[str] = [values.get(i, str(v)) for i, v in enumerate(table[name].to_pylist())]
        return put(table, name, pa.array(texts))

    return change


def bad_drops() -> Iterator[Bad]:
    """All of them."""
    yield from _file_drops()
    yield from _column_drops()
    yield from _row_drops()
