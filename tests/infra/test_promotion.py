"""From dev to staging in the embedded AWS, with the committed storage templates of both: what arrives is the same."""

from __future__ import annotations

import dataclasses
import datetime as dt
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.synth import TEMPLATES
from local_cloud.cloud import LocalCloud
from rightpack.errors import DataError, SettingsError
from rightpack.hands import Reason
from rightpack.layout import Layout, Stack, split_uri, stack_name
from rightpack.ledger import Ledger
from rightpack.promotion import DIGEST, FROM, Promotion
from rightpack.registry import Registry
from tests.unit.processing.world import Desk, labelled, settings

TYPE = "padded-mailer"
WHY = Reason("arn:aws:iam::123456789012:user/ada", "four good weeks in dev", dt.datetime(2026, 11, 21, tzinfo=dt.UTC))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    with LocalCloud(tmp_path_factory.mktemp("cloud")) as running:
        for stage in ("dev", "staging"):
            running.deploy(TEMPLATES / f"{stack_name(stage, Stack.STORAGE)}.template.json")
        yield running


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(tmp_path_factory.mktemp("desk"), settings())


@pytest.fixture(scope="module")
def prepared(desk: Desk) -> Path:
    return desk.prepare(labelled(600))


@pytest.fixture(scope="module")
def model(desk: Desk, prepared: Path) -> Path:
    return desk.train(prepared)


@pytest.fixture
def promotion(cloud: LocalCloud) -> Promotion:
    ledger = Ledger(cloud.client("dynamodb"), _layout("staging").ledger_table)
    return Promotion(_layout("dev"), _layout("staging"), cloud.client("sagemaker"), cloud.client("s3"), ledger)


def _layout(stage: str) -> Layout:
    return Layout(stage, "123456789012", "us-east-1")


