"""Every property of the committed templates means something here, or is known to mean nothing; any other is refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import DeploymentError, LocalCloud
from local_cloud.cloudformation.meaning import CARRIED_OUT, WITHOUT_MEANING, unknown
from local_cloud.cloudformation.types import known

TEMPLATES = Path(__file__).resolve().parents[3] / "infra" / "templates"
NOT_HERE = {"AWS::ECR::Repository", "AWS::IAM::OIDCProvider"}  # of the stack that delivers from a repository's workflow


def plain(value: Any) -> Any:
    """A template's value with something in the place of every function; of a choice, the first that is something."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::If"}:
        return plain(next(branch for branch in value["Fn::If"][1:] if branch != {"Ref": "AWS::NoValue"}))
    if len(value) == 1 and (next(iter(value)) == "Ref" or next(iter(value)).startswith("Fn::")):
        return "value"
    return {name: plain(item) for name, item in value.items()}


def resources() -> list[tuple[str, dict[str, Any]]]:
    """Types with the properties of every resource of the committed templates."""
    templates = [json.loads(path.read_text()) for path in sorted(TEMPLATES.glob("*.template.json"))]
    found = [item for template in templates for item in template["Resources"].values()]
    return [(item["Type"], plain(item.get("Properties", {}))) for item in found]


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Every path of a resource's properties, inner ones as well."""
    if isinstance(value, list):
        for item in value:
            yield from paths(item, path)
    elif isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else name
            yield here
            yield from paths(item, here)


def used() -> set[tuple[str, str]]:
    return {(kind, path) for kind, properties in resources() for path in paths(properties)}


def test_every_property_of_the_committed_templates_is_in_a_table() -> None:
    kinds = {kind for kind, _ in resources()}

    assert kinds - set(CARRIED_OUT) == NOT_HERE
    assert [(kind, found) for kind, properties in resources() if (found := unknown(kind, properties))] == []


def test_the_tables_name_no_type_and_nothing_without_meaning_that_no_template_uses() -> None:
    listed = {(kind, path) for kind, reasons in WITHOUT_MEANING.items() for path in reasons}

    assert set(CARRIED_OUT) == {kind for kind, _ in used()} - NOT_HERE
    assert listed - used() == set()
    assert set(WITHOUT_MEANING) <= set(CARRIED_OUT) <= set(known())


def test_no_property_is_in_both_tables() -> None:
    for kind, reasons in WITHOUT_MEANING.items():
        assert not set(reasons) & set(CARRIED_OUT[kind])


@pytest.mark.parametrize("kind", sorted(CARRIED_OUT))
def test_an_unknown_property_fails_the_deployment_by_type_and_name(
    cloud: LocalCloud, tmp_path: Path, kind: str
) -> None:
    properties = next(properties for found, properties in resources() if found == kind)
    path = tmp_path / f"{kind.replace('::', '-')}.template.json"
    path.write_text(json.dumps({"Resources": {"One": {"Type": kind, "Properties": properties | {"Unheard": 1}}}}))

    with pytest.raises(DeploymentError) as failure:
        cloud.deploy(path)

    assert f"does not simulate the properties ['Unheard'] of {kind}" in str(failure.value)


@pytest.mark.parametrize(
    ("kind", "properties", "path"),
    [
        (
            "AWS::S3::Bucket",
            {"LifecycleConfiguration": {"Rules": [{"Id": "a", "ExpirationDate": "2026-01-01"}]}},
            "LifecycleConfiguration.Rules.ExpirationDate",
        ),
        ("AWS::S3::Bucket", {"NotificationConfiguration": {"TopicConfigurations": []}}, "NotificationConfiguration"),
        ("AWS::Events::Rule", {"Targets": [{"Id": "a", "RetryPolicy": {}}]}, "Targets.RetryPolicy"),
        ("AWS::Lambda::Function", {"Code": {"ImageUri": "x"}}, "Code.ImageUri"),
        ("AWS::Lambda::Function", {"LoggingConfig": {"LogFormat": "JSON"}}, "LoggingConfig.LogFormat"),
        ("AWS::SNS::Topic", {"Subscription": [{"Protocol": "sqs", "Role": "x"}]}, "Subscription.Role"),
    ],
)
def test_an_unknown_property_is_found_however_deep_it_is(kind: str, properties: dict[str, Any], path: str) -> None:
    assert [found for found in unknown(kind, properties) if found.startswith(path)]


def test_what_an_update_does_not_carry_out_is_refused(deploy: Callable[..., Any]) -> None:
    template = (
        "Resources: {G: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: g, Tags: [{Key: a, Value: %s}]}}}"
    )
    deploy("tagged", template % "old")

    with pytest.raises(DeploymentError, match=r"changes of the properties \['Tags'\] of AWS::Logs::LogGroup"):
        deploy("tagged", template % "new")


def test_a_bucket_that_no_longer_tells_eventbridge_is_silent(cloud: LocalCloud, deploy: Callable[..., Any]) -> None:
    bucket = "Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: told%s}}}"
    deploy("told", bucket % ", NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}")
    s3 = cloud.client("s3")
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="told")

    deploy("told", bucket % "")

    assert "EventBridgeConfiguration" not in s3.get_bucket_notification_configuration(Bucket="told")
