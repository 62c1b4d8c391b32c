"""The rules of composite alarms: `ALARM("a") OR (OK("b") AND NOT INSUFFICIENT_DATA("c"))`, names or ARNs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from local_cloud.wire import AwsError

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")
_TOKEN = re.compile(r"\s*(?:(?P<word>[A-Z_]+)|(?P<mark>[()])|\"(?P<quoted>[^\"]*)\"|(?P<plain>[^\s()\"]+))")
StateOf = Callable[[str], str]


def holds(rule: str, state_of: StateOf) -> bool:
    """Whether a rule is true; `state_of` gives an alarm's state by name.

    Raises:
        AwsError: The rule cannot be read.
    """
    return _Reader(_tokens(rule), state_of, rule).whole()


def _tokens(rule: str) -> list[str]:
    found, position = [], 0
    while rule[position:].strip():
        match = _TOKEN.match(rule, position)
        if match is None:
            raise _unreadable(rule)
        found.append(str(next(group for group in match.groups() if group is not None)))
        position = match.end()
    return found


@dataclass(slots=True)
class _Reader:
    tokens: list[str]
    state_of: StateOf
    rule: str
    position: int = field(default=0)

    def whole(self) -> bool:
        value = self._either()
        if self.position != len(self.tokens):
            raise _unreadable(self.rule)
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._take("OR"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> bool:
        value = self._single()
        while self._take("AND"):
            other = self._single()
            value = value and other
        return value

    def _single(self) -> bool:
        if self._take("NOT"):
            return not self._single()
        if self._take("("):
            value = self._either()
            self._need(")")
            return value
        word = self._next()
        if word in ("TRUE", "FALSE"):
            return word == "TRUE"
        if word not in STATES:
            raise _unreadable(self.rule)
        self._need("(")
        name = self._next().rpartition(":alarm:")[2]
        self._need(")")
        return self.state_of(name) == word

    def _take(self, token: str) -> bool:
        found = self.position < len(self.tokens) and self.tokens[self.position] == token
        self.position += found
        return found

    def _need(self, token: str) -> None:
        if not self._take(token):
            raise _unreadable(self.rule)

    def _next(self) -> str:
        if self.position == len(self.tokens):
            raise _unreadable(self.rule)
        self.position += 1
        return self.tokens[self.position - 1]


def _unreadable(rule: str) -> AwsError:
    return AwsError("ValidationError", f"The alarm rule {rule!r} cannot be read.")
