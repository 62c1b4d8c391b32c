from __future__ import annotations

import json

import moto.events.models
import moto.s3.models
import moto.sqs.models
import pytest

from local_cloud import patches
from local_cloud.cloud import LocalCloud


def test_contract_holds_for_the_pinned_moto() -> None:
    patches.contract()


def test_another_signature_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moto.sqs.models.Queue, "delete_message", lambda self, receipt_handle, reason: None)

    with pytest.raises(RuntimeError, match=r"Queue.delete_message takes \['self', 'receipt_handle', 'reason'\]"):
        patches.contract()


def test_missing_name_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(moto.s3.models.FakeBucket, "get_permission")

    with pytest.raises(RuntimeError, match=r"FakeBucket\.get_permission is missing"):
        patches.contract()


def test_stopped_cloud_leaves_moto_as_it_was_and_forgets_everything() -> None:
    before = moto.events.models.Rule.send_to_targets
    with LocalCloud(services=[]) as first:
        first.client("s3").create_bucket(Bucket="first-bucket")
        assert moto.events.models.Rule.send_to_targets is not before
        root = first.root
    assert moto.events.models.Rule.send_to_targets is before
    assert not root.exists()

    with LocalCloud(services=[]) as second:
        assert second.client("s3").list_buckets()["Buckets"] == []


def test_service_that_cannot_start_leaves_nothing_running() -> None:
    def broken(_host: object) -> object:
        raise ValueError("no database")

    with pytest.raises(ValueError, match="no database"):
        LocalCloud(services=[broken]).start()  # type: ignore[list-item]

    with LocalCloud(services=[]) as cloud:
        assert cloud.url


def test_setting_one_attribute_of_a_queue_leaves_its_policy() -> None:
    with LocalCloud(services=[]) as cloud:
        everybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        sqs, policy = cloud.client("sqs"), json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
        url = sqs.create_queue(QueueName="kept", Attributes={"Policy": policy})["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert (found["VisibilityTimeout"], found.get("Policy")) == ("7", policy)
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
