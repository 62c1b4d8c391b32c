"""Whether a request is allowed: explicit denial first, then identity or resource policy, as within one account."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from local_cloud.iam.patterns import Context
from local_cloud.iam.policies import Caller, Statement, statements

Documents = tuple[tuple[str, str], ...]  #: name and text of each policy


@dataclass(frozen=True, slots=True)
class Need:
    """One permission that a call needs; `context` holds its own condition keys, in lower case."""

    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that allowed something: its policy, its place and name in it, and the action it names."""

    policy: str
    place: int
    sid: str
    action: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say; `reason` in AWS's words, `matched` are the identity statements that allowed it."""

    allowed: bool
    reason: str
    matched: tuple[Match, ...] = ()
    explicit: bool = False


@dataclass(frozen=True, slots=True)
class Policies:
    """Everything that has a say. `boundary` is None without one; `resource` is empty without one."""

    identity: Documents
    resource: str = ""
    boundary: str | None = None


@functools.lru_cache(maxsize=65_536)
def decide(caller: Caller, need: Need, policies: Policies, general: tuple[tuple[str, str], ...]) -> Decision:
    """Judge one need of one caller; `general` are condition keys that every request of the caller has.

    Raises:
        NotSimulatedError: A policy says something that is not understood here.
    """
    context: Context = {**{key: (value,) for key, value in general}, **dict(need.context)}
    own = [
        (name, statement)
        for name, text in policies.identity
        for statement in statements(text)
        if _speaks(statement, need, context)
    ]
    theirs = _resource_statements(caller, need, policies.resource, context)
    denying = [item for item in (*(statement for _, statement in own), *theirs) if item.effect == "Deny"]
    if denying:
        where = f"the statement {denying[0].sid!r}"
        return Decision(False, f"with an explicit deny in {where}", explicit=True)
    matched = tuple(
        Match(name, statement.place, statement.sid, pattern)
        for name, statement in own
        for pattern in statement.actions_for(need.action)
    )
    if policies.boundary is not None and not _bounded(policies.boundary, need, context):
        return Decision(False, f"because no permissions boundary allows the {need.action} action")
    if matched or theirs:
        return Decision(True, "allowed", matched)
    kind = "resource-based" if caller.service else "identity-based"
    return Decision(False, f"because no {kind} policy allows the {need.action} action")


def _resource_statements(caller: Caller, need: Need, text: str, context: Context) -> list[Statement]:
    spoken = [item for item in statements(text) if _speaks(item, need, context)] if text else []
    return [item for item in spoken if caller.named_in(item.principal)]


def _bounded(text: str, need: Need, context: Context) -> bool:
    return any(item.effect == "Allow" and _speaks(item, need, context) for item in statements(text))


def _speaks(statement: Statement, need: Need, context: Context) -> bool:
    return bool(
        statement.actions_for(need.action) and statement.covers(need.resource, context) and statement.holds(context)
    )
