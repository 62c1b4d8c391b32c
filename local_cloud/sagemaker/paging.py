"""Filters, order and pages of the List operations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json

PAGE = 10  #: items of a page when the request does not say; small on purpose: a caller that forgets paging shows early


def within(items: Iterable[Json], request: Json, field: str, *, prefix: str = "") -> list[Json]:
    """Keep items whose time `field` lies inside the request's `<prefix>After` and `<prefix>Before` (epoch seconds)."""
    prefix = prefix or field
    after = seconds(request.get(f"{prefix}After", float("-inf")))
    before = seconds(request.get(f"{prefix}Before", float("inf")))
    return [item for item in items if after <= item[field] <= before]


def seconds(value: Any) -> float:
    """Epoch seconds of a timestamp on the wire: a number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise invalid(f"Timestamps are epoch seconds, not {value!r}.")


def ordered(items: Iterable[Json], request: Json, keys: dict[str, str], *, order: str = "Ascending") -> list[Json]:
    """Sort by the request's SortBy (`keys` maps its values to fields; the first is the default) and SortOrder."""
    field = keys[request.get("SortBy", next(iter(keys)))]
    return sorted(items, key=lambda item: item[field], reverse=request.get("SortOrder", order) == "Descending")


def page(items: list[Json], request: Json, key: str, *, size: int = PAGE) -> Json:
    """Answer one page of `items` under `key`, with a NextToken when there is more."""
    start = _offset(request.get("NextToken"))
    end = start + int(request.get("MaxResults", size))
    answer: Json = {key: items[start:end]}
    if end < len(items):
        answer["NextToken"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer


def _offset(token: str | None) -> int:
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError):
        raise invalid(f"Invalid NextToken {token!r}.") from None
