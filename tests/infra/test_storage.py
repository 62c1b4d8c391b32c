from __future__ import annotations

from typing import Any

import pytest

from tests.infra.cloudformation import ACCOUNT, REGION, Template

BUCKETS = [f"rightpack-dev-{kind}-{ACCOUNT}-{REGION}" for kind in ("data", "artefacts")]


def _bucket(platform: Template, kind: str) -> dict[str, Any]:
    return platform.by("AWS::S3::Bucket", "BucketName")[f"rightpack-dev-{kind}-{ACCOUNT}-{REGION}"]


def test_there_are_a_data_and_an_artefact_bucket(platform: Template) -> None:
    assert sorted(platform.by("AWS::S3::Bucket", "BucketName")) == sorted(BUCKETS)


@pytest.mark.parametrize("kind", ["data", "artefacts"])
def test_buckets_are_versioned_encrypted_and_closed(platform: Template, kind: str) -> None:
    bucket = _bucket(platform, kind)

    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_everything_that_remembers_outlives_its_stack(platform: Template, pipelines: Template) -> None:
    kept = ("AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::SageMaker::ModelPackageGroup")
    for template in (platform, pipelines):
        for resource in template.raw["Resources"].values():
            if resource["Type"] in kept:
                assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


@pytest.mark.parametrize(
    ("policy", "owner"), [("AWS::S3::BucketPolicy", "AWS::S3::Bucket"), ("AWS::SQS::QueuePolicy", "AWS::SQS::Queue")]
)
def test_buckets_and_queues_are_reached_over_tls_only(platform: Template, policy: str, owner: str) -> None:
    protected = set()
    for properties in platform.of_type(policy).values():
        denials = [s for s in properties["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert denials[0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert denials[0]["Action"] in ("s3:*", "sqs:*")
        protected.update(properties.get("Queues") or [properties["Bucket"]])

    assert protected == {f"<{name}>" for name in platform.of_type(owner)}


def test_data_bucket_announces_its_changes_and_artefacts_do_not(platform: Template) -> None:
    announcing = {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}

    assert _bucket(platform, "data")["NotificationConfiguration"] == announcing
    assert "NotificationConfiguration" not in _bucket(platform, "artefacts")


def test_no_lifecycle_rule_can_expire_a_model_or_its_report(platform: Template) -> None:
    rules = _bucket(platform, "artefacts")["LifecycleConfiguration"]["Rules"]
    expiring = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule]

    assert expiring == ["runs/inference/"]


def test_settings_and_quarantine_stay(platform: Template) -> None:
    rules = _bucket(platform, "data")["LifecycleConfiguration"]["Rules"]

    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == ["drops/", "loads/"]


@pytest.mark.parametrize("kind", ["data", "artefacts"])
def test_unfinished_uploads_are_cleared_away(platform: Template, kind: str) -> None:
    rules = _bucket(platform, kind)["LifecycleConfiguration"]["Rules"]

    assert [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule and "Prefix" not in rule]


def test_ledger_is_found_by_run_execution_and_pipeline(platform: Template) -> None:
    table = platform.by("AWS::DynamoDB::Table", "TableName")["rightpack-dev-ledger"]
    indexes = {index["IndexName"]: index for index in table["GlobalSecondaryIndexes"]}

    assert _keys(table) == ["run_id"]
    assert {name: _keys(index) for name, index in indexes.items()} == {
        "by-execution": ["execution_arn"],
        "by-pipeline": ["pipeline", "created_at"],
        "by-queue": ["queue", "created_at"],
        "by-batch": ["batch", "created_at"],
    }
    assert {index["Projection"]["ProjectionType"] for index in indexes.values()} == {"ALL"}


def test_ledger_costs_what_is_used_and_can_be_restored_to_any_second(platform: Template) -> None:
    table = platform.by("AWS::DynamoDB::Table", "TableName")["rightpack-dev-ledger"]

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def _keys(table: dict[str, Any]) -> list[str]:
    order = sorted(table["KeySchema"], key=lambda key: key["KeyType"])  # HASH before RANGE
    return [key["AttributeName"] for key in order]
