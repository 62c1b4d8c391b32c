"""Every S3 key, table, metric and resource name, in one place.

Names are lower-case with hyphens: model package groups take no underscore, and ARNs have been lower-cased before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rightpack.errors import SettingsError

PROJECT = "rightpack"
SCHEMA = "packaging"
METRIC_NAMESPACE = "rightpack"
TRIGGER_NAME = "_TRIGGER.json"
MANIFEST_NAME = "part_manifest"
SETTINGS_NAME = "settings.json"
NAME_PATTERN = re.compile(r"[a-z0-9](-?[a-z0-9]){0,40}")


class PipelineKind(StrEnum):
    """The pipelines."""

    TRAINING = "training"
    INFERENCE = "inference"
    TOPICS = "topics"


MODES = {
    PipelineKind.TRAINING: ("weekly",),
    PipelineKind.INFERENCE: ("daily", "monthly"),
    PipelineKind.TOPICS: ("monthly",),
}


class Stack(StrEnum):
    """The stacks of a stage in the order in which they are deployed; each knows those before it by names only."""

    STORAGE = "storage"
    WAREHOUSE = "warehouse"
    PLATFORM = "platform"
    PIPELINES = "pipelines"


def stack_name(stage: str, stack: Stack) -> str:
    """Name of a stack, e.g. `rightpack-dev-storage`."""
    return f"{PROJECT}-{stage}-{stack.value}"


def key_alias(stage: str) -> str:
    """Alias of the key that everything in a stage's buckets is encrypted with, e.g. `alias/rightpack-dev-data`."""
    return f"alias/{PROJECT}-{stage}-data"


class Metric(StrEnum):
    """CloudWatch metric names; dimensions are Stage plus Pipeline or PackageType, never a run id."""

    RUN_FAILED = "RunFailed"
    RUN_SUCCEEDED = "RunSucceeded"
    MODEL_APPROVED = "ModelApproved"
    MODEL_REJECTED = "ModelRejected"
    MODEL_HELD = "ModelHeld"
    MODEL_MISSING = "ModelMissing"
    ROC_AUC = "RocAuc"
    FEATURE_DRIFT = "FeatureDrift"
    LABEL_SHIFT = "LabelShift"
    ROWS_OUT_OF_RANGE = "RowsOutOfRange"
    LOAD_MISMATCH = "LoadMismatch"
    TRIGGER_QUARANTINED = "TriggerQuarantined"
    DROP_FAILED = "DropFailed"
    ROWS_LOADED = "RowsLoaded"
    ROWS_QUARANTINED = "RowsQuarantined"
    HOURS_SINCE_SUCCESS = "HoursSinceLastSuccess"
    LAUNCH_WAIT = "LaunchWaitSeconds"


def checked_name(name: str) -> str:
    """Return `name` if it may be used in resource names, else raise SettingsError."""
    if not NAME_PATTERN.fullmatch(name):
        raise SettingsError(
            f"{name!r} is not a usable name: lower-case letters, digits and single hyphens, at most 41."
        )
    return name


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://bucket/key` URI; raises ValueError for anything else."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"{uri!r} is not an s3:// URI")
    return bucket, key


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of one stage in one account and region."""

    stage: str
    account: str
    region: str

    def named(self, suffix: str) -> str:
        """Name of a resource of this stage, e.g. `rightpack-dev-ledger`."""
        return f"{PROJECT}-{self.stage}-{suffix}"

    @property
    def data_bucket(self) -> str:
        """Bucket of drops, settings and quarantine."""
        return self.named(f"data-{self.account}-{self.region}")

    @property
    def artefact_bucket(self) -> str:
        """Bucket of step outputs, models and reports."""
        return self.named(f"artefacts-{self.account}-{self.region}")

    @property
    def ledger_table(self) -> str:
        """DynamoDB table of runs."""
        return self.named("ledger")

    @property
    def trigger_queue(self) -> str:
        """Queue between trigger files and the start-pipeline function."""
        return self.named("triggers")

    @property
    def dead_letter_queue(self) -> str:
        """Where triggers end that could not be handled."""
        return self.named("triggers-dead")

    @property
    def mapping_queue(self) -> str:
        """Queue between the callback steps of the topics pipeline and the revise-mapping function."""
        return self.named("mappings")

    @property
    def mapping_dead_letter_queue(self) -> str:
        """Where messages of callback steps end that could not be handled."""
        return self.named("mappings-dead")

    @property
    def topic_arn(self) -> str:
        """SNS topic of notices and alarms."""
        return f"arn:aws:sns:{self.region}:{self.account}:{self.named('notices')}"

    @property
    def warehouse_role_arn(self) -> str:
        """Role that Redshift assumes for COPY and UNLOAD."""
        return f"arn:aws:iam::{self.account}:role/{self.named('warehouse')}"

    @property
    def workgroup(self) -> str:
        """Redshift Serverless workgroup, unless the settings name another."""
        return f"{PROJECT}-{self.stage}"

    def pipeline(self, kind: PipelineKind, shape: str = "") -> str:
        """Name of a pipeline; one of another `shape` than the published one is a pipeline of its own."""
        return self.named(f"{kind.value}-{shape}" if shape else kind.value)

    def function(self, name: str) -> str:
        """Name of a Lambda function, e.g. `start-pipeline`."""
        return self.named(name)

    def model_parameter(self, package_type: str) -> str:
        """Parameter Store name under which other teams find the model that serves."""
        return f"/{PROJECT}/{self.stage}/models/{package_type}"

    def model_group(self, package_type: str) -> str:
        """Model package group of a package type."""
        return self.named(checked_name(package_type))


def drop_prefix(kind: PipelineKind, business_date: str, drop_id: str) -> str:
    """Key prefix of one drop; data lies in `data/` below it, the trigger beside that."""
    return f"drops/{kind.value}/{business_date}/{drop_id}/"


def config_prefix(digest: str) -> str:
    """Key prefix of resolved settings; content-addressed, so the same settings give the same step arguments."""
    return f"config/{digest}/"


def quarantine_key(run_id: str, name: str) -> str:
    """Key of a refused object (`name` = trigger.json or reason.json)."""
    return f"quarantine/{run_id}/{name}"


CATALOGUES = "runs/drift/catalogue/"


def catalogue_key(business_date: str) -> str:
    """Key, in the artefact bucket, of the profile of a whole catalogue, which later ones are compared with."""
    return f"{CATALOGUES}{business_date}.json"


def drift_request_key(package_type: str) -> str:
    """Key, in the artefact bucket, of the last training that drift has asked for."""
    return f"runs/drift/requests/{package_type}.json"
