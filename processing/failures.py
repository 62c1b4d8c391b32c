"""What a failure means and what its message says to the person who must act."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rightpack.errors import DataError, Fault, InternalError, PlatformError, RightpackError

MESSAGE_BYTES: Final = 1000  # the platform keeps 1 KB, and fails a job whose message is cut inside a character
THROTTLED: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequests"}
)
GONE: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
WHAT_TO_DO: Final = {
    Fault.DATA: "Fix the data, then drop again.",
    Fault.SETTINGS: "Change the settings, then drop again.",
    Fault.CAPACITY: "Trying again later can help.",
    Fault.PLATFORM: "Trying again can help.",
    Fault.OURS: "This is rightpack's own fault: report it with the log of this job.",
}


def message_of(error: RightpackError) -> bytes:
    """UTF-8 text for the person who must act: kind, what happened, what to do; short enough to arrive whole."""
    ending = f" {error.remedy or WHAT_TO_DO[error.fault]}"
    text = f"{type(error).__name__}: {error}".encode()
    room = MESSAGE_BYTES - len(ending.encode())
    return text[:room].decode(errors="ignore").encode() + ending.encode()


def translated(error: Exception) -> RightpackError:
    """The error of our tree that an exception stands for: trouble with AWS is told from our own faults."""
    if isinstance(error, RightpackError):
        return error
    if type(error).__module__.startswith("botocore"):
        return _from_aws(error)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({Path(where[0].filename).name}, line {where[0].lineno})" if where else ""
    return InternalError(f"{type(error).__name__}: {error}{place}")


def _from_aws(error: Exception) -> RightpackError:
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.exceptions import HTTPClientError

    response: Mapping[str, Any] = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if isinstance(error, (NoConnection, HTTPClientError)) or code in THROTTLED or status >= 500:
        return PlatformError(f"AWS did not answer as it should: {error}")
    if code in GONE:
        return DataError(f"An object that should be in S3 is not there: {error}")
    return InternalError(f"AWS refused a request: {error}")
