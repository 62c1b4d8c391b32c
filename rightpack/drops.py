"""Drops: UNLOAD from the warehouse to S3, and the trigger file that is written when the data is complete.

The request of a drop lies beside its data (`_REQUEST.json`), because the event that ends an UNLOAD carries only the
statement's name. The trigger is written last; nothing starts before it.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from rightpack import warehouse
from rightpack.data_api import DataApi
from rightpack.errors import DataError, TriggerError
from rightpack.layout import MANIFEST_NAME, TRIGGER_NAME, Layout, PipelineKind, drop_prefix, split_uri
from rightpack.manifest import parse_files
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings
from rightpack.trigger import DropData, Trigger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUEST_NAME: Final = "_REQUEST.json"


def statement_prefix(stage: str) -> str:
    """How the names of a stage's UNLOAD statements begin, so that stages in one account leave each other's alone."""
    return f"rightpack-drop:{stage}:"


@dataclass(frozen=True, slots=True)
class DropRequest:
    """One drop to make: what for, of which day, under which id; `settings` go into the trigger."""

    pipeline: PipelineKind
    mode: str
    business_date: dt.date
    drop_id: str
    package_type: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """Key prefix of everything in this drop."""
        return drop_prefix(self.pipeline, self.business_date.isoformat(), self.drop_id)

    def to_json(self) -> str:
        """Text of `_REQUEST.json`."""
        return json.dumps(
            {
                "pipeline": self.pipeline.value,
                "mode": self.mode,
                "business_date": self.business_date.isoformat(),
                "drop_id": self.drop_id,
                "package_type": self.package_type,
                "settings": self.settings,
            },
            sort_keys=True,
        )

    @classmethod
    def from_json(cls, text: str) -> DropRequest:
        """Read `_REQUEST.json`."""
        raw = json.loads(text)
        kind, date = PipelineKind(raw.pop("pipeline")), dt.date.fromisoformat(raw.pop("business_date"))
        return cls(pipeline=kind, business_date=date, **raw)


def requests_for(event: Mapping[str, Any], settings: Settings, *, unique: str, today: dt.date) -> list[DropRequest]:
    """Drops that a schedule or a person asks for: one per training target, or one for inference and for topics.

    Args:
        event: `pipeline` and `mode`, optionally `business_date`, `package_types` (targets, so `every-type` may be one)
            and `settings`.
        settings: the stage's settings, already merged with `event["settings"]`.
        unique: makes the drop's id differ from those of other invocations.
        today: business date where the event names none.
    """
    try:
        kind = PipelineKind(event["pipeline"])
        date = dt.date.fromisoformat(event["business_date"]) if "business_date" in event else today
        mode = str(event["mode"])
    except (KeyError, ValueError) as error:
        raise TriggerError(f"A drop needs a known pipeline, a mode and a date like 2026-11-20: {error!r}") from error
    overrides = dict(event.get("settings", {}))
    if kind is not PipelineKind.TRAINING:
        return [DropRequest(kind, mode, date, f"{mode}-{unique}", settings=overrides)]
    names = [settings.target(name) for name in event.get("package_types") or settings.targets]
    return [DropRequest(kind, mode, date, f"{name}-{unique}", name, overrides) for name in names]


@dataclass(frozen=True, slots=True)
class DropMaker:
    """Starts UNLOADs."""

    s3: S3Client
    data_api: DataApi
    layout: Layout

    def start(self, request: DropRequest, settings: Settings) -> str:
        """Start the drop's UNLOAD and return the statement id; its end arrives as an event."""
        key = request.prefix + REQUEST_NAME
        self.s3.put_object(Bucket=self.layout.data_bucket, Key=key, Body=request.to_json().encode())
        return self.data_api.start(
            self._statements(request, settings),
            token=hashlib.sha256(key.encode()).hexdigest(),
            name=f"{statement_prefix(self.layout.stage)}{key}",
            with_event=True,
        )

    def _statements(self, request: DropRequest, settings: Settings) -> Sequence[str]:
        schema, features = settings.warehouse.schema, settings.features
        before: list[str] = []
        if request.pipeline is PipelineKind.TOPICS:
            query = warehouse.topic_rows(settings.topics.text, request.business_date, schema=schema)
        elif request.package_type is None:
            query = warehouse.inference_rows(request.mode, request.business_date, features, schema=schema)
        elif request.package_type == EVERY_TYPE:
            query = warehouse.damage_rows(request.business_date, settings)
        else:
            type_and_date = (request.package_type, request.business_date)
            before = warehouse.derive_labels(*type_and_date, settings)
            query = warehouse.training_rows(*type_and_date, features, schema=schema, labels=settings.labels)
        prefix = f"{data_uri(self.layout, request)}part_"
        return [*before, warehouse.unload(query, prefix, self.layout.warehouse_role_arn)]


@dataclass(frozen=True, slots=True)
class DropFinisher:
    """Writes the trigger when an UNLOAD has ended."""

    s3: S3Client
    layout: Layout

    def finish(self, request: DropRequest) -> str | None:
        """Write the trigger of a drop whose UNLOAD has ended; return its URI, or None if there is no row to process."""
        uri = data_uri(self.layout, request)
        data = DropData(uri, f"{uri}{MANIFEST_NAME}")
        if not manifest_rows(self.s3, data.manifest):
            return None
        trigger = Trigger(
            request.pipeline, request.mode, request.business_date, data, request.package_type, request.settings
        )
        key = request.prefix + TRIGGER_NAME
        self.s3.put_object(Bucket=self.layout.data_bucket, Key=key, Body=trigger.to_json().encode())
        return f"s3://{self.layout.data_bucket}/{key}"

    def request_of(self, statement_name: str) -> DropRequest:
        """The request behind a statement name; DataError if the name is not one of ours."""
        prefix = statement_prefix(self.layout.stage)
        if not statement_name.startswith(prefix):
            raise DataError(f"Statement {statement_name!r} is not the UNLOAD of a drop of stage {self.layout.stage}.")
        key = statement_name.removeprefix(prefix)
        body = self.s3.get_object(Bucket=self.layout.data_bucket, Key=key)["Body"].read()
        return DropRequest.from_json(body.decode())


def manifest_rows(s3: S3Client, uri: str) -> int:
    """Rows that the manifest of a finished UNLOAD lists; an UNLOAD without rows may leave no manifest at all."""
    bucket, key = split_uri(uri)
    try:
        text = s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    except s3.exceptions.NoSuchKey:
        return 0
    return sum(entry.record_count or 0 for entry in parse_files(text, uri))


def data_uri(layout: Layout, request: DropRequest) -> str:
    """Where the files of a drop lie."""
    return f"s3://{layout.data_bucket}/{request.prefix}data/"
