"""Query on an index, answered from moto's table at once: moto's own parses, copies and serialises the whole table.

Only the plain question is answered here: the key of a global index, and perhaps a least sort key, all of them texts.
Everything else, and whatever is to be refused, is left to moto.
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
    | {"ScanIndexForward", "Limit", "ExclusiveStartKey"}
)
CONDITION: Final = re.compile(
    r"\s*(?P<hash>#?\w+) = (?P<value>:\w+)(?: AND (?P<range>#?\w+) >= (?P<least>:\w+))?\s*", re.ASCII
)


def index_query(call: Call, request: Inbound) -> Answer | None:
    """The gateway's route for DynamoDB: plain queries on an index here, everything else is moto's."""
    if call.action != "Query":
        return None
    asked = request.parameters()
    question = _question(asked)
    return answers.success(request, question.page(asked)) if question else None


@dataclass(frozen=True, slots=True)
class _Question:
    """Items of `table` whose `key` is `value` and whose `sort` is at least `least`; an index has a `sort` or none."""

    table: Any
    key: str
    value: str
    sort: str
    least: str

    def page(self, asked: Json) -> Json:
        """One page of the answer: no more items than asked for, and no more than a megabyte."""
        forward, limit = asked.get("ScanIndexForward", True), asked.get("Limit") or len(self.table.items) + 1
        begin = asked.get("ExclusiveStartKey")
        found = sorted(self._found(), key=self._place, reverse=not forward)
        if begin:
            after = self._place_of(begin)
            found = [item for item in found if (self._place(item) > after if forward else self._place(item) < after)]
        taken = list(_within(found[:limit]))
        answer: Json = {"Items": taken, "Count": len(taken), "ScannedCount": len(taken)}
        if taken and (len(taken) < len(found) or len(taken) == limit):
            keys = {self.key, self.sort, self.table.hash_key_attr} - {""}
            answer["LastEvaluatedKey"] = {name: taken[-1][name] for name in keys}
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
    key, sort = _keys(table, asked.get("IndexName", ""))
    names, values = asked.get("ExpressionAttributeNames", {}), asked.get("ExpressionAttributeValues", {})
    used = condition.groupdict()
    if {n for n in (used["hash"], used["range"]) if n and n.startswith("#")} != set(names):
        return None
    if {n for n in (used["value"], used["least"]) if n} != set(values) or not all(
        set(v) == {"S"} for v in values.values()
    ):
        return None
    said = [names.get(used[part], used[part]) for part in ("hash", "range")]
    if not key or said[0] != key or said[1] not in (None, sort) or not values[used["value"]]["S"]:
        return None
    return _Question(table, key, values[used["value"]]["S"], sort, values[used["least"]]["S"] if used["least"] else "")


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
        shown = item.to_json()["Attributes"]
        size += sum(len(name) + len(str(value)) for name, value in shown.items())
        if size > PAGE_BYTES:
            return
        yield shown
