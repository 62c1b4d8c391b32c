"""Named parameters of the Data API: `:name` stands for a value, never for an identifier."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from local_cloud.redshift.lexer import redshift_text, tokens

_NAME = re.compile(r"[0-9a-zA-Z_]+")


def _references(sql: str) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of every `:name` outside of strings and comments; `::` is a cast."""
    for token in tokens(sql):
        if token.keyword == ":" and (match := _NAME.match(sql, token.end)):
            yield match[0], token.start, match.end()


def used_names(sql: str) -> set[str]:
    """The names that a statement refers to."""
    return {name for name, _, _ in _references(sql)}


def bind(sql: str, parameters: Mapping[str, str]) -> str:
    """Put the values in as literals; names that have none stay as they are."""
    parts, at = [], 0
    for name, start, end in _references(sql):
        if name in parameters:
            parts += [sql[at:start], redshift_text(parameters[name])]
            at = end
    return "".join([*parts, sql[at:]])
