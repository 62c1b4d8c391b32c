from __future__ import annotations

import datetime as dt
import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from processing.intake import ColumnMapping, FileFormat, read_labels, read_products, source
from rightpack.errors import ContractError, DataError

from .conftest import HEADER, Read

FIRST = dt.date(2026, 9, 7)
PLAIN = FileFormat()


def read(path, settings, **mapping) -> Read:
    return Read.of(read_products(path, ColumnMapping(**mapping), settings, first_seen=FIRST))


def test_rows_with_too_few_or_too_many_fields_are_kept_apart_and_numbers_stay_right(csv, settings):
    found = read(csv(HEADER, "a,t,c,1,2,3,4,5", "b,t", "c,t,c,oops,2,3,4,5", "d,t,c,1,2,3,4,5,6,7", "e,t"), settings)
    assert [row["product_id"] for row in found.rows] == ["a"]
    assert [(r["row"], r["reason"]) for r in found.refused] == [
        (2, "2 fields where the header has 8"),
        (3, "is not a number"),
        (4, "10 fields where the header has 8"),
        (5, "2 fields where the header has 8"),
    ]
    assert found.refused[0]["content"] == '"b,t"'


def test_numbers_stay_right_across_the_blocks_of_a_large_file(csv, settings, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_BYTES", 200)
    lines = ["b,t" if n % 7 == 0 else f"p{n},t,c,{'x' if n % 5 == 0 else 1},2,3,4,5" for n in range(1, 101)]
    found = read(csv(HEADER, *lines), settings)
    assert [r["row"] for r in found.refused] == [n for n in range(1, 101) if n % 7 == 0 or n % 5 == 0]
    assert len(found.rows) + len(found.refused) == 100


def test_a_repeated_id_is_noticed_across_blocks(csv, settings, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_BYTES", 200)
    lines = [f"p{n % 40},t,c,1,2,3,4,5" for n in range(80)]
    found = read(csv(HEADER, *lines), settings)
    assert len(found.rows) == 40
    assert {r["reason"] for r in found.refused} == {"was in an earlier row already"}


def test_quoted_texts_may_hold_delimiters_and_line_ends(csv, settings):
    found = read(csv(HEADER, 'a,"Vase, blue\nwith ""gold""",c,1,2,3,4,5'), settings)
    assert found.rows[0]["title"] == 'Vase, blue\nwith "gold"'


def test_a_byte_order_mark_and_compression_do_not_matter(tmp_path, settings):
    text = f"\ufeff{HEADER}\na,t,c,1,2,3,4,5\n".encode()
    (tmp_path / "plain.csv").write_bytes(text)
    (tmp_path / "packed.csv.gz").write_bytes(gzip.compress(text))
    plain, packed = (read(tmp_path / name, settings) for name in ("plain.csv", "packed.csv.gz"))
    assert plain == packed
    assert plain.rows[0]["product_id"] == "a"


def test_text_that_is_not_utf8_fails_with_the_remedy_and_reads_with_it(csv, settings):
    path = csv(HEADER, "a,Käse,c,1,2,3,4,5", encoding="latin-1")
    with pytest.raises(DataError, match='encoding = "latin-1"'):
        read(path, settings)
    assert read(path, settings, file=FileFormat(encoding="latin-1")).rows[0]["title"] == "Käse"


def test_two_columns_of_one_name_are_refused(csv):
    with pytest.raises(ContractError, match="two columns called 'a'"):
        source.column_names(csv("a,b,a"), PLAIN)


@pytest.mark.parametrize(("sign", "said"), [(";", '";"'), ("\t", r'"\\t"'), ("|", r'"\|"')])
def test_fields_that_are_divided_otherwise_than_said_are_told_with_the_remedy(csv, sign, said):
    with pytest.raises(ContractError, match=rf"delimiter = {said}"):
        source.column_names(csv(HEADER.replace(",", sign)), PLAIN)
    assert source.column_names(csv(HEADER.replace(",", sign)), FileFormat(delimiter=sign)) == HEADER.split(",")


@pytest.mark.parametrize(("name", "message"), [("mine.xlsx", "neither CSV nor Parquet"), ("empty.csv", "is empty")])
def test_files_that_are_no_tables_are_refused(tmp_path, settings, name, message):
    (tmp_path / name).write_text("")
    with pytest.raises(DataError, match=message):
        source.column_names(tmp_path / name, PLAIN)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.csv is not a file"):
        source.column_names(tmp_path / "gone.csv", PLAIN)


def test_a_broken_parquet_file_is_a_data_error(tmp_path):
    path = tmp_path / "mine.parquet"
    path.write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(DataError, match=r"mine\.parquet is not a readable Parquet file"):
        source.column_names(path, PLAIN)


def parquet(tmp_path, **columns):
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet_types_of_other_tools_are_understood(tmp_path, settings):
    zoned = pa.array([dt.datetime(2026, 9, 1, 12, tzinfo=dt.UTC), None], pa.timestamp("ns", "Europe/Berlin"))
    path = parquet(
        tmp_path,
        product_id=pa.array([12, 13]),
        title=pa.array(["Mug", None], pa.large_string()),
        category=pa.array(["kitchen", "toys"]).dictionary_encode(),
        length_cm=pa.array([1, None], pa.int32()),
        width_cm=pa.array([1.5, float("nan")]),
        height_cm=pa.array([None, None]),
        weight_g=pa.array(["7", "x"]),
        photos=pa.array([True, False]),
        is_liquid=pa.array([1.0, None]),
        first_seen_at=zoned,
    )
    found = read(path, settings)
    assert found.rows[0] | {"updated_at": None} == {
        "product_id": "12",
        "length_cm": 1.0,
        "width_cm": 1.5,
        "height_cm": None,
        "weight_g": 7.0,
        "price": None,
        "is_liquid": 1.0,
        "photos": 1.0,
        "category": "kitchen",
        "title": "Mug",
        "brand": None,
        "first_seen_at": dt.datetime.fromisoformat("2026-09-01T12:00"),
        "updated_at": None,
        "is_active": 1,
    }
    assert [(r["row"], r["column"]) for r in found.refused] == [(2, "weight_g")]


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("product_id", pa.array([1.5]), r"'product_id' \(for product_id\) holds fractions"),
        ("weight_g", pa.array([[1.0]]), "holds list.* not a number"),
        ("title", pa.array([[1.0]]), "cannot be read as text"),
        ("first_seen_at", pa.array([20260901]), "holds int64, not a date"),
    ],
)
def test_a_column_of_the_wrong_type_stops_the_file_and_is_named(tmp_path, settings, column, values, message):
    columns = dict.fromkeys(HEADER.split(","), pa.array(["1"])) | {column: values}
    with pytest.raises(ContractError, match=message):
        read(parquet(tmp_path, **columns), settings)


def test_an_integer_id_stored_as_floating_point_is_still_an_integer(tmp_path, settings):
    columns = dict.fromkeys(HEADER.split(","), pa.array(["1", "1"])) | {"product_id": pa.array([12.0, None])}
    found = read(parquet(tmp_path, **columns), settings)
    assert [row["product_id"] for row in found.rows] == ["12"]
    assert found.refused[0]["reason"] == "is empty"


CELL = st.sampled_from(["", "1", "0", "yes", "carton", "none", "2026-09-01", "x", "-1", "nan", "ü", "1e400", "a b"])


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(CELL, min_size=4, max_size=6), min_size=1, max_size=12))
def test_every_row_ends_in_the_table_or_in_quarantine_exactly_once(csv, settings, rows):
    path = csv("product_id,package_type,suitable,observed_at,weight", *(",".join(row) for row in rows))
    found = Read.of(read_labels(path, ColumnMapping(), settings))
    numbers = [r["row"] for r in found.refused]
    assert len(found.rows) + len(numbers) == len(rows)
    assert len(set(numbers)) == len(numbers)
    assert numbers == sorted(numbers)
