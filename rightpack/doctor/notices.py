"""Whether people will hear of anything."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rightpack.doctor.finding import Finding, Patient, broken, code_of, fine

PUBLISHERS: Final = ("cloudwatch.amazonaws.com", "events.amazonaws.com")
OWNED_BY_AWS: Final = "alias/aws/sns"
PENDING: Final = frozenset({"PendingConfirmation", "pending confirmation"})


def topic(patient: Patient) -> Iterator[Finding]:
    """The topic's policy, key and subscribers."""
    sns, arn = patient.client("sns"), patient.layout.topic_arn
    name = patient.layout.named("notices")
    try:
        attributes = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    except sns.exceptions.ClientError as error:
        if code_of(error) not in ("NotFound", "NotFoundException"):
            raise
        yield broken("topic", name, "There is no such topic.", f"`{patient.stack_command('platform')}`.")
        return
    yield from _policy(patient, json.loads(attributes.get("Policy", "{}")))
    if attributes.get("KmsMasterKeyId", "").endswith(OWNED_BY_AWS):
        fix = "Take the key away, or use one of your own whose policy lets cloudwatch.amazonaws.com decrypt."
        yield broken("topic", name, "CloudWatch cannot use its key, so alarms are dropped in silence.", fix)
    yield from _subscribers(patient)


def _policy(patient: Patient, policy: Mapping[str, Any]) -> Iterator[Finding]:
    name = patient.layout.named("notices")
    for service in PUBLISHERS:
        if any(_allows(statement, service, patient.layout.account) for statement in policy.get("Statement", [])):
            yield fine("topic", f"{service} may publish")
            continue
        cause = f"Its policy does not let {service} publish, so what that has to tell is dropped in silence."
        yield broken("topic", name, cause, f"`{patient.stack_command('platform')}` puts the policy right.")


def _allows(statement: Mapping[str, Any], service: str, account: str) -> bool:
    if statement.get("Effect") != "Allow" or "sns:publish" not in _lower(statement.get("Action", [])):
        return False
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", [])) if isinstance(principal, dict) else []
    owner = statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount", account)
    return service in services and account in _listed(owner)


def _subscribers(patient: Patient) -> Iterator[Finding]:
    sns, arn = patient.client("sns"), patient.layout.topic_arn
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=arn)
    found = [subscription for page in pages for subscription in page["Subscriptions"]]
    if not found:
        fix = f"`{patient.stack_command('platform')} --parameters NoticeEmail=...`, or subscribe by hand."
        yield broken("subscription", patient.layout.named("notices"), "Nobody is subscribed.", fix)
    for subscription in found:
        address = f"{subscription['Protocol']} {subscription['Endpoint']}"
        if subscription["SubscriptionArn"] in PENDING:
            fix = "Follow the link in AWS's mail; after three days it is gone: subscribe again."
            yield broken("subscription", address, "It was never confirmed, so nothing is sent to it.", fix)
        else:
            yield fine("subscription", address)


def _lower(value: Any) -> list[str]:
    return [str(item).lower() for item in _listed(value)]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
