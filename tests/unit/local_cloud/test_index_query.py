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
from local_cloud.index_query import plain_read
from local_cloud.wire import Call

TABLE = "ledger"
CALL = Call("dynamodb", "Query", "123456789012", "us-east-1", "arn:aws:iam::123456789012:root")
GET = Call("dynamodb", "GetItem", CALL.account, CALL.region, CALL.principal)
KEYS = ("id", "queue", "created_at")
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
        client: Any = boto3.client("dynamodb", region_name="us-east-1")
        schema = [{"AttributeName": "queue", "KeyType": "HASH"}, {"AttributeName": "created_at", "KeyType": "RANGE"}]
        whole, names = {"ProjectionType": "ALL"}, {"ProjectionType": "KEYS_ONLY"}
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in KEYS],
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
    answer = plain_read(CALL, asked({**PLAIN, **more}))
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
        {"FilterExpression": "attribute_not_exists(n)"},
        {"FilterExpression": "attribute_not_exists(#b)", "ExpressionAttributeNames": {**NAMES, "#b": "batch"}},
        {"ProjectionExpression": "id, #k, nothing", "ScanIndexForward": False},
    ],
)
def test_an_answer_is_that_of_moto(moto: Any, more: dict[str, Any]) -> None:
    question = {key: value for key, value in {**PLAIN, **more}.items() if value != {}}
    expected, found = moto.query(**question), plain_read(CALL, asked(question))
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
        {"FilterExpression": "attribute_not_exists(n) AND attribute_exists(id)"},
        {"ProjectionExpression": "id, l[0]"},
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


def test_a_limit_counts_what_was_looked_at_and_not_what_the_filter_left(moto: Any) -> None:
    moto.put_item(TableName=TABLE, Item={key: {"S": "new" if key == "queue" else "0"} for key in KEYS})
    found = ours(Limit=3, FilterExpression="attribute_not_exists(n)")
    assert found is not None
    assert ([item["id"]["S"] for item in found["Items"]], found["ScannedCount"]) == (["0"], 3)
    assert found["LastEvaluatedKey"]["id"] == {"S": "r28"}


@pytest.mark.parametrize("name", ["r05", "unqueued", "nobody"])
def test_an_item_is_that_of_moto(moto: Any, name: str) -> None:
    question = {"TableName": TABLE, "Key": {"id": {"S": name}}, "ConsistentRead": True}
    answer = plain_read(GET, asked(question))
    assert answer is not None
    assert json.loads(b"".join(answer.body)).get("Item") == moto.get_item(**question).get("Item")


@pytest.mark.parametrize(
    "more",
    [
        {"TableName": "nowhere"},
        {"Key": {"id": {"N": "1"}}},
        {"Key": {"id": {"S": ""}}},
        {"Key": {"id": {"S": "r05"}, "queue": {"S": "new"}}},
        {"Key": {"queue": {"S": "new"}}},
        {"ProjectionExpression": "id"},
    ],
)
def test_what_is_no_plain_read_of_an_item_is_left_to_moto(moto: Any, more: dict[str, Any]) -> None:
    question = {"TableName": TABLE, "Key": {"id": {"S": "r05"}}}
    assert plain_read(GET, asked(question)) is not None
    assert plain_read(GET, asked({**question, **more})) is None


def test_other_operations_are_left_to_moto(moto: Any) -> None:
    call = Call("dynamodb", "Scan", CALL.account, CALL.region, CALL.principal)
    assert plain_read(call, asked({"TableName": TABLE})) is None
    with pytest.raises(ClientError, match="unused"):
        moto.query(**{**PLAIN, "ExpressionAttributeNames": {**NAMES, "#unused": "n"}})