def _register(cloud: LocalCloud, model: Path, status: str, *, files: tuple[str, ...] = ("report.html",)) -> int:
    """A version in dev, with its artefact, statistics and report below runs/training/."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(model, arcname=".")
    s3, bucket = cloud.client("s3"), _layout("dev").artefact_bucket
    for name, body in {
        "model.tar.gz": packed.getvalue(),
        "statistics.json": b"{}",
        **dict.fromkeys(files, b"x"),
    }.items():
        s3.put_object(Bucket=bucket, Key=f"runs/training/e1/{name}", Body=body)
    at = f"s3://{bucket}/runs/training/e1"
    answer = cloud.client("sagemaker").create_model_package(
        ModelPackageGroupName=f"rightpack-dev-{TYPE}",
        ModelApprovalStatus=status,
        CustomerMetadataProperties={"report": f"{at}/report.html", "run-id": "training-1", "reason": "label_shift"},
        ModelMetrics={
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": f"{at}/statistics.json"}}
        },
        InferenceSpecification={
            "Containers": [{"Image": "rightpack-jobs:local", "ModelDataUrl": f"{at}/model.tar.gz"}],
            "SupportedContentTypes": ["application/x-parquet"],
            "SupportedResponseMIMETypes": ["application/x-parquet"],
        },
    )
    return int(answer["ModelPackageArn"].rpartition("/")[2])


def _read(cloud: LocalCloud, uri: str) -> bytes:
    bucket, key = split_uri(uri)
    return bytes(cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())


def _scores(desk: Desk, model: Path, data: Path, name: str) -> list[bytes]:
    return [path.read_bytes() for path in sorted(desk.score(model, data, name).iterdir())]


def test_a_promoted_model_scores_identically_from_files_of_its_own_stage(
    cloud: LocalCloud, desk: Desk, prepared: Path, model: Path, promotion: Promotion, tmp_path: Path
) -> None:
    version = _register(cloud, model, "Approved")

    promoted = promotion.promote(f"{TYPE}/{version}", WHY)

    with tarfile.open(fileobj=io.BytesIO(_read(cloud, promoted.model_data_url))) as archive:
        archive.extractall(tmp_path, filter="data")
    original = _scores(desk, model, prepared / "validation", f"before-{version}")
    assert original
    assert original == _scores(desk, tmp_path, prepared / "validation", f"after-{version}")
    staging = f"s3://{promotion.target.artefact_bucket}/runs/training/promoted/rightpack-dev-{TYPE}/{version}/"
    assert promoted.model_data_url == f"{staging}model.tar.gz"
    assert promoted.metadata["report"] == f"{staging}report/report.html"
    assert promoted.statistics_uri == f"{staging}statistics.json"


def test_a_promoted_model_serves_in_its_new_stage_and_says_where_it_came_from(
    cloud: LocalCloud, model: Path, promotion: Promotion
) -> None:
    version = _register(cloud, model, "Approved")

    promoted = promotion.promote(TYPE, WHY)

    champion = Registry(cloud.client("sagemaker")).champion(f"rightpack-staging-{TYPE}")
    assert champion is not None
    assert champion.arn == promoted.arn
    assert promoted.metadata[FROM].endswith(f":model-package/rightpack-dev-{TYPE}/{version}")
    assert len(promoted.metadata[DIGEST]) == 64
    assert promoted.changed_by == WHY.who
    [record] = [run for run in promotion.ledger.recent("registry") if run.model == promoted.arn]
    assert (record.mode, record.who, record.reason) == ("promote", WHY.who, WHY.why)


def test_promoting_twice_makes_one_version(cloud: LocalCloud, model: Path, promotion: Promotion) -> None:
    version = _register(cloud, model, "Approved")

    first, second = (promotion.promote(f"{TYPE}/{version}", WHY) for _ in range(2))

    assert first.arn == second.arn


@pytest.mark.parametrize("status", ["Rejected", "PendingManualApproval"])
def test_a_model_that_is_not_approved_is_not_promoted(
    cloud: LocalCloud, model: Path, promotion: Promotion, status: str
) -> None:
    version = _register(cloud, model, status)
    before = _versions(cloud)

    with pytest.raises(SettingsError, match=rf"padded-mailer/{version} is {status} in dev \(label_shift\), and only"):
        promotion.promote(f"{TYPE}/{version}", WHY)

    assert _versions(cloud) == before


def test_a_model_that_was_rejected_later_is_not_promoted_either(
    cloud: LocalCloud, model: Path, promotion: Promotion
) -> None:
    version = _register(cloud, model, "Approved")
    arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/rightpack-dev-{TYPE}/{version}"
    cloud.client("sagemaker").update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")

    with pytest.raises(SettingsError, match="is Rejected in dev"):
        promotion.promote(f"{TYPE}/{version}", WHY)


def test_a_model_with_a_file_that_is_gone_is_not_promoted(cloud: LocalCloud, model: Path, promotion: Promotion) -> None:
    version = _register(cloud, model, "Approved")
    bucket = _layout("dev").artefact_bucket
    cloud.client("s3").delete_object(Bucket=bucket, Key="runs/training/e1/report.html")
    before = _versions(cloud)

    with pytest.raises(DataError, match=r"report\.html belongs to the model and is not there; nothing was promoted"):
        promotion.promote(f"{TYPE}/{version}", WHY)

    assert _versions(cloud) == before


@pytest.mark.parametrize(
    ("model_name", "complaint"),
    [
        (f"{TYPE}/999", "There is no model padded-mailer/999 in dev"),
        ("carton", "No version of carton is approved in dev"),
        ("Carton?", "is no model: say carton for what serves"),
    ],
)
def test_a_model_that_is_not_known_is_said(promotion: Promotion, model_name: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        promotion.promote(model_name, WHY)


@pytest.mark.parametrize(
    ("source", "target", "complaint"),
    [
        ("dev", "prod", "Models of 'dev' are promoted to 'staging', not to 'prod'"),
        ("prod", "staging", "Models of 'prod' are promoted nowhere, not to 'staging'"),
    ],
)
def test_no_stage_is_left_out(promotion: Promotion, source: str, target: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        dataclasses.replace(promotion, source=_layout(source), target=_layout(target)).promote(TYPE, WHY)


def _versions(cloud: LocalCloud) -> list[Any]:
    return list(Registry(cloud.client("sagemaker")).versions(f"rightpack-staging-{TYPE}"))
