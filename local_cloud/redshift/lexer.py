"""Redshift SQL as tokens: sqlglot reads UNLOAD, COPY or LOCK as one opaque command, so statements start here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from local_cloud.redshift.errors import SqlError, SqlState


class Kind(StrEnum):
    """What a token is; comments and blanks are no tokens."""

    TEXT = "text"
    DOLLAR = "dollar"
    NAME = "name"
    NUMBER = "number"
    WORD = "word"
    END = "end"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One token: `value` is unquoted, `start` and `end` are offsets in the source."""

    kind: Kind
    value: str
    start: int
    end: int

    @property
    def keyword(self) -> str:
        """The word or sign in upper case; empty for quoted names, strings and numbers."""
        return self.value.upper() if self.kind in (Kind.WORD, Kind.SIGN) else ""


_PATTERN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<text>'(?:[^'\\]|''|\\.)*')
    |(?P<dollar>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<name>"(?:[^"]|"")*")
    |(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
    |(?P<word>[^\W\d][\w$]*)
    |(?P<end>;)
    |(?P<sign>::|<=|>=|<>|!=|\|\||.)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def _plain_text(quoted: str) -> str:
    def plain(match: re.Match[str]) -> str:
        return "'" if match[0] == "''" else _ESCAPES.get(match[1], match[1])

    return re.sub(r"''|\\(.)", plain, quoted[1:-1], flags=re.DOTALL)


def _value(kind: Kind, source: str) -> str:
    match kind:
        case Kind.TEXT:
            return _plain_text(source)
        case Kind.NAME:
            return source[1:-1].replace('""', '"')
        case Kind.DOLLAR:
            tag = source.index("$", 1) + 1
            return source[tag:-tag]
        case _:
            return source


def tokens(sql: str) -> list[Token]:
    """Split SQL into tokens; a string or quoted name without an end is an error."""
    found = []
    for match in _PATTERN.finditer(sql):
        if match["blank"] is not None:
            continue
        source = match[0]
        if source in ("'", '"'):
            raise SqlError(
                f'unterminated quoted string at or near "{sql[match.start() : match.start() + 40]}"', SqlState.SYNTAX
            )
        kind = next(kind for kind in Kind if match[kind] is not None)
        found.append(Token(kind, _value(kind, source), match.start(), match.end()))
    return found


def statements(sql: str) -> list[str]:
    """The statements of a text, without their semicolons and without empty ones."""
    found, start, end = [], None, 0
    for token in tokens(sql):
        if token.kind is not Kind.END:
            start, end = token.start if start is None else start, token.end
        elif start is not None:
            found.append(sql[start:end])
            start = None
    return found if start is None else [*found, sql[start:end]]


def quote_name(name: str) -> str:
    """A name as an identifier of DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """A text as a literal of DuckDB, where a backslash is just a backslash."""
    return "'" + text.replace("'", "''") + "'"


def redshift_text(text: str) -> str:
    """A text as a literal of Redshift, where a backslash escapes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
