"""Promotion: an approved model of one stage becomes an approved model of the next, file by file the same.

Whoever promotes works in the account of the next stage, which the templates of the first let read. The files are
copied, so the next stage depends on nothing that the first may lose, and the registry says where they came from.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import tempfile
import uuid
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from rightpack.deployment import deployment_of
from rightpack.errors import DataError, SettingsError
from rightpack.hands import Reason, record
from rightpack.layout import Layout, split_uri
from rightpack.ledger import Ledger
from rightpack.registry import CHANGED_AT, CHANGED_BY, CHANGED_HOW, ModelPackage, Outcome, Registry, registry_text

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

FROM: Final = "promoted-from"
DIGEST: Final = "model-sha256"
HOW: Final = "promote"
MODEL: Final = re.compile(r"(?P<type>[a-z0-9-]+)(?:/(?P<version>[1-9]\d*))?")
NOT_CARRIED: Final = frozenset({CHANGED_AT, CHANGED_BY, CHANGED_HOW, "approved-at"})
CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Promotion:
    """Promotes models from one stage to the next with the clients of the next one's account."""

    source: Layout
    target: Layout
    sagemaker: SageMakerClient
    s3: S3Client
    ledger: Ledger

    def promote(self, model: str, reason: Reason) -> ModelPackage:
        """Promote `carton` (what serves) or `carton/3`; a second time gives the version that is there already.

        Raises:
            SettingsError: the stages do not follow one another, or the model is not known or not approved.
            DataError: one of its files is gone.
        """
        self._check_order()
        package_type, package = self._find(model)
        if package.status != Outcome.APPROVED:
            raise SettingsError(
                f"{model} is {package.status} in {self.source.stage} ({package.reason}), and only approved models are "
                "promoted. Read its report; `rightpack approve` it there first if you know better."
            )
        group = self.target.model_group(package_type)
        registry = Registry(self.sagemaker)
        for version in registry.versions(group):
            if version.metadata.get(FROM) == package.arn:
                return version
        registry.ensure_group(group)
        promoted = registry.describe(self._register(package, group, reason))
        self.ledger.claim(record(HOW, promoted, package_type, reason, once=True))
        return promoted

    def _check_order(self) -> None:
        following = deployment_of(self.source.stage).promotes_to
        if following != self.target.stage:
            where = f"to {following!r}" if following else "nowhere"
            raise SettingsError(
                f"Models of {self.source.stage!r} are promoted {where}, not to {self.target.stage!r}; "
                "config/deployment.toml says so under promotes_to."
            )

    def _find(self, model: str) -> tuple[str, ModelPackage]:
        match = MODEL.fullmatch(model)
        if match is None:
            raise SettingsError(f"{model!r} is no model: say carton for what serves, or carton/3.")
        group, registry = self.source.model_group(match["type"]), Registry(self.sagemaker)
        if match["version"] is None:
            champion = registry.champion(self._arn(f"model-package-group/{group}"))
            if champion is None:
                raise SettingsError(f"No version of {model} is approved in {self.source.stage}.")
            return match["type"], champion
        try:
            return match["type"], registry.describe(self._arn(f"model-package/{group}/{match['version']}"))
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
                raise
            raise SettingsError(
                f"There is no model {model} in {self.source.stage}; `rightpack models --stage {self.source.stage}` "
                "lists all."
            ) from error

    def _arn(self, resource: str) -> str:
        return f"arn:aws:sagemaker:{self.source.region}:{self.source.account}:{resource}"

    def _register(self, package: ModelPackage, group: str, reason: Reason) -> str:
        request = self._request(package, f"runs/training/promoted/{package.group}/{package.version}/")
        moment = reason.now.astimezone(dt.UTC).isoformat(timespec="microseconds")
        request["CustomerMetadataProperties"] |= {
            FROM: package.arn,
            CHANGED_AT: moment,
            CHANGED_BY: registry_text(reason.who),
            CHANGED_HOW: HOW,
        }
        answer = self.sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelPackageDescription=registry_text(reason.why),
            ModelApprovalStatus=Outcome.APPROVED.value,
            ClientToken=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{package.arn}>{group}")),
            **request,
        )
        return answer["ModelPackageArn"]

    def _request(self, package: ModelPackage, prefix: str) -> dict[str, Any]:
        """What the version is registered with: as in the first stage, with every file of that stage copied."""
        described: dict[str, Any] = dict(self.sagemaker.describe_model_package(ModelPackageName=package.arn))
        specification = described["InferenceSpecification"]
        url, digest = self._copy(package.model_data_url, prefix)
        specification["Containers"][0]["ModelDataUrl"] = url
        metadata = {key: value for key, value in package.metadata.items() if key not in NOT_CARRIED}
        for key, value in metadata.items():
            if value.startswith(f"s3://{self.source.artefact_bucket}/"):
                metadata[key], _ = self._copy(value, f"{prefix}{key}/")
        metadata[DIGEST] = digest
        request = {"InferenceSpecification": specification, "CustomerMetadataProperties": metadata}
        if package.statistics_uri is not None:
            uri, _ = self._copy(package.statistics_uri, prefix)
            statistics = {"ContentType": "application/json", "S3Uri": uri}
            request["ModelMetrics"] = {"ModelQuality": {"Statistics": statistics}}
        return request

    def _copy(self, uri: str, prefix: str) -> tuple[str, str]:
        """Copy a file below `prefix` of the next stage; return its URI and sha256."""
        bucket, key = split_uri(uri)
        name = prefix + PurePosixPath(key).name
        digest = hashlib.sha256()
        with tempfile.TemporaryFile() as file:
            try:
                body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchBucket", "404"):
                    raise
                raise DataError(f"{uri} belongs to the model and is not there; nothing was promoted.") from error
            for chunk in body.iter_chunks(CHUNK):
                digest.update(chunk)
                file.write(chunk)
            file.seek(0)
            self.s3.upload_fileobj(file, self.target.artefact_bucket, name)
        return f"s3://{self.target.artefact_bucket}/{name}", digest.hexdigest()
