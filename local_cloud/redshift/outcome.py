"""What a statement did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_cloud.redshift.column_types import ColumnType


@dataclass(frozen=True, slots=True)
class ResultSet:
    """The rows of a query with the names and types of their columns."""

    columns: tuple[tuple[str, ColumnType], ...]
    rows: list[tuple[Any, ...]]
    size: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a statement did: rows returned or affected (-1 where that means nothing), and a result set if it has one."""

    count: int = -1
    result: ResultSet | None = None
