"""Prepared statements and portals: a portal runs its statement once and then hands out rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from local_cloud.redshift.column_types import ColumnType
from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.pgwire import messages
from local_cloud.redshift.pgwire.binding import bind
from local_cloud.redshift.pgwire.messages import Body
from local_cloud.redshift.pgwire.values import NULL, TEXT_SAMPLE, UNTYPED, Encoder, encoder, literal, sample
from local_cloud.redshift.reader import TokenReader

QUERIES = frozenset({"SELECT", "WITH", "("})
_COUNTED = {"INSERT": "INSERT 0 {}", "UPDATE": "UPDATE {}", "DELETE": "DELETE {}", "MERGE": "MERGE {}"}
_TWO_WORDS = frozenset({"CREATE", "DROP", "ALTER", "LOCK", "TRUNCATE"})
_BEGINS = {"START": "BEGIN", "END": "COMMIT", "ABORT": "ROLLBACK", "WITH": "SELECT", "(": "SELECT"}
_CHUNK = 1000
_TRIED = 20

Item = TypeVar("Item")
Columns = tuple[tuple[str, ColumnType], ...]


@dataclass(slots=True)
class Prepared:
    """A statement with the types of its parameters; `columns` once it was described, None if it gives no rows."""

    sql: str
    oids: tuple[int, ...]
    described: bool = False
    columns: Columns | None = None

    def sampled(self, accepts: Callable[[str], bool]) -> str:
        """The statement with a value of the right type for each parameter.

        Parameters without a type are texts, but NULL where a text does not fit (`accepts` tells about a statement).
        """
        samples = [sample(oid) for oid in self.oids]
        untyped = [at for at, oid in enumerate(self.oids) if oid in UNTYPED]
        for chosen in (untyped, *([at] for at in untyped[:_TRIED] if len(untyped) > 1)):
            tried = [TEXT_SAMPLE if at in chosen else text for at, text in enumerate(samples)]
            if chosen and accepts(bind(self.sql, tried)):
                samples = tried
                if chosen is untyped:
                    break
        return bind(self.sql, samples)


@dataclass(slots=True)
class Portal:
    """A statement with its values, and the rows that it has not yet handed out."""

    sql: str
    formats: tuple[int, ...]
    prepared: Prepared
    outcome: Outcome | None = None
    position: int = 0
    encoders: list[Encoder] = field(default_factory=list)

    @property
    def columns(self) -> Columns | None:
        """What the client was told of the columns, or what came."""
        if self.prepared.described:
            return self.prepared.columns
        result = self.outcome.result if self.outcome else None
        return result.columns if result else None

    def codes(self, columns: Columns) -> list[int]:
        """The format of each column."""
        if len(self.formats) == len(columns):
            return list(self.formats)
        if len(self.formats) > 1:
            raise SqlError(f"{len(self.formats)} formats were given for {len(columns)} columns", SqlState.PROTOCOL)
        return [self.formats[0] if self.formats else 0] * len(columns)

    def ran(self, outcome: Outcome) -> None:
        """Keep what the statement did; its rows must be what was described."""
        self.outcome = outcome
        columns = self.columns
        if outcome.result is None:
            return
        if columns is None or len(columns) != len(outcome.result.columns):
            raise SqlError("cached plan must not change result type", SqlState.NOT_SUPPORTED)
        kinds = zip(columns, self.codes(columns), strict=True)
        self.encoders = [encoder(kind, binary=bool(code)) for (_, kind), code in kinds]

    def rows(self, most: int) -> Iterator[bytes]:
        """The next rows as messages, some of them at a time; all of them where `most` is 0."""
        rows: Sequence[Any] = self.outcome.result.rows if self.outcome and self.outcome.result else ()
        end = min(len(rows), self.position + most) if most else len(rows)
        head = len(self.encoders).to_bytes(2, "big")
        for start in range(self.position, end, _CHUNK):
            yield b"".join([self._row(head, row) for row in rows[start : min(start + _CHUNK, end)]])
        self.position = end

    def _row(self, head: bytes, row: Sequence[Any]) -> bytes:
        cells = [NULL if cell is None else encode(cell) for cell, encode in zip(row, self.encoders, strict=True)]
        return messages.message(b"D", head + b"".join(cells))

    @property
    def suspended(self) -> bool:
        """Whether rows are left."""
        result = self.outcome.result if self.outcome else None
        return result is not None and self.position < len(result.rows)

    def tag(self, *, undone: bool) -> str:
        """What the end of the statement is called; a COMMIT that was `undone` is a ROLLBACK."""
        reader = TokenReader(self.sql)
        word = _BEGINS.get(reader.keyword(), reader.keyword())
        count = max(self.outcome.count, 0) if self.outcome else 0
        if word == "COMMIT" and undone:
            return "ROLLBACK"
        if word in _COUNTED:
            return _COUNTED[word].format(count)
        return f"{word} TABLE" if word in _TWO_WORDS else word


def read_bind(body: Body, statements: dict[str, Prepared]) -> tuple[str, Portal]:
    """The portal that a Bind message makes, and its name."""
    name, prepared = body.text(), find(statements, body.text(), "prepared statement")
    formats = body.formats()
    count = body.int16()
    if len(formats) > 1 and len(formats) != count:
        raise SqlError(f"{len(formats)} formats were given for {count} parameters", SqlState.PROTOCOL)
    if count != len(prepared.oids):
        raise SqlError(f"{count} values were given for {len(prepared.oids)} parameters", SqlState.PROTOCOL)
    literals = []
    for at, oid in enumerate(prepared.oids):
        length = body.int32()
        code = formats[at] if len(formats) > 1 else formats[0] if formats else 0
        literals.append(literal(None if length < 0 else body.take(length), oid, binary=bool(code)))
    return name, Portal(bind(prepared.sql, literals), body.formats(), prepared)


def find(known: dict[str, Item], name: str, what: str) -> Item:
    """The statement or portal of that name."""
    if name not in known:
        raise SqlError(f'{what} "{name}" does not exist', SqlState.UNDEFINED_STATEMENT)
    return known[name]
