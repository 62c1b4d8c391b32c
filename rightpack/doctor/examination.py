"""All checks in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from rightpack.doctor.access import credentials, region
from rightpack.doctor.finding import DENIED, Check, Finding, Patient, Status, broken, code_of
from rightpack.doctor.jobs import pipelines, quotas
from rightpack.doctor.notices import topic
from rightpack.doctor.roles import roles
from rightpack.doctor.storage import buckets, ledger, schedules, triggers
from rightpack.doctor.warehouse import warehouse

FIRST: Final[tuple[Check, ...]] = (credentials, region)
CHECKS: Final[tuple[Check, ...]] = (
    *(buckets, ledger, triggers, schedules, roles),
    *(pipelines, quotas, warehouse, topic),
)


def examine(patient: Patient) -> list[Finding]:
    """Every finding; only those of the way in where that is broken, for all others would follow from it."""
    found: list[Finding] = []
    for check in FIRST:
        found += _made(check, patient)
        if any(f.status is Status.BROKEN and f.check in ("credentials", "clock", "region") for f in found):
            return found
    return found + [finding for check in CHECKS for finding in _made(check, patient)]


def _made(check: Check, patient: Patient) -> Iterator[Finding]:
    """A check's findings; one that may not be made, or whose service fails, is a finding too."""
    name = check.__name__
    try:
        yield from check(patient)
    except ClientError as error:
        if code_of(error) in DENIED:
            fix = "Ask whoever may, or check this by hand."
            yield Finding(name, Status.UNKNOWN, error.operation_name, f"You may not look: {error}", fix)
        else:
            yield broken(name, error.operation_name, str(error), "Try again; if it stays, it is a fault of ours.")
    except BotoCoreError as error:
        yield broken(name, type(error).__name__, str(error), "Check the network and the region.")
