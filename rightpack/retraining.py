"""Trainings that drift asks for: at most one per package type and cool-down, however many monitors look at once."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.drift import cooled_down
from rightpack.errors import PlatformError
from rightpack.layout import Layout, PipelineKind, drift_request_key

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client

LOST: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})


@dataclass(frozen=True, slots=True)
class Request:
    """A training to ask for: why, and in the name of which inference run."""

    package_type: str
    business_date: dt.date
    run_id: str
    reason: str

    def to_json(self) -> str:
        """What is remembered of it."""
        return json.dumps(
            {"business_date": self.business_date.isoformat(), "run_id": self.run_id, "reason": self.reason},
            sort_keys=True,
        )


@dataclass(frozen=True, slots=True)
class Retraining:
    """Remembers requests in the artefact bucket and has the unload function make the drops."""

    s3: S3Client
    functions: LambdaClient
    layout: Layout

    def ask(self, request: Request, cool_down_days: int) -> bool:
        """Ask for a training unless one was asked for within the cool-down; whether this call did.

        A request is remembered before it is made, so that of two monitors only one makes it.

        Raises:
            PlatformError: the function could not be called; the request counts as never made, so the next monitor can.
        """
        before = self._claim(request, cool_down_days)
        if before is not None:
            self._call(request, before)
        return before is not None

    def _claim(self, request: Request, days: int) -> str | None:
        """Remember a request; the text that was there before ("" for none), or None where it may not be made."""
        before, tag = self._remembered(request.package_type)
        last = dt.date.fromisoformat(json.loads(before)["business_date"]) if before else None
        if not cooled_down(last, request.business_date, days):
            return None
        condition: dict[str, Any] = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        try:
            self._remember(request.package_type, request.to_json(), **condition)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in LOST:
                raise
            return None  # another monitor was faster, and asks
        return before

    def _remembered(self, package_type: str) -> tuple[str, str]:
        try:
            found = self.s3.get_object(Bucket=self.layout.artefact_bucket, Key=drift_request_key(package_type))
        except self.s3.exceptions.NoSuchKey:
            return "", ""
        return found["Body"].read().decode(), found["ETag"]

    def _remember(self, package_type: str, text: str, **condition: Any) -> None:
        key = drift_request_key(package_type)
        self.s3.put_object(Bucket=self.layout.artefact_bucket, Key=key, Body=text.encode(), **condition)

    def _call(self, request: Request, before: str) -> None:
        event = {
            "pipeline": PipelineKind.TRAINING.value,
            "mode": "weekly",
            "business_date": request.business_date.isoformat(),
            "package_types": [request.package_type],
        }
        name = self.layout.function("unload")
        try:
            self.functions.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event).encode())
        except self.functions.exceptions.ClientError as error:
            self._remember(request.package_type, before)
            raise PlatformError(f"Function {name} could not be asked for a training: {error}") from error
