"""What an AWS service is to the gateway: a signing name and operations from JSON to JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]


class AwsError(Exception):
    """An error answer in the service's own shape: code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


class NotSimulatedError(AwsError):
    """Refuse what the local cloud does not run, rather than pretend; `docs/local-cloud.md` lists it all."""

    def __init__(self, what: str) -> None:
        super().__init__("NotSimulatedException", f"The local cloud does not simulate {what}.", 501)


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the gateway parsed it; `principal` is the caller's ARN."""

    service: str
    action: str
    account: str
    region: str
    principal: str


Operation = Callable[[Call, Json], Json]


class Service(Protocol):
    """A service answered by the local cloud itself (JSON 1.x protocols only); everything else falls through to moto."""

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope, e.g. `sagemaker` or `redshift-data`."""
        ...

    def operations(self) -> Mapping[str, Operation]:
        """Operations by API name; an operation of an owned service that is missing here is refused."""
        ...
