"""Clouds that are stopped and started again, one after the other."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import LocalCloud
from local_cloud.keeping import keeper
from local_cloud.keeping.folder import StateError, StateFolder
from tests.unit.local_cloud.keeping.world import World, packed


def test_the_same_template_changes_nothing_and_new_code_is_taken(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.cloud() as cloud:
        world.deploy(cloud)
        events = len(cloud.client("cloudformation").describe_stack_events(StackName="main")["StackEvents"])

    with world.cloud() as cloud:
        assert world.deploy(cloud).status == "CREATE_COMPLETE"
        assert len(cloud.client("cloudformation").describe_stack_events(StackName="main")["StackEvents"]) == events

        world.code.write_bytes(packed("def handler(event, context): return 'new'"))
        world.deploy(cloud)
        answer = cloud.client("lambda").invoke(FunctionName="worker", Payload=b'"where"')["Payload"].read()
        assert answer == b'"new"'


def test_what_functions_had_not_done_is_worked_on_again(tmp_path: Path, eventually: Callable[..., Any]) -> None:
    world, waits = World(tmp_path), tmp_path / "waits"
    waits.touch()
    record = {"body": "an event", "attributes": {"ApproximateReceiveCount": "0"}}
    with world.cloud() as cloud:
        world.deploy(cloud)
        sqs, url = cloud.client("sqs"), cloud.client("sqs").get_queue_url(QueueName="work")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="a message")
        assert sqs.receive_message(QueueUrl=url)["Messages"]  # for fifteen minutes nobody else gets it
        functions, arn = cloud.client("lambda"), "arn:aws:sqs:us-east-1:123456789012:work"
        functions.create_event_source_mapping(EventSourceArn=arn, FunctionName="worker", BatchSize=1)
        event = json.dumps({"while": str(waits), "Records": [record]})
        functions.invoke(FunctionName="worker", InvocationType="Event", Payload=event)

    waits.unlink()
    with world.cloud() as cloud:
        table = cloud.client("dynamodb")
        found = eventually(lambda: len(items := table.scan(TableName="ledger")["Items"]) > 1 and items)

    assert {item["id"]["S"]: item["received"]["S"] for item in found} == {"a message": "2", "an event": "0"}


def test_a_change_is_kept_without_being_asked_and_files_of_the_past_go(
    tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    world = World(tmp_path)
    with world.cloud() as cloud:
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="kept")
        for body in (b"1", b"2", b"3"):
            s3.put_object(Bucket="kept", Key="k", Body=body)
            eventually(lambda: cloud.state()["unsaved"] == 0)

        assert len(list((tmp_path / "cloud" / "state" / "objects").iterdir())) <= 2
        assert cloud.state()["saved"]


def test_a_cloud_that_keeps_nothing_has_no_state(tmp_path: Path) -> None:
    with LocalCloud(tmp_path, services=[]) as cloud:
        assert cloud.state() == {}

    assert not (tmp_path / "state").exists()


def test_a_state_that_could_not_be_written_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    world = World(tmp_path)
    with world.cloud() as cloud:
        cloud.client("s3").create_bucket(Bucket="kept")

    cloud = world.cloud()
    cloud.start()
    cloud.client("s3").create_bucket(Bucket="not-kept")
    cloud._running.stacks.stacks.append(lambda: None)  # type: ignore[arg-type]  # nothing that can be written down
    with pytest.raises(StateError, match="could not be written"):
        cloud.stop()

    with world.cloud() as again:
        assert [bucket["Name"] for bucket in again.client("s3").list_buckets()["Buckets"]] == ["kept"]


@pytest.mark.parametrize("other", ["format", "python", "moto", "rightpack"])
def test_a_state_of_other_versions_is_refused_with_what_differs(tmp_path: Path, other: str) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.write({**keeper._stamp(), other: "0.0"}, pickle.dumps("never read"))
    made = keeper.Keeper(folder, "http://127.0.0.1:1", parts={}, busy=lambda: False)

    with pytest.raises(StateError, match=rf"other versions: {other} 0\.0 \(here .*Use those versions.*Remove"):
        made.restore()

    made.release()
