"""What operations of DynamoDB need: each item of a batch or a transaction by the action that it stands for."""

from __future__ import annotations

from collections.abc import Mapping

from local_cloud.iam.evaluation import Need
from local_cloud.iam.resources import arn
from local_cloud.wire import Json

_TRANSACTION = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
}
_WHOLE = {"ListTables", "DescribeLimits", "DescribeEndpoints"}


def needs(operation: str, request: Json) -> list[Need]:
    """Permissions of one request."""
    if operation in _WHOLE:
        return [Need(f"dynamodb:{operation}", "*")]
    if operation == "TransactWriteItems":
        return [
            Need(f"dynamodb:{_TRANSACTION[kind]}", _table(item))
            for action in request.get("TransactItems", [])
            for kind, item in action.items()
        ]
    if operation == "TransactGetItems":
        return [Need("dynamodb:GetItem", _table(action["Get"])) for action in request.get("TransactItems", [])]
    if operation in {"BatchGetItem", "BatchWriteItem"}:
        return [Need(f"dynamodb:{operation}", _named(name)) for name in request.get("RequestItems", {})]
    index = f"/index/{request['IndexName']}" if request.get("IndexName") else ""
    return [Need(f"dynamodb:{operation}", _table(request) + index)]


def _table(request: Mapping[str, str]) -> str:
    return _named(str(request.get("TableName", "*")))


def _named(name: str) -> str:
    return name if name.startswith("arn:") else arn("dynamodb", f"table/{name}")
