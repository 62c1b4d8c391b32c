"""Reading policy documents: identity policies, resource policies and trust policies."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local_cloud.account import ACCOUNT
from local_cloud.iam.conditions import Condition, conditions, texts
from local_cloud.iam.patterns import Context, filled, matches
from local_cloud.wire import AwsError, Json, NotSimulatedError

_MEMBERS = {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "Condition"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the ARN of a session, its role, or a service such as `events.amazonaws.com`."""

    arn: str = ""
    role: str = ""
    service: str = ""

    def named_in(self, element: Any) -> bool:
        """Whether a Principal element means this caller."""
        if element == "*":
            return True
        aws = texts(element.get("AWS", [])) if isinstance(element, Mapping) else ()
        services = texts(element.get("Service", [])) if isinstance(element, Mapping) else ()
        return "*" in aws or (self.service in services if self.service else bool({self.arn, self.role} & set(aws)))

    def in_account(self, element: Any) -> bool:
        """Whether a Principal element leaves it to this account's own policies."""
        names = texts(element.get("AWS", [])) if isinstance(element, Mapping) else ()
        return not self.service and any(name in {ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"} for name in names)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `place` counts from 0 in its document."""

    sid: str
    place: int
    effect: str
    actions: tuple[str, ...]
    all_but_actions: bool
    resources: tuple[str, ...]
    all_but_resources: bool
    principal: Any
    conditions: tuple[Condition, ...]

    def actions_for(self, action: str) -> tuple[str, ...]:
        """The action patterns through which the statement speaks of an action; none if it does not."""
        found = tuple(pattern for pattern in self.actions if matches(pattern, action, fold=True))
        if self.all_but_actions:
            return () if found else ("*",)
        return found

    def covers(self, resource: str, context: Context) -> bool:
        """Whether it speaks of a resource, under the conditions of the request."""
        patterns = [text for raw in self.resources if (text := filled(raw, context)) is not None]
        return any(matches(pattern, resource) for pattern in patterns) is not self.all_but_resources

    def holds(self, context: Context) -> bool:
        """Whether all its conditions hold."""
        return all(condition.holds(context) for condition in self.conditions)


@functools.lru_cache(maxsize=1024)
def statements(text: str) -> tuple[Statement, ...]:
    """Read a policy document.

    Raises:
        AwsError: MalformedPolicyDocument.
        NotSimulatedError: An element, an operator or a condition key that is not carried out.
    """
    try:
        found = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise AwsError(
            "MalformedPolicyDocument", f"A policy is no JSON object with statements: {text[:200]}"
        ) from error
    listed = found if isinstance(found, list) else [found]
    return tuple(_statement(place, element) for place, element in enumerate(listed))


def _statement(place: int, element: Json) -> Statement:
    unknown = sorted(set(element) - _MEMBERS)
    if unknown:
        raise NotSimulatedError(f"the policy elements {unknown}")
    if element.get("Effect") not in {"Allow", "Deny"}:
        raise AwsError("MalformedPolicyDocument", f"The Effect of a statement is {element.get('Effect')!r}.")
    named = "Resource" in element
    return Statement(
        sid=str(element.get("Sid") or f"statement {place + 1}"),
        place=place,
        effect=element["Effect"],
        actions=texts(element["Action"] if "Action" in element else element["NotAction"]),
        all_but_actions="Action" not in element,
        resources=texts(element["Resource"] if named else element.get("NotResource", "*")),
        all_but_resources=not named and "NotResource" in element,
        principal=element.get("Principal"),
        conditions=conditions(element.get("Condition", {})),
    )
