"""Launching: from a trigger object to one pipeline execution, however often the object is announced."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from rightpack.dispatch import Dispatcher
from rightpack.errors import RightpackError, TriggerError
from rightpack.layout import (
    SETTINGS_NAME,
    Layout,
    PipelineKind,
    config_prefix,
    quarantine_key,
)
from rightpack.ledger import NOTICE, SCHEDULED, Ledger, Run, RunState, Telling, stamp
from rightpack.notices import Outbox
from rightpack.packaging import EVERY_TYPE
from rightpack.registry import Registry
from rightpack.settings import Settings
from rightpack.topic_model import GROUP as TOPIC_MODELS
from rightpack.topic_model import topic_parameters, why_off, with_topic_model
from rightpack.trigger import MAX_BYTES, Trigger, TriggerObject, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

DELETED: Final = frozenset({"NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "404", "405"})


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes the record of a run: everything that starting it takes, so that whoever finds it can start it."""

    layout: Layout
    s3: S3Client
    sagemaker: SageMakerClient
    now: Callable[[], dt.datetime]
    known: dict[str, str] | None = None  # what was looked up or written; a dict for many runs at once, None for one

    def plan(self, source: TriggerObject, trigger: Trigger, settings: Settings) -> Run:
        """A New run of a trigger under resolved settings; they are published, and the model group is there after."""
        if trigger.pipeline is PipelineKind.TRAINING and trigger.package_type != EVERY_TYPE:
            settings = self._with_topics(settings)
        moment = stamp(self.now())
        return Run(
            run_id=source.run_id,
            pipeline=trigger.pipeline.value,
            state=RunState.NEW,
            created_at=moment,
            updated_at=moment,
            trigger_uri=f"s3://{source.bucket}/{source.key}",
            trigger_version=source.version,
            mode=trigger.mode,
            business_date=trigger.business_date.isoformat(),
            package_type=trigger.package_type or "",
            token=source.digest,
            parameters=json.dumps(self._parameters(source.run_id, trigger, settings)),
            policy=settings.launching.to_json(),
            queue=f"new/{SCHEDULED}",
            shape=settings.steps.shape if trigger.pipeline is PipelineKind.TRAINING else "",
        )

    def read(self, source: TriggerObject) -> bytes:
        """Bytes of a trigger object, no more than are read anyway.

        Raises:
            TriggerError: it was deleted in the meantime.
        """
        query: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key, "Range": f"bytes=0-{MAX_BYTES}"}
        if not _is_etag(source.version):
            query["VersionId"] = source.version
        try:
            return self.s3.get_object(**query)["Body"].read()
        except self.s3.exceptions.ClientError as error:
            code = error.response["Error"]["Code"]
            if code in DELETED:
                place = f"s3://{source.bucket}/{source.key}"
                raise TriggerError(f"{place} (version {source.version}) was deleted before it was read.") from error
            if code != "InvalidRange":  # an empty object has no byte 0
                raise
            return b""

    def publish(self, settings: Settings) -> str:
        """Write resolved settings where the jobs read them; the key is their digest, so equal settings share a file."""
        prefix = config_prefix(settings.digest)
        if self.known is None or prefix not in self.known:
            key, body = prefix + SETTINGS_NAME, settings.to_json().encode()
            self.s3.put_object(Bucket=self.layout.data_bucket, Key=key, Body=body)
            self._remember(prefix, prefix)
        return f"s3://{self.layout.data_bucket}/{prefix}"

    def _parameters(self, run_id: str, trigger: Trigger, settings: Settings) -> dict[str, str]:
        parameters = {
            "RunId": run_id,
            "BusinessDate": trigger.business_date.isoformat(),
            "DataUri": trigger.data.uri,
            "ManifestUri": trigger.data.manifest,
            "ConfigUri": self.publish(settings),
        }
        if trigger.pipeline is PipelineKind.INFERENCE:
            return {**parameters, "Mode": trigger.mode, "ScoreInstanceCount": str(settings.inference.machines)}
        group = self.layout.model_group(trigger.package_type or TOPIC_MODELS)
        if self.known is None or group not in self.known:
            Registry(self.sagemaker).ensure_group(group)
            self._remember(group, group)
        parameters["ModelPackageGroupName"] = group
        if trigger.pipeline is PipelineKind.TOPICS:
            return {**parameters, **topic_parameters(settings.topics)}
        return {**parameters, "PackageType": trigger.package_type or ""}

    def _with_topics(self, settings: Settings) -> Settings:
        """`settings` that name the topic model to use; looked up once for many runs."""
        if why_off(settings) or settings.topics.model:
            return settings
        if self.known is not None and TOPIC_MODELS in self.known:
            return replace(settings, topics=replace(settings.topics, model=self.known[TOPIC_MODELS]))
        found = with_topic_model(settings, Registry(self.sagemaker), self.layout)
        self._remember(TOPIC_MODELS, found.topics.model)
        return found

    def _remember(self, key: str, value: str) -> None:
        if self.known is not None:
            self.known[key] = value


