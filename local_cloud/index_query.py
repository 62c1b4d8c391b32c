"""Plain reads of DynamoDB, answered from moto's table at once: moto's own parse, copy and serialise much more.

Answered here are GetItem of a whole item, and Query by the key of a global index, perhaps with a least sort key, all of
them texts, perhaps without the items that have a certain attribute, perhaps of some attributes only. Everything else,
and whatever is to be refused, is left to moto.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from local_cloud import answers, backends
from local_cloud.answers import Answer
from local_cloud.inbound import Inbound
from local_cloud.wire import Call, Json

PAGE_BYTES: Final = 1 << 20
KNOWN: Final = frozenset(
    {"TableName", "IndexName", "KeyConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"}
    | {"ScanIndexForward", "Limit", "ExclusiveStartKey", "FilterExpression", "ProjectionExpression"}
)
CONDITION: Final = re.compile(
    r"\s*(?P<hash>#?\w+) = (?P<value>:\w+)(?: AND (?P<range>#?\w+) >= (?P<least>:\w+))?\s*", re.ASCII
)
WITHOUT: Final = re.compile(r"\s*attribute_not_exists\((?P<without>#?\w+)\)\s*", re.ASCII)
LISTED: Final = re.compile(r"#?\w+(?:, #?\w+)*", re.ASCII)


def plain_read(call: Call, request: Inbound) -> Answer | None:
    """The gateway's route for DynamoDB: plain reads here, everything else is moto's."""
    answer = {"GetItem": _item, "Query": _page}.get(call.action)
    found = answer(request.parameters()) if answer else None
    return None if found is None else answers.success(request, found)


def _item(asked: Json) -> Json | None:
    from moto.dynamodb.models.dynamo_type import DynamoType

    table = backends.dynamodb().tables.get(asked.get("TableName", ""))
    if table is None or table.range_key_attr or not set(asked) <= {"TableName", "Key", "ConsistentRead"}:
        return None
    key = asked["Key"].get(table.hash_key_attr, {})
    if len(asked["Key"]) != 1 or set(key) != {"S"} or not key["S"]:
        return None
    found = table.items.get(DynamoType(key))
    return {"Item": _shown(found)} if found else {}


def _page(asked: Json) -> Json | None:
    question = _question(asked)
    return question.page(asked) if question else None


@dataclass(frozen=True, slots=True)
class _Question:
    """Items of `table` whose `key` is `value` and whose `sort` is at least `least`; an index has a `sort` or none.

    Of those that have no `without`, the attributes `only` are asked for; where that is empty, all.
    """

    table: Any
    key: str
    value: str
    sort: str
    least: str
    without: str = ""
    only: frozenset[str] = frozenset()

    def page(self, asked: Json) -> Json:
        """One page of the answer: no more items than asked for, and no more than a megabyte."""
        forward, limit = asked.get("ScanIndexForward", True), asked.get("Limit") or len(self.table.items) + 1
        begin = asked.get("ExclusiveStartKey")
        found = sorted(self._found(), key=self._place, reverse=not forward)
        if begin:
            after = self._place_of(begin)
            found = [item for item in found if (self._place(item) > after if forward else self._place(item) < after)]
        scanned = list(_within(found[:limit]))
        taken = [shown for shown in scanned if not self.without or self.without not in shown]
        items = [{k: v for k, v in shown.items() if k in self.only} for shown in taken] if self.only else taken
        answer: Json = {"Items": items, "Count": len(items), "ScannedCount": len(scanned)}
        if scanned and (len(scanned) < len(found) or len(scanned) == limit):
            keys = {self.key, self.sort, self.table.hash_key_attr} - {""}
            answer["LastEvaluatedKey"] = {name: scanned[-1][name] for name in keys}
        return answer

    def _found(self) -> Iterator[Any]:
        for item in self.table.items.values():  # nobody writes meanwhile: the gateway lets one in at a time
            mine = item.attrs.get(self.key)
            if mine is not None and mine.value == self.value and mine.type == "S":
                sort = item.attrs.get(self.sort) if self.sort else None
                if not self.sort or (sort is not None and sort.value >= self.least):
                    yield item

    def _place(self, item: Any) -> tuple[str, str]:
        return (item.attrs[self.sort].value if self.sort else "", item.hash_key.value)

    def _place_of(self, key: Json) -> tuple[str, str]:
        return (key[self.sort]["S"] if self.sort else "", key[self.table.hash_key_attr]["S"])


def _question(asked: Json) -> _Question | None:
    """What is asked; None where moto has to look."""
    table = backends.dynamodb().tables.get(asked.get("TableName", ""))
    condition = CONDITION.fullmatch(asked.get("KeyConditionExpression", ""))
    if table is None or condition is None or not set(asked) <= KNOWN or table.range_key_attr:
        return None
    without, only = WITHOUT.fullmatch(asked.get("FilterExpression", "_")), asked.get("ProjectionExpression", "")
    if ("FilterExpression" in asked and not without) or (only and not LISTED.fullmatch(only)):
        return None
    used = {**condition.groupdict(), "without": without["without"] if without else None}
    listed = only.split(", ") if only else []
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    called = [used["hash"], used["range"], used["without"], *listed]
    if {name for name in called if name and name.startswith("#")} != set(names) or not _texts(used, values):
        return None
    key, sort = _keys(table, asked.get("IndexName", ""))
    said = {part: names.get(name, name) for part, name in used.items()}
    if not key or said["hash"] != key or said["range"] not in (None, sort):
        return None
    least = values[used["least"]]["S"] if used["least"] else ""
    chosen = frozenset(names.get(name, name) for name in listed)
    return _Question(table, key, values[used["value"]]["S"], sort, least, said["without"] or "", chosen)


def _texts(used: Json, values: Json) -> bool:
    """Whether the values are those that are used, texts all of them, and the key is not empty."""
    asked = {name for name in (used["value"], used["least"]) if name}
    return asked == set(values) and all(set(v) == {"S"} for v in values.values()) and bool(values[used["value"]]["S"])


def _keys(table: Any, index: str) -> tuple[str, str]:
    """Partition and sort key of a global index of texts that holds whole items; empty if there is no such one."""
    texts = {one["AttributeName"] for one in table.attr if one["AttributeType"] == "S"}
    for found in table.global_indexes:
        if found.name == index and found.projection.get("ProjectionType") == "ALL":
            keys = {
                part: [k["AttributeName"] for k in found.schema if k["KeyType"] == part] for part in ("HASH", "RANGE")
            }
            if len(keys["HASH"]) == 1 and len(keys["RANGE"]) <= 1 and texts >= {*keys["HASH"], *keys["RANGE"]}:
                return keys["HASH"][0], next(iter(keys["RANGE"]), "")
    return "", ""


def _within(items: list[Any]) -> Iterator[Json]:
    """The first of `items` as JSON, until a page is full."""
    size = 0
    for item in items:
        shown = _shown(item)
        size += sum(len(name) + len(text) for name, value in shown.items() for text in map(str, value.values()))
        if size > PAGE_BYTES:
            return
        yield shown


def _shown(item: Any) -> Json:
    """An item as JSON; most attributes are texts, of which moto's own way makes much ado."""
    if all(attribute.type == "S" for attribute in item.attrs.values()):
        return {name: {"S": attribute.value} for name, attribute in item.attrs.items()}
    shown: Json = item.to_json()["Attributes"]
    return shown
