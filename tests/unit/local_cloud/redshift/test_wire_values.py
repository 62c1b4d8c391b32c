"""Values of the wire protocol, without a wire."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any

import pytest

from local_cloud.redshift.column_types import ColumnType, named
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.pgwire.binding import bind, parameter_count
from local_cloud.redshift.pgwire.logins import Logins
from local_cloud.redshift.pgwire.values import encoder, literal, modifier, oid_of


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("bool", True, b"t"),
        ("int4", 7, b"7"),
        ("numeric", Decimal("1E+3"), b"1000"),
        ("date", dt.date(2026, 1, 2), b"2026-01-02"),
        ("timestamp", dt.datetime.fromisoformat("2026-01-02 03:04:05.250"), b"2026-01-02 03:04:05.25"),
        ("timestamptz", dt.datetime(2026, 1, 2, tzinfo=dt.UTC), b"2026-01-02 00:00:00+00"),
        ("varbyte", b"\x01\xff", b"01ff"),
        ("varchar", "ü", "ü".encode()),
    ],
)
def test_a_cell_as_text(kind: str, value: Any, expected: bytes) -> None:
    assert encoder(named(kind), binary=False)(value) == struct.pack("!i", len(expected)) + expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int2", -2, b"\xff\xfe"),
        ("int8", 2**40, struct.pack("!q", 2**40)),
        ("float8", Decimal("0.5"), struct.pack("!d", 0.5)),
        ("bool", False, b"\0"),
        ("date", dt.date(1999, 12, 31), struct.pack("!i", -1)),
        ("time", dt.time(0, 0, 1), struct.pack("!q", 1_000_000)),
        ("timetz", dt.time(0, 0, tzinfo=dt.timezone(dt.timedelta(hours=1))), struct.pack("!qi", 0, -3600)),
        ("timestamp", dt.datetime.fromisoformat("2000-01-01 00:00:01"), struct.pack("!q", 1_000_000)),
    ],
)
def test_a_cell_in_binary(kind: str, value: Any, expected: bytes) -> None:
    assert encoder(named(kind), binary=True)(value) == struct.pack("!i", len(expected)) + expected


def test_a_number_that_does_not_fit_its_type_is_an_error() -> None:
    with pytest.raises(SqlError, match="out of range for type integer"):
        encoder(named("int4"), binary=True)(2**31)


def test_types_have_ids_and_sizes() -> None:
    assert (oid_of(named("varchar")), modifier(ColumnType("character varying", (20,)))) == (1043, 24)
    assert modifier(ColumnType("numeric", (12, 3))) == (12 << 16 | 3) + 4


@pytest.mark.parametrize(
    ("data", "oid", "binary", "expected"),
    [
        (b"it's \\", 705, False, "'it''s \\\\'"),
        (None, 705, False, "NULL"),
        (None, 23, True, "CAST(NULL AS integer)"),
        (struct.pack("!h", -3), 21, True, "CAST('-3' AS smallint)"),
        (b"\1", 16, True, "CAST('true' AS boolean)"),
        (struct.pack("!q", 0), 1114, True, "CAST('2000-01-01 00:00:00' AS timestamp without time zone)"),
        (b"-12.50", 1700, False, "CAST('-12.50' AS DECIMAL(4, 2))"),
        (b"1E3", 1700, False, "CAST('1000' AS DECIMAL(4, 0))"),
        (b"0.001", 1700, False, "CAST('0.001' AS DECIMAL(3, 3))"),
    ],
)
def test_a_parameter_as_a_literal(data: bytes | None, oid: int, binary: bool, expected: str) -> None:
    assert literal(data, oid, binary=binary) == expected


@pytest.mark.parametrize(
    ("data", "oid"), [(b"NaN", 1700), (b"x", 1700), (b"\xff", 705), (b"1", 600), (b"1" * 39, 1700)]
)
def test_a_parameter_that_means_nothing_is_refused(data: bytes, oid: int) -> None:
    with pytest.raises(SqlError):
        literal(data, oid, binary=False)


def test_parameters_stand_outside_of_strings_and_comments_only() -> None:
    sql = "SELECT $2, '$1', \"$1\", $$ $1 $$, $1 -- $3"
    assert bind(sql, ["a", "b"]) == "SELECT b, '$1', \"$1\", $$ $1 $$, a -- $3"
    assert parameter_count(sql) == 2
    with pytest.raises(SqlError, match=r"no parameter \$2"):
        bind(sql, ["a"])


def test_a_password_opens_one_workgroup_until_it_expires() -> None:
    now = [100.0]
    logins = Logins(lambda: now[0])
    login = logins.issue("IAM:ann", "workgroup", "rightpack-dev", seconds=900)
    assert logins.find("IAM:ann", login.password) == login
    assert logins.find("IAM:bob", login.password) is None
    now[0] += 900
    assert logins.find("IAM:ann", login.password) is None