@dataclass(frozen=True, slots=True)
class Launcher:
    """Takes trigger objects; built once per Lambda environment."""

    planner: Planner
    ledger: Ledger
    dispatcher: Dispatcher
    outbox: Outbox

    def launch(self, source: TriggerObject) -> Run:
        """Start the run of a trigger object, queue it, or find it started; refuse a trigger that cannot be used.

        A run that cannot start now stays New: the reconciler starts it, so the announcement has done its work.
        """
        known = self.ledger.find(source.run_id)
        if known is not None:
            return self._go_on(known)
        body = b""
        try:
            body = self.planner.read(source)
            trigger = parse(body, source)
            settings = Settings.load(self.planner.layout.stage, [trigger.settings])
            if trigger.package_type:
                settings.target(trigger.package_type)
            planned = self.planner.plan(source, trigger, settings)
        except RightpackError as error:
            if error.transient:
                raise
            return self._quarantine(source, body, error)
        return self._go_on(self.ledger.claim(planned))

    def _go_on(self, run: Run) -> Run:
        """Start what is New, tell what was refused and never told; everything else is others' work."""
        if run.state is RunState.NEW and run.parameters and run.queue == run.waiting and self.dispatcher.slot_free():
            self.dispatcher.starter.start(run)
            return self._told(self.ledger.get(run.run_id))
        return self._told(run) if run.state is RunState.REFUSED else run

    def _told(self, run: Run) -> Run:
        if run.notice == Telling.DUE:
            self.outbox.tell(run)
        return run

    def _quarantine(self, source: TriggerObject, body: bytes, error: RightpackError) -> Run:
        """Keep the refused trigger with its reason, record it, and tell people once."""
        reason = {"trigger": f"s3://{source.bucket}/{source.key}", "version": source.version, "reason": str(error)}
        for name, content in (("trigger.json", body), ("reason.json", json.dumps(reason, indent=1).encode())):
            self.planner.s3.put_object(Bucket=source.bucket, Key=quarantine_key(source.run_id, name), Body=content)
        moment = stamp(self.planner.now())
        refused = Run(
            run_id=source.run_id,
            pipeline="unknown",
            state=RunState.REFUSED,
            created_at=moment,
            updated_at=moment,
            trigger_uri=f"s3://{source.bucket}/{source.key}",
            trigger_version=source.version,
            reason=str(error)[:1024],
            cause=error.fault.value,
            quarantine=f"s3://{source.bucket}/{quarantine_key(source.run_id, 'reason.json')}",
            ended_at=moment,
            queue=NOTICE,
            notice=Telling.DUE.value,
        )
        return self._told(self.ledger.claim(refused))


def _is_etag(version: str) -> bool:
    return version.startswith('"') or version == "null"
