"""The life of the committed stacks: created as an earlier version, updated to this one, deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud
from rightpack.cli.embedded import TEMPLATES
from rightpack.layout import Stack, stack_name

DATA = "rightpack-dev-data-123456789012-us-east-1"
LEDGER = "rightpack-dev-ledger"
Json = dict[str, Any]


def committed(stack: Stack) -> Json:
    return dict(json.loads((TEMPLATES / f"{stack_name('dev', stack)}.template.json").read_text()))


def earlier(template: Json) -> Json:
    """The template as some release before may have been: other numbers and texts, one alarm and one rule less."""
    resources: Json = {}
    newest = _newest_alarm(template)
    for name, resource in template["Resources"].items():
        kind, properties = resource["Type"], dict(resource.get("Properties", {}))
        if name == newest:
            continue
        if kind == "AWS::Lambda::Function":
            properties["MemorySize"] = 128
        if kind == "AWS::SQS::Queue":
            properties["MessageRetentionPeriod"] = 86_400
        if "Description" in properties and kind in {"AWS::Events::Rule", "AWS::IAM::Role"}:
            properties["Description"] = "as it was"
        resources[name] = {**resource, "Properties": properties}
    return {**template, "Resources": resources}


def _newest_alarm(template: Json) -> str:
    """An alarm that nothing else in the template mentions."""
    for name, resource in template["Resources"].items():
        others = {**template, "Resources": {**template["Resources"], name: {}}}
        if resource["Type"] == "AWS::CloudWatch::Alarm" and f'"{name}"' not in json.dumps(others).replace(
            f'"{name}": {{}}', ""
        ):
            return str(name)
    return ""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, zipped: Callable[[str], bytes]) -> Iterator[LocalCloud]:
    folder = tmp_path_factory.mktemp("stacks")
    package = folder / "lambdas.zip"
    package.write_bytes(zipped("def handler(event, context): return None"))
    with LocalCloud(folder / "cloud", retry_seconds=(0.0, 0.0)) as running:
        for version in (earlier, dict):
            for stack in Stack:
                path = folder / f"{stack_name('dev', stack)}.template.json"
                path.write_text(json.dumps(version(committed(stack))))
                found = running.deploy(path, assets={"lambdas.zip": package})
                assert found.status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
            if version is earlier:
                _fill(running)
        yield running


def _fill(cloud: LocalCloud) -> None:
    cloud.client("s3").put_object(Bucket=DATA, Key="config/kept", Body=b"kept")
    cloud.client("dynamodb").put_item(TableName=LEDGER, Item={"run_id": {"S": "kept"}})
    sqs = cloud.client("sqs")
    dead = sqs.get_queue_url(QueueName="rightpack-dev-triggers-dead")["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="kept")


def test_the_stacks_are_updated_without_losing_data_and_deleted_but_for_what_they_retain(cloud: LocalCloud) -> None:
    _check_updated(cloud)
    _check_deleted(cloud)


def _check_updated(cloud: LocalCloud) -> None:
    names = {stack.name for stack in _stacks(cloud)}
    memory = cloud.client("lambda").get_function(FunctionName="rightpack-dev-start-pipeline")["Configuration"]
    sqs = cloud.client("sqs")
    dead = sqs.get_queue_url(QueueName="rightpack-dev-triggers-dead")["QueueUrl"]

    assert names == {stack_name("dev", stack) for stack in Stack}
    assert memory["MemorySize"] > 128
    assert cloud.objects.read(DATA, "config/kept") == b"kept"
    assert "Item" in cloud.client("dynamodb").get_item(TableName=LEDGER, Key={"run_id": {"S": "kept"}})
    assert sqs.receive_message(QueueUrl=dead, VisibilityTimeout=0)["Messages"][0]["Body"] == "kept"


def _stacks(cloud: LocalCloud) -> list[Any]:
    return [stack for stack in cloud._running.stacks.stacks if stack.status.endswith("_COMPLETE")]


def _check_deleted(cloud: LocalCloud) -> None:
    for stack in reversed(Stack):
        cloud.delete(stack_name("dev", stack))

    assert cloud.objects.read(DATA, "config/kept") == b"kept"
    assert "Item" in cloud.client("dynamodb").get_item(TableName=LEDGER, Key={"run_id": {"S": "kept"}})
    assert cloud.client("lambda").list_functions()["Functions"] == []
    assert cloud.client("events").list_rules()["Rules"] == []
    assert cloud.client("cloudwatch").describe_alarms()["MetricAlarms"] == []
    with pytest.raises(ClientError, match=r"NonExistentQueue|does not exist"):
        cloud.client("sqs").get_queue_url(QueueName="rightpack-dev-triggers")
