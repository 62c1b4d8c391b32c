"""Why something failed, in words of SageMaker or of our own jobs: which class of cause, and whether trying again helps.

The wording of the services is not a contract, so texts are searched, never compared. What is unknown is our own fault
and final: a person has to look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Cause(StrEnum):
    """Class of a failure, as the ledger keeps it."""

    DATA = "data"
    SETTINGS = "settings"
    CAPACITY = "capacity"
    LIMIT = "limit"
    THROTTLING = "throttling"
    PLATFORM = "platform"
    OURS = "ours"


# Causes that pass by themselves, in hours rather than in a number of tries.
PATIENT: Final = frozenset({Cause.CAPACITY, Cause.LIMIT, Cause.THROTTLING})
TRANSIENT: Final = PATIENT | {Cause.PLATFORM}
WORDS: Final = (
    ("CapacityError", Cause.CAPACITY),
    ("Insufficient capacity", Cause.CAPACITY),
    ("ResourceLimitExceeded", Cause.LIMIT),
    ("account-level service limit", Cause.LIMIT),
    ("Throttling", Cause.THROTTLING),
    ("Rate exceeded", Cause.THROTTLING),
    ("TooManyRequests", Cause.THROTTLING),
    ("RequestLimitExceeded", Cause.THROTTLING),
    ("InternalServerError", Cause.PLATFORM),
    ("InternalServerException", Cause.PLATFORM),
    ("InternalFailure", Cause.PLATFORM),
    ("ServiceUnavailable", Cause.PLATFORM),
    ("RequestTimeout", Cause.PLATFORM),
    ("ConflictException", Cause.PLATFORM),
    ("PlatformError", Cause.PLATFORM),
    ("ConflictError", Cause.PLATFORM),
    ("exit code: 75", Cause.PLATFORM),  # how a job says that trying again can help
    ("exit code 75", Cause.PLATFORM),
    ("TriggerError", Cause.DATA),
    ("ManifestError", Cause.DATA),
    ("ResultError", Cause.DATA),
    ("ContractError", Cause.DATA),
    ("DataError", Cause.DATA),
    ("SettingsError", Cause.SETTINGS),
    ("InternalError:", Cause.OURS),
)
_LIMIT: Final = re.compile(
    r"service limit '(?P<name>[^']+)' is (?P<most>\d+).*?request delta of (?P<wanted>\d+)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a failure's words say.

    `never` is set where the account's quota is smaller than what one run needs: waiting cannot help, another instance
    type or a larger quota can.
    """

    cause: Cause
    transient: bool
    reason: str
    step: str = ""
    never: bool = False


def diagnose(words: str, step: str = "") -> Diagnosis:
    """Read a failure's words; of several causes named in them the first counts."""
    places = [(words.find(text), cause) for text, cause in WORDS if text in words]
    cause = min(places, default=(0, Cause.OURS))[1]
    if cause is Cause.LIMIT:
        return _limited(words, step)
    return Diagnosis(cause, cause in TRANSIENT, words, step)


def _limited(words: str, step: str) -> Diagnosis:
    if "not available in this region" in words:
        return Diagnosis(Cause.LIMIT, False, words, step, never=True)
    found = _LIMIT.search(words)
    if found is None or int(found["most"]) >= int(found["wanted"]):
        return Diagnosis(Cause.LIMIT, True, words, step)
    reason = (
        f"The account's quota '{found['name']}' is {found['most']} and the run needs {found['wanted']}, so it can "
        "never start here. Ask for a larger quota (Service Quotas, Amazon SageMaker), or name another instance type in "
        f"`launching`. SageMaker said: {words}"
    )
    return Diagnosis(Cause.LIMIT, False, reason, step, never=True)
