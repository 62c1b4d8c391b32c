"""Results in the shape of the Data API."""

from __future__ import annotations

import base64
import datetime as dt
from decimal import Decimal
from typing import Any

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.outcome import ResultSet
from local_cloud.wire import AwsError, Json

PAGE_ROWS = 1000
_INT64 = range(-(2**63), 2**63)
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision"})


def field(value: Any) -> Json:
    """One cell: numbers as numbers, decimals, dates and times as text."""
    match value:
        case None:
            return {"isNull": True}
        case bool():
            return {"booleanValue": value}
        case int() if value in _INT64:
            return {"longValue": value}
        case float():
            return {"doubleValue": value}
        case bytes() | bytearray():
            return {"blobValue": base64.b64encode(value).decode()}
        case _:
            return {"stringValue": as_text(value)}


def as_text(value: Any) -> str:
    """A value as Redshift prints it."""
    match value:
        case dt.datetime():
            text = value.replace(tzinfo=None).isoformat(" ")
            return _short_fraction(text) + ("+00" if value.tzinfo else "")
        case dt.time():
            return _short_fraction(value.isoformat())
        case Decimal():
            return format(value, "f")
        case _:
            return str(value)


def _short_fraction(text: str) -> str:
    return text.rstrip("0") if "." in text else text


def column_metadata(name: str, kind: ColumnType, *, nullable: bool = True) -> Json:
    """The description of a column."""
    numeric = kind.base == "numeric" and kind.size
    precision, scale = kind.size if numeric else (0, 0)
    return {
        "name": name,
        "label": name,
        "typeName": kind.api,
        "nullable": int(nullable),
        "length": kind.size[0] if kind.max_bytes else 0,
        "precision": precision,
        "scale": scale,
        "isSigned": kind.base in _NUMBERS,
        "isCurrency": False,
        "isCaseSensitive": kind.base.startswith("character"),
        "schemaName": "",
        "tableName": "",
    }


def page(result: ResultSet, token: str | None) -> Json:
    """One page of a result; `token` is the NextToken of the page before."""
    start = _offset(token, len(result.rows))
    answer = {
        "ColumnMetadata": [column_metadata(name, kind) for name, kind in result.columns],
        "Records": [[field(value) for value in row] for row in result.rows[start : start + PAGE_ROWS]],
        "TotalNumRows": len(result.rows),
    }
    if start + PAGE_ROWS < len(result.rows):
        answer["NextToken"] = str(start + PAGE_ROWS)
    return answer


def window(items: list[Json], request: Json, *, most: int) -> tuple[list[Json], Json]:
    """The part of a list that MaxResults and NextToken ask for, and the token of the next part."""
    size = request.get("MaxResults") or most
    if not 0 < size <= most:
        raise AwsError("ValidationException", f"MaxResults must be at most {most}, not {size}.")
    start = _offset(request.get("NextToken"), len(items))
    more = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], more


def _offset(token: str | None, length: int) -> int:
    if not token:
        return 0
    if not token.isdigit() or int(token) > length:
        raise AwsError("ValidationException", f"NextToken {token!r} is not from an answer of this operation.")
    return int(token)
