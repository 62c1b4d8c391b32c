"""What was asked for and what it was told: every denial, every permission used, each statement that was not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from local_cloud.iam.evaluation import Decision, Documents, Match, Need
from local_cloud.iam.policies import Caller, statements
from local_cloud.wire import Json


@dataclass(frozen=True, slots=True)
class Denial:
    """A permission that was missing."""

    principal: str
    action: str
    resource: str
    reason: str


class Record:
    """Counts decisions. A need that was judged before costs one look-up in a dictionary."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._denials: Counter[Denial] = Counter()
        self._used: dict[str, dict[Match, Need]] = {}
        self.judged = 0

    def add(self, caller: Caller, need: Need, decision: Decision) -> bool:
        """Note a decision; answers whether it is a denial that was not noted before."""
        who = name_of(caller)
        with self._lock:
            self.judged += 1
            if not decision.allowed:
                denial = Denial(who, need.action, need.resource, decision.reason)
                self._denials[denial] += 1
                return self._denials[denial] == 1
            used = self._used.setdefault(who, {})
            for match in decision.matched:
                if match not in used or len(decision.matched) == 1:  # what nothing else would have allowed tells most
                    used[match] = need
            return False

    def forget(self) -> None:
        """Begin anew."""
        with self._lock:
            self._denials.clear()
            self._used.clear()
            self.judged = 0

    def denials(self) -> list[Json]:
        """Denied permissions, the most frequent first."""
        with self._lock:
            counted = self._denials.most_common()
        return [
            {"principal": d.principal, "action": d.action, "resource": d.resource, "reason": d.reason, "calls": calls}
            for d, calls in counted
        ]

    def used(self) -> list[Json]:
        """Actions of statements through which something was allowed, each with an example of what."""
        with self._lock:
            found = {who: dict(needs) for who, needs in self._used.items()}
        return [
            {"principal": who, "statement": match.sid, "action": match.action, "need": _told(need)}
            for who, needs in sorted(found.items())
            for match, need in needs.items()
        ]

    def unused(self, roles: Mapping[str, Documents]) -> list[Json]:
        """Actions of allowing statements, of these roles, through which nothing was allowed."""
        with self._lock:
            matched = {who: set(found) for who, found in self._used.items()}
        return [
            {"role": role, "policy": match.policy, "statement": match.sid, "action": match.action}
            for role, documents in sorted(roles.items())
            for match in _allowed(documents)
            if match not in matched.get(role, ())
        ]


def _told(need: Need) -> Json:
    return {"action": need.action, "resource": need.resource, "context": dict(need.context)}


def _allowed(documents: Documents) -> Iterable[Match]:
    for name, text in documents:
        for statement in statements(text):
            if statement.effect == "Allow":
                actions: Sequence[str] = ("*",) if statement.all_but_actions else statement.actions
                yield from (Match(name, statement.place, statement.sid, action) for action in actions)


def name_of(caller: Caller) -> str:
    """How reports call a caller: the name of a role, or the service."""
    return caller.service or caller.role.rsplit("/", 1)[-1] or caller.arn
