"""Parameters `$1`, `$2` ... of a prepared statement: they stand for values, never for names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.lexer import Kind, tokens


def _references(sql: str) -> Iterator[tuple[int, int, int]]:
    """Number, start and end of every `$n` outside of strings and comments."""
    found = tokens(sql)
    for sign, number in pairwise(found):
        if sign.keyword == "$" and number.kind is Kind.NUMBER and number.start == sign.end:
            yield int(number.value), sign.start, number.end


def bind(sql: str, literals: Sequence[str]) -> str:
    """Put the values in as literals."""
    if "$" not in sql:
        return sql
    parts, at = [], 0
    for number, start, end in _references(sql):
        if not 1 <= number <= len(literals):
            raise SqlError(f"there is no parameter ${number}", SqlState.UNDEFINED_PARAMETER)
        parts += [sql[at:start], literals[number - 1]]
        at = end
    return "".join([*parts, sql[at:]])


def parameter_count(sql: str) -> int:
    """The highest number of a parameter."""
    return max((number for number, _, _ in _references(sql)), default=0) if "$" in sql else 0
