"""Launching: from a trigger object to one pipeline execution, however often the object is announced."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.errors import CapacityError, PlatformError, RightpackError
from rightpack.layout import (
    SETTINGS_NAME,
    Layout,
    Metric,
    PipelineKind,
    config_prefix,
    quarantine_key,
)
from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.metrics import Metrics
from rightpack.notices import Notices
from rightpack.registry import Registry
from rightpack.settings import Settings
from rightpack.trigger import MAX_BYTES, Trigger, TriggerObject, parse

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

LIMIT_CODES: Final = frozenset({"ResourceLimitExceeded"})
TRANSIENT_CODES: Final = frozenset(
    {"ThrottlingException", "ConflictException", "InternalFailure", "ServiceUnavailable", "RequestTimeout"}
)


@dataclass(frozen=True, slots=True)
class Launcher:
    """Everything that is needed to start a run; built once per Lambda environment."""

    layout: Layout
    s3: S3Client
    sagemaker: SageMakerClient
    ledger: Ledger
    metrics: Metrics
    notices: Notices
    now: Callable[[], dt.datetime]

    def launch(self, source: TriggerObject) -> Run:
        """Start the run of a trigger object, or find it started; a trigger that cannot be used is quarantined.

        Raises:
            CapacityError, PlatformError: try again with the same object, nothing is lost.
        """
        known = self.ledger.find(source.run_id)
        if known is not None and known.state is not RunState.NEW:
            return known
        body = self._read(source)
        try:
            trigger = parse(body, source)
            settings = Settings.load(self.layout.stage, [trigger.settings])
            if trigger.package_type:
                settings.target(trigger.package_type)
        except RightpackError as error:
            return self._quarantine(source, body, error)
        run = self.ledger.claim(self._new(source, trigger))
        return self._start(run, source, trigger, settings) if run.state is RunState.NEW else run

    def _read(self, source: TriggerObject) -> bytes:
        query: dict[str, Any] = {"Bucket": source.bucket, "Key": source.key, "Range": f"bytes=0-{MAX_BYTES}"}
        if not _is_etag(source.version):
            query["VersionId"] = source.version
        try:
            return self.s3.get_object(**query)["Body"].read()
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRange":  # an empty object has no byte 0
                raise
            return b""

    def _new(self, source: TriggerObject, trigger: Trigger | None) -> Run:
        moment = stamp(self.now())
        return Run(
            run_id=source.run_id,
            pipeline=trigger.pipeline.value if trigger else "unknown",
            state=RunState.NEW,
            created_at=moment,
            updated_at=moment,
            trigger_uri=f"s3://{source.bucket}/{source.key}",
            trigger_version=source.version,
            mode=trigger.mode if trigger else "",
            business_date=trigger.business_date.isoformat() if trigger else "",
            package_type=(trigger.package_type or "") if trigger else "",
        )

    def _quarantine(self, source: TriggerObject, body: bytes, error: RightpackError) -> Run:
        """Keep the refused trigger with its reason, record it, and tell people once."""
        reason = {"trigger": f"s3://{source.bucket}/{source.key}", "version": source.version, "reason": str(error)}
        for name, content in (("trigger.json", body), ("reason.json", json.dumps(reason, indent=1).encode())):
            self.s3.put_object(Bucket=source.bucket, Key=quarantine_key(source.run_id, name), Body=content)
        run = self.ledger.claim(self._new(source, None))
        if self.ledger.finish(run.run_id, RunState.REFUSED, reason=str(error), fault=error.fault, now=self.now()):
            self.metrics.put({Metric.TRIGGER_QUARANTINED: 1})
            self.notices.refused(run, str(error))
        return self.ledger.get(run.run_id)

    def _start(self, run: Run, source: TriggerObject, trigger: Trigger, settings: Settings) -> Run:
        parameters = self._parameters(run, trigger, self._publish(settings))
        try:
            answer = self.sagemaker.start_pipeline_execution(
                PipelineName=self.layout.pipeline(trigger.pipeline),
                PipelineExecutionDisplayName=run.run_id,
                ClientRequestToken=source.digest,
                PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
            )
        except self.sagemaker.exceptions.ClientError as error:
            raise _start_failure(run, error.response["Error"]) from error
        self.ledger.launched(run.run_id, answer["PipelineExecutionArn"], now=self.now())
        return self.ledger.get(run.run_id)

    def _publish(self, settings: Settings) -> str:
        """Write resolved settings where the jobs read them; the key is their digest, so equal settings share a file."""
        prefix = config_prefix(settings.digest)
        self.s3.put_object(Bucket=self.layout.data_bucket, Key=prefix + SETTINGS_NAME, Body=settings.to_json().encode())
        return f"s3://{self.layout.data_bucket}/{prefix}"

    def _parameters(self, run: Run, trigger: Trigger, config_uri: str) -> dict[str, str]:
        parameters = {
            "RunId": run.run_id,
            "BusinessDate": trigger.business_date.isoformat(),
            "DataUri": trigger.data.uri,
            "ManifestUri": trigger.data.manifest,
            "ConfigUri": config_uri,
        }
        if trigger.pipeline is PipelineKind.INFERENCE:
            return {**parameters, "Mode": trigger.mode}
        package_type = trigger.package_type or ""
        group = self.layout.model_group(package_type)
        Registry(self.sagemaker).ensure_group(group)
        return {**parameters, "PackageType": package_type, "ModelPackageGroupName": group}


def _is_etag(version: str) -> bool:
    return version.startswith('"') or version == "null"


def _start_failure(run: Run, error: Any) -> RightpackError:
    code, words = error.get("Code", ""), error.get("Message", "")
    text = f"Run {run.run_id} could not be started: {code}: {words}"
    if code in LIMIT_CODES:
        return CapacityError(text)
    return PlatformError(text) if code in TRANSIENT_CODES else RightpackError(text)
