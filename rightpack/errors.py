"""What can go wrong, whose fault it is and whether trying again can help.

    RightpackError
    ├── DataError            the drop, the trigger or the labels: fix the data, then drop again
    │   ├── TriggerError     the trigger file itself
    │   ├── ManifestError    files and manifest disagree
    │   │   └── ResultError  what a run itself made cannot be used: drop again, and keep the run for whoever looks
    │   └── ContractError    a column is missing, renamed or of another type
    ├── SettingsError        a configuration file or override
    ├── CapacityError        AWS has no machine or the quota is used up (transient)
    ├── PlatformError        an AWS service failed or throttled us (transient)
    ├── ConflictError        somebody else changed the same thing (transient)
    └── InternalError        our own fault

Every error names the object it is about (run, key, column, row).
"""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Whose fault a failure is."""

    DATA = "data"
    SETTINGS = "settings"
    CAPACITY = "capacity"
    PLATFORM = "platform"
    OURS = "ours"


class RightpackError(Exception):
    """Root of every error that rightpack raises on purpose."""

    fault: Fault = Fault.OURS
    transient: bool = False
    remedy: str = ""  # what to do, where that is another thing than the fault says


class DataError(RightpackError):
    """The data given to us cannot be used."""

    fault = Fault.DATA


class TriggerError(DataError):
    """A trigger file is malformed or asks for something that does not exist."""


class ManifestError(DataError):
    """Files and the manifest that describes them disagree."""


class ResultError(ManifestError):
    """What a run itself made is not what it said, or not usable; the data that it got is not to blame."""

    remedy = "Drop the same date again; if it comes back, report it with the run's folder."


class ContractError(DataError):
    """A table lacks a column, or holds another type than the contract says."""


class SettingsError(RightpackError):
    """A configuration file or an override is wrong."""

    fault = Fault.SETTINGS


class CapacityError(RightpackError):
    """AWS has no machine for us now, or a quota is used up."""

    fault = Fault.CAPACITY
    transient = True


class PlatformError(RightpackError):
    """An AWS service failed or throttled us."""

    fault = Fault.PLATFORM
    transient = True


class ConflictError(RightpackError):
    """Somebody else changed the same object at the same time."""

    fault = Fault.PLATFORM
    transient = True


class InternalError(RightpackError):
    """rightpack itself is wrong; the message says what to report."""
