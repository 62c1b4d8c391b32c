"""Queries on an index are answered as moto answers them, page by page, and what is no plain query is moto's own."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from local_cloud.inbound import Inbound, parse
from local_cloud.index_query import index_query
from local_cloud.wire import Call

TABLE = "ledger"
CALL = Call("dynamodb", "Query", "123456789012", "us-east-1", "arn:aws:iam::123456789012:root")
NAMES, QUEUED = {"#k": "queue"}, {":v": {"S": "new"}}
PLAIN: dict[str, Any] = {
    "TableName": TABLE,
    "IndexName": "by-queue",
    "KeyConditionExpression": "#k = :v",
    "ExpressionAttributeNames": NAMES,
    "ExpressionAttributeValues": QUEUED,
}


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        keys = ("id", "queue", "created_at")
        schema = [{"AttributeName": "queue", "KeyType": "HASH"}, {"AttributeName": "created_at", "KeyType": "RANGE"}]
        whole, names = {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            GlobalSecondaryIndexes=[
                {"IndexName": "by-queue", "KeySchema": schema, "Projection": whole},
                {"IndexName": "by-queue-alone", "KeySchema": schema[:1], "Projection": whole},
                {"IndexName": "names", "KeySchema": schema, "Projection": names},
            ],
        )
        for number in range(30):
            item = {"id": f"r{number:02}", "queue": ("new", "retry")[number % 3 == 0], "created_at": f"{40 - number}"}
            shown: dict[str, Any] = {key: {"S": value} for key, value in item.items()}
            client.put_item(TableName=TABLE, Item={**shown, "n": {"N": "7"}, "l": {"L": [{"S": "a"}, {"BOOL": True}]}})
        client.put_item(TableName=TABLE, Item={"id": {"S": "unqueued"}, "created_at": {"S": "1"}})
        client.put_item(TableName=TABLE, Item={"id": {"S": "undated"}, "queue": {"S": "new"}})
        yield client


def asked(question: dict[str, Any]) -> Inbound:
    body = json.dumps(question).encode()
    return parse(
        {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.Query",
            "wsgi.input": io.BytesIO(body),
        }
    )


def ours(**more: Any) -> dict[str, Any] | None:
    answer = index_query(CALL, asked({**PLAIN, **more}))
    return None if answer is None else dict(json.loads(b"".join(answer.body)))


def dated(least: str) -> dict[str, Any]:
    return {
        "KeyConditionExpression": "#k = :v AND created_at >= :s",
        "ExpressionAttributeValues": {**QUEUED, ":s": {"S": least}},
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ScanIndexForward": False},
        {"IndexName": "by-queue", **dated("25")},
        {"ExpressionAttributeValues": {":v": {"S": "nobody"}}},
        {"KeyConditionExpression": "queue = :v", "ExpressionAttributeNames": {}},
    ],
)
def test_an_answer_is_that_of_moto(moto: Any, more: dict[str, Any]) -> None:
    question = {key: value for key, value in {**PLAIN, **more}.items() if value != {}}
    expected, found = moto.query(**question), index_query(CALL, asked(question))
    assert found is not None
    said = json.loads(b"".join(found.body))
    assert said == {key: expected[key] for key in ("Items", "Count", "ScannedCount")}


def test_an_index_without_a_sort_key_holds_items_without_a_date_too(moto: Any) -> None:
    found = ours(IndexName="by-queue-alone")
    assert found is not None
    assert {item["id"]["S"] for item in found["Items"]} >= {"undated", "r01"}
    assert found["Count"] == moto.query(**{**PLAIN, "IndexName": "by-queue-alone"})["Count"] == 21


@pytest.mark.parametrize("forward", [True, False])
def test_pages_follow_each_other_to_the_end_without_a_gap(moto: Any, forward: bool) -> None:
    pages, begin = [], None
    while True:
        page = ours(Limit=7, ScanIndexForward=forward, **({"ExclusiveStartKey": begin} if begin else {}))
        assert page is not None
        pages.append([item["id"]["S"] for item in page["Items"]])
        if (begin := page.get("LastEvaluatedKey")) is None:
            break
        assert set(begin) == {"id", "queue", "created_at"}
    whole = [item["id"]["S"] for item in moto.query(**PLAIN, ScanIndexForward=forward)["Items"]]
    assert ([len(page) for page in pages], [one for page in pages for one in page]) == ([7, 7, 6], whole)


def test_a_page_ends_before_a_megabyte(moto: Any) -> None:
    for number in range(4):
        item = {"id": f"big{number}", "queue": "big", "created_at": str(number), "text": "x" * 350_000}
        moto.put_item(TableName=TABLE, Item={key: {"S": value} for key, value in item.items()})
    found = ours(ExpressionAttributeValues={":v": {"S": "big"}})
    assert found is not None
    assert (found["Count"], found["LastEvaluatedKey"]["id"]) == (2, {"S": "big1"})


@pytest.mark.parametrize(
    "more",
    [
        {"TableName": "nowhere"},
        {"IndexName": "nowhere"},
        {"IndexName": "names"},
        {"FilterExpression": "n > :n"},
        {"ProjectionExpression": "id"},
        {"Select": "COUNT"},
        {"KeyConditionExpression": "#k = :v AND begins_with(created_at, :s)"},
        {"KeyConditionExpression": "#k = :other"},
        {"ExpressionAttributeNames": {"#k": "state"}},
        {"ExpressionAttributeNames": {**NAMES, "#unused": "n"}},
        {"ExpressionAttributeValues": {":v": {"N": "7"}}},
        {"ExpressionAttributeValues": {":v": {"S": ""}}},
    ],
)
def test_what_is_no_plain_query_of_an_index_is_left_to_moto(moto: Any, more: dict[str, Any]) -> None:
    assert ours() is not None
    assert ours(**more) is None


def test_other_operations_are_left_to_moto(moto: Any) -> None:
    call = Call("dynamodb", "Scan", CALL.account, CALL.region, CALL.principal)
    assert index_query(call, asked({"TableName": TABLE})) is None
    with pytest.raises(ClientError, match="unused"):
        moto.query(**{**PLAIN, "ExpressionAttributeNames": {**NAMES, "#unused": "n"}})
