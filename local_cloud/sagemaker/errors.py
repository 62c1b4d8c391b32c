"""What can go wrong inside the local SageMaker, and the error answers of the service."""

from __future__ import annotations

from local_cloud.wire import AwsError

LONGEST_REASON = 1024  #: characters of a FailureReason the service keeps
#: why something ended whose process is gone
RESTARTED = "The embedded cloud was restarted while this was running. A retry goes on: `rightpack retry RUN`."


class JobFailedError(Exception):
    """End a job as Failed; the text is its FailureReason, beginning with the class SageMaker gives it."""


class JobStoppedError(Exception):
    """End a job as Stopped: somebody asked for it, or its time ran out (`secondary` says which)."""

    def __init__(self, secondary: str = "Stopped") -> None:
        super().__init__(secondary)
        self.secondary = secondary


class StepFailedError(Exception):
    """End a step as Failed; `kind` is the exception type a retry policy may name, empty when none applies.

    `halted` says that its job did not fail but was stopped by somebody else.
    """

    def __init__(self, reason: str, kind: str = "", *, halted: bool = False) -> None:
        super().__init__(reason)
        self.kind = kind
        self.halted = halted


class StepStoppedError(Exception):
    """End a step as Stopped, because its execution is being stopped."""


def invalid(message: str) -> AwsError:
    """Answer a request that does not hold what the service needs."""
    return AwsError("ValidationException", message)


def absent(message: str) -> AwsError:
    """Answer a request for something that does not exist."""
    return AwsError("ResourceNotFound", message)


def conflict(message: str) -> AwsError:
    """Answer a request the state of the resource does not allow."""
    return AwsError("ConflictException", message)


def over_limit(message: str) -> AwsError:
    """Answer a request beyond a quota of the account."""
    return AwsError("ResourceLimitExceeded", message)
