"""One fault: what shall go wrong, where, how often. Read from JSON or TOML, refused where it could never strike."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final, Self

from local_cloud.wire import AwsError


class Kind(StrEnum):
    """What goes wrong. The first word of a comment is where `service`, `operation` and `name` are looked for."""

    ERROR = "error"  # call: refused before anything happens, with `code`, `message` and `status`
    THROTTLING = "throttling"  # call: refused as ThrottlingException (SlowDown in S3)
    SERVER_ERROR = "server-error"  # call: refused with status 500
    LIMIT = "limit"  # call: ResourceLimitExceeded, the quota is used up for now
    QUOTA_ZERO = "quota-zero"  # call: ResourceLimitExceeded, the account has no quota at all
    SLOW = "slow"  # call or object: takes `seconds` longer
    LOST_ANSWER = "lost-answer"  # call: done, but the connection drops before the answer
    GATEWAY_RESTART = "gateway-restart"  # call: done, then every connection drops and the endpoint starts anew
    KILL_BEFORE = "kill-before"  # call: the calling process is killed, nothing happens
    KILL_AFTER = "kill-after"  # call: it is done, and the calling process is killed before the answer
    KILL_FUNCTION = "kill-function"  # function: killed as it gets its event; service `lambda`
    KILL_JOB = "kill-job"  # job: its container is killed as it starts; service `sagemaker`
    INTERRUPT_JOB = "interrupt-job"  # job: a training loses its machine as a checkpoint has been copied to S3: a
    # spot job begins anew by itself, any other, or with a `message`, fails with an internal error (or that message)
    CAPACITY = "capacity"  # job: fails with the capacity error of SageMaker, or with `message`
    LOSE_EVENT = "lose-event"  # event: never delivered; `service` is its source, `operation` its detail-type
    DUPLICATE_EVENT = "duplicate-event"  # event: delivered twice
    LATE_EVENT = "late-event"  # event: delivered `seconds` later
    REORDER_EVENT = "reorder-event"  # event: delivered after the next one like it, or `seconds` later if none comes
    CUT_OBJECT = "cut-object"  # object: stored `bytes` shorter than it was written; `name` is bucket/key
    HALF_WRITTEN = "half-written"  # object: stored in half, and its writer gets an error: an UNLOAD that breaks off
    CONFLICT = "conflict"  # statement: ERROR 1023 before it runs; `name` is the statement's name
    LOST_COMMIT = "lost-commit"  # statement: committed, but reported as failed


CALLS: Final = frozenset({Kind.ERROR, Kind.THROTTLING, Kind.SERVER_ERROR, Kind.LIMIT, Kind.QUOTA_ZERO})
AFTER_CALLS: Final = frozenset({Kind.LOST_ANSWER, Kind.GATEWAY_RESTART, Kind.KILL_AFTER})
EVENTS: Final = frozenset({Kind.LOSE_EVENT, Kind.DUPLICATE_EVENT, Kind.LATE_EVENT, Kind.REORDER_EVENT})
CAPACITY_WORDS: Final = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happens: a call, an event, a job, an object. `caller` is the session name of who calls."""

    service: str
    operation: str
    name: str = ""
    caller: str = ""

    def __str__(self) -> str:
        """Where, for people; names are request bodies at times and are cut."""
        return " ".join(part for part in (f"{self.service}:{self.operation}", self.caller, self.name[:160]) if part)


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault to inject. `service`, `operation`, `name` and `caller` are patterns with `*`, as in a file name.

    `name` is what the operation is about: S3's bucket/key, the body of any other call, a job, a function, the text of
    an event, a statement's name. The first `after` matches pass, then it strikes `count` times, each match with
    probability `chance` as drawn from `seed`.
    """

    kind: Kind
    service: str = "*"
    operation: str = "*"
    name: str = "*"
    caller: str = "*"
    count: int = 1
    after: int = 0
    chance: float = 1.0
    seed: int = 0
    code: str = ""
    message: str = ""
    status: int = 400
    seconds: float = 1.0
    bytes: int = 7

    def matches(self, place: Place) -> bool:
        """Whether it may strike there."""
        pairs = (
            (place.service, self.service),
            (place.operation, self.operation),
            (place.name, self.name),
            (place.caller, self.caller),
        )
        return all(pattern == "*" or fnmatchcase(value, pattern) for value, pattern in pairs)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read a fault.

        Raises:
            AwsError: ValidationException; the message names the member and what would do.
        """
        known = {f.name: f for f in fields(cls)}
        unknown = sorted(set(raw) - set(known))
        if unknown:
            raise AwsError("ValidationException", f"A fault has no {', '.join(unknown)}; it has {', '.join(known)}.")
        if raw.get("kind") not in set(Kind):
            kinds = ", ".join(Kind)
            raise AwsError("ValidationException", f"There is no fault of the kind {raw.get('kind')!r}, only {kinds}.")
        fault = cls(**{**raw, "kind": Kind(raw["kind"])})
        fault.check()
        return fault

    def check(self) -> None:
        """Refuse values that make no sense.

        Raises:
            AwsError: ValidationException with the first of them.
        """
        wrong = {
            "count": not (isinstance(self.count, int) and self.count >= 1),
            "after": not (isinstance(self.after, int) and self.after >= 0),
            "chance": not 0 < self.chance <= 1,
            "seconds": not 0 <= self.seconds <= 3600,
            "bytes": not (isinstance(self.bytes, int) and self.bytes >= 1),
            "code": self.kind is Kind.ERROR and not self.code,
        }
        for member, is_wrong in wrong.items():
            if is_wrong:
                problem = f"{member} of a fault of the kind {self.kind} cannot be {getattr(self, member)!r}."
                raise AwsError("ValidationException", problem)


@dataclass(slots=True)
class Armed:
    """A fault under way: how many places matched it, and how often it struck."""

    id: str
    fault: Fault
    seen: int = 0
    fired: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.fault.seed)  # noqa: S311 - reproducible, not secret

    @property
    def spent(self) -> bool:
        """Whether it has struck as often as it was to."""
        return self.fired >= self.fault.count

    def strikes(self, place: Place) -> bool:
        """Count a place that matches, and decide."""
        if self.spent or not self.fault.matches(place):
            return False
        self.seen += 1
        if self.seen <= self.fault.after or self._random.random() >= self.fault.chance:
            return False
        self.fired += 1
        return True
