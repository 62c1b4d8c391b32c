"""What the ledger asks of DynamoDB: one conditional write, and one question to an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Write:
    """A change of a record that is in one of `states` and where `where` holds.

    Empty texts and zeros are removed, since absent is what they mean.
    """

    changes: Mapping[str, object]
    states: Sequence[str]
    where: Mapping[str, object]

    def request(self) -> dict[str, Any]:
        """Members of UpdateItem."""
        kept = {key: value for key, value in self.changes.items() if value}
        removed = [key for key in self.changes if key not in kept]
        conditions = [f"#state IN ({', '.join(f':e{i}' for i in range(len(self.states)))})"]
        conditions += [f"#{k} = :w_{k}" if v else f"attribute_not_exists(#{k})" for k, v in self.where.items()]
        values = {f":{key}": text(value) for key, value in kept.items()}
        values |= {f":e{index}": text(state) for index, state in enumerate(self.states)}
        values |= {f":w_{key}": text(value) for key, value in self.where.items() if value}
        remove = f" REMOVE {', '.join(f'#{key}' for key in removed)}" if removed else ""
        return {
            "UpdateExpression": "SET " + ", ".join(f"#{key} = :{key}" for key in kept) + remove,
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {f"#{key}": key for key in {*self.changes, *self.where, "state"}},
            "ExpressionAttributeValues": values,
        }


@dataclass(frozen=True, slots=True)
class Question:
    """Records of an `index` whose `key` is `value`, by their date of creation, the newest first unless `oldest_first`.

    At most `limit` (0: all) are looked at, none from before `since`; those that have `without` are left out; of each
    the attribute `only` is told, or all of them.
    """

    index: str
    key: str
    value: str
    limit: int = 0
    since: str = ""
    oldest_first: bool = False
    without: str = ""
    only: str = ""

    def request(self) -> dict[str, Any]:
        """Members of Query, for its paginator."""
        names = {"#k": self.key, "#w": self.without, "#o": self.only}
        values = {":v": self.value, ":s": self.since}
        return {
            "IndexName": self.index,
            "KeyConditionExpression": "#k = :v AND created_at >= :s" if self.since else "#k = :v",
            "ExpressionAttributeNames": {short: name for short, name in names.items() if name},
            "ExpressionAttributeValues": {short: text(value) for short, value in values.items() if value},
            "ScanIndexForward": self.oldest_first,
            "PaginationConfig": {"MaxItems": self.limit, "PageSize": self.limit} if self.limit else {},
            **({"FilterExpression": "attribute_not_exists(#w)"} if self.without else {}),
            **({"ProjectionExpression": "#o"} if self.only else {}),
        }


def text(value: object) -> dict[str, str]:
    """A value as the ledger keeps all of them."""
    return {"S": str(value)}
