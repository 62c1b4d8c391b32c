"""What the doctor finds, and whom it examines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rightpack.deployment import Deployment
from rightpack.layout import Layout
from rightpack.settings import Settings

DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})


class Status(StrEnum):
    """How a check ended; only `broken` makes the doctor's exit code 1."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, and where something is wrong its cause and what to do."""

    check: str
    status: Status
    about: str
    cause: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Patient:
    """A stage in an account; `client` makes boto3 clients in its region."""

    layout: Layout
    settings: Settings
    deployment: Deployment
    client: Callable[[str], Any]

    @property
    def workgroup(self) -> str:
        """The workgroup of the settings, or the stage's own."""
        return self.settings.warehouse.workgroup or self.layout.workgroup

    def stack_command(self, stack: str) -> str:
        """How one of the stage's stacks is deployed."""
        return f"cdk deploy {self.layout.named(stack)}"


Check = Callable[[Patient], Iterator[Finding]]


def fine(check: str, about: str) -> Finding:
    """Nothing is wrong."""
    return Finding(check, Status.OK, about)


def broken(check: str, about: str, cause: str, fix: str) -> Finding:
    """Runs will fail, or nobody will hear of it."""
    return Finding(check, Status.BROKEN, about, cause, fix)


def warned(check: str, about: str, cause: str, fix: str) -> Finding:
    """Runs will work, and may be slow or not what was wanted."""
    return Finding(check, Status.WARNING, about, cause, fix)


def code_of(error: Any) -> str:
    """The code of a botocore ClientError."""
    return str(error.response["Error"]["Code"])
