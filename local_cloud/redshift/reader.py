"""Walk the tokens of one statement: the base of the hand-written parsers (DDL, UNLOAD, COPY)."""

from __future__ import annotations

from typing import NoReturn

from local_cloud.redshift.errors import SqlSyntaxError
from local_cloud.redshift.lexer import Kind, Token, tokens
from local_cloud.redshift.tables import TableName


class TokenReader:
    """A position in a statement; `accept` moves on when the keywords are there, `expect` insists."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._tokens = [token for token in tokens(sql) if token.kind is not Kind.END]
        self._at = 0

    @property
    def at_end(self) -> bool:
        """Whether every token was read."""
        return self._at >= len(self._tokens)

    def keyword(self, ahead: int = 0) -> str:
        """The keyword `ahead` tokens from here in upper case; empty for anything quoted and past the end."""
        at = self._at + ahead
        return self._tokens[at].keyword if at < len(self._tokens) else ""

    def accept(self, *keywords: str) -> bool:
        """Move past these keywords if all of them follow."""
        if any(self.keyword(ahead) != keyword for ahead, keyword in enumerate(keywords)):
            return False
        self._at += len(keywords)
        return True

    def accept_any(self, *keywords: str) -> str:
        """Move past one of these keywords and return it; empty if none follows."""
        return next((keyword for keyword in keywords if self.accept(keyword)), "")

    def expect(self, *keywords: str) -> None:
        """Move past these keywords, or it is a syntax error."""
        if not self.accept(*keywords):
            self.fail()

    def fail(self) -> NoReturn:
        """Raise the syntax error of this position."""
        near = self._tokens[self._at].value if not self.at_end else "end of input"
        raise SqlSyntaxError(near)

    def next(self) -> Token:
        """The token here, whatever it is, moving past it."""
        if self.at_end:
            self.fail()
        self._at += 1
        return self._tokens[self._at - 1]

    def text(self) -> str:
        """A string literal."""
        if self.at_end or self._tokens[self._at].kind not in (Kind.TEXT, Kind.DOLLAR):
            self.fail()
        return self.next().value

    def number(self) -> str:
        """A number without sign, as written."""
        if self.at_end or self._tokens[self._at].kind is not Kind.NUMBER:
            self.fail()
        return self.next().value

    def integer(self) -> int:
        """A whole number, perhaps negative."""
        sign = -1 if self.accept("-") else 1
        return sign * int(self.number())

    def name(self) -> str:
        """An identifier in lower case: Redshift folds quoted ones too."""
        if self.at_end or self._tokens[self._at].kind not in (Kind.WORD, Kind.NAME):
            self.fail()
        return self.next().value.lower()

    def names(self) -> tuple[str, ...]:
        """Identifiers in parentheses."""
        self.expect("(")
        found = [self.name()]
        while self.accept(","):
            found.append(self.name())
        self.expect(")")
        return tuple(found)

    def table(self) -> TableName:
        """A table name of one to three parts."""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        if len(parts) > 3:
            self.fail()
        return TableName.of(parts)

    def block(self) -> str:
        """The source of a parenthesised block, parentheses included."""
        start = self._at
        self.expect("(")
        depth = 1
        while depth:
            keyword = self.next().keyword
            depth += (keyword == "(") - (keyword == ")")
        return self.sql[self._tokens[start].start : self._tokens[self._at - 1].end]

    def rest(self) -> str:
        """The source from here on."""
        return "" if self.at_end else self.sql[self._tokens[self._at].start : self._tokens[-1].end]

    def since(self, start: int) -> str:
        """The source between the token number `start` (see `position`) and here."""
        return self.sql[self._tokens[start].start : self._tokens[self._at - 1].end] if self._at > start else ""

    @property
    def position(self) -> int:
        """Number of the token here."""
        return self._at

    def finish(self) -> None:
        """Insist that nothing follows."""
        if not self.at_end:
            self.fail()
