"""The statements that were submitted: their states, their results, and who may see them."""

from __future__ import annotations

import re
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from local_cloud.redshift.outcome import Outcome
from local_cloud.redshift.redaction import redact
from local_cloud.redshift.submissions import Submission, invalid
from local_cloud.wire import AwsError

TOKEN_SECONDS = 8 * 3600
KEPT_SECONDS = 24 * 3600
MAX_ACTIVE = 200


class Status(StrEnum):
    """The states of a statement."""

    SUBMITTED = "SUBMITTED"
    PICKED = "PICKED"
    STARTED = "STARTED"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def active(self) -> bool:
        """Whether the statement is not yet at its end."""
        return self in (Status.SUBMITTED, Status.PICKED, Status.STARTED)


@dataclass(slots=True)
class Part:
    """One SQL text of a statement, `id:1` ... in a batch; `nanoseconds` is its duration."""

    id: str
    sql: str
    created: float
    updated: float
    status: Status = Status.SUBMITTED
    error: str | None = None
    outcome: Outcome | None = None
    query_id: int = -1
    nanoseconds: int = 0

    @property
    def has_result(self) -> bool:
        """Whether it returned a result set, perhaps an empty one."""
        return self.outcome is not None and self.outcome.result is not None


@dataclass(slots=True)
class Statement:
    """One submission on its way; `ended` is set after the last change of its state."""

    id: str
    submission: Submission
    owner: str
    parts: list[Part]
    created: float
    updated: float
    status: Status = Status.SUBMITTED
    error: str | None = None
    nanoseconds: int = 0
    cancelled: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    interrupt: Callable[[], None] = lambda: None

    @property
    def last_part(self) -> Part:
        """The part that speaks for the whole."""
        return self.parts[-1]


def identity(principal: str) -> str:
    """Who somebody is across sessions: the role of an assumed role, otherwise the principal."""
    return re.sub(r":sts::(\d+):assumed-role/([^/]+)/.*", r":iam::\1:role/\2", principal)


def database_user(owner: str) -> str:
    """The database user of an IAM identity: IAMR:role or IAM:user."""
    kind, _, name = owner.rpartition(":")[2].partition("/")
    return f"IAMR:{name}" if kind == "role" else f"IAM:{name or kind}"


def may_see(principal: str, statement: Statement) -> bool:
    """Only the role that submitted a statement may see it; the account's own root may see all."""
    return principal.endswith(":root") or identity(principal) == statement.owner


class StatementStore:
    """All statements of the last day, newest last."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._statements: dict[str, Statement] = {}
        self._tokens: dict[tuple[str, str], Statement] = {}

    def add(self, submission: Submission, principal: str) -> tuple[Statement, bool]:
        """Keep a new statement, or find the one of the same token; the answer says whether it is new.

        Raises:
            AwsError: the token was used for another request, or too many statements are active.
        """
        owner = identity(principal)
        with self._lock:
            self._forget()
            known = self._tokens.get((owner, submission.token or ""))
            if known and self._clock() - known.created < TOKEN_SECONDS:
                if known.submission.fingerprint != submission.fingerprint:
                    raise invalid("The ClientToken was already used with other parameters.")
                return known, False
            if sum(statement.status.active for statement in self._statements.values()) >= MAX_ACTIVE:
                raise AwsError("ActiveStatementsExceededException", f"More than {MAX_ACTIVE} statements are active.")
            statement = self._new(submission, owner)
            self._statements[statement.id] = statement
            if submission.token:
                self._tokens[owner, submission.token] = statement
            return statement, True

    def get(self, statement_id: str, principal: str) -> tuple[Statement, Part | None]:
        """The statement, and its part if the id has a suffix `:n`."""
        base, _, number = statement_id.partition(":")
        statement = self._statements.get(base)
        known = statement is not None and may_see(principal, statement)
        if statement is None or not known or (number and not 1 <= int(number) <= len(statement.parts)):
            raise AwsError("ResourceNotFoundException", "Query does not exist.")
        return statement, statement.parts[int(number) - 1] if number else None

    def newest_first(self, principal: str) -> list[Statement]:
        """The statements that somebody may see."""
        with self._lock:
            return [statement for statement in reversed(self._statements.values()) if may_see(principal, statement)]

    def active(self) -> list[Statement]:
        """The statements that are not at their end."""
        with self._lock:
            return [statement for statement in self._statements.values() if statement.status.active]

    def now(self) -> float:
        """The time in seconds since the epoch."""
        return self._clock()

    def _new(self, submission: Submission, owner: str) -> Statement:
        now, statement_id = self._clock(), str(uuid.uuid4())
        parts = [
            Part(f"{statement_id}:{number}" if submission.batch else statement_id, redact(sql), now, now)
            for number, sql in enumerate(submission.sqls, start=1)
        ]
        return Statement(statement_id, submission, owner, parts, now, now)

    def _forget(self) -> None:
        limit = self._clock() - KEPT_SECONDS
        old = [s.id for s in self._statements.values() if s.created < limit and not s.status.active]
        for statement_id in old:
            del self._statements[statement_id]
        self._tokens = {key: s for key, s in self._tokens.items() if s.created >= limit}
