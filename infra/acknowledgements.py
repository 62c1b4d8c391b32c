"""Findings of cdk-nag's AwsSolutions rules that stand, each with the reason why; none of this is in a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
from constructs import IConstruct

from infra.permissions.reasons import WILDCARD_REASONS, is_wide

RULES: Final = "AwsSolutions::AwsSolutions-"
OF_THE_STACK: Final[Mapping[str, str]] = {
    f"{RULES}L1": "Functions run on a Python with years of support ahead; the newest one is not needed.",
    f"{RULES}S1": "Who read what is told by the account's CloudTrail data events; access logs would need a bucket of "
    "their own, with the same finding.",
}
OWN_PREFIX: Final = "The wildcard ends a prefix of this project's own names."
TOKENS: Final[Mapping[str, str]] = {
    cdk.Aws.PARTITION: "<AWS::Partition>",
    cdk.Aws.REGION: "<AWS::Region>",
    cdk.Aws.ACCOUNT_ID: "<AWS::AccountId>",
}


def acknowledge(scope: IConstruct, findings: Mapping[str, str]) -> None:
    """Tell cdk-nag which findings are known at and below `scope`, by finding and reason."""
    validations = cdk.Validations.of(scope)
    for finding, reason in findings.items():
        validations.acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def of_wildcards(statements: Sequence[iam.PolicyStatement]) -> dict[str, str]:
    """What cdk-nag says of a role's wildcards, with the reasons that were given where the role was written."""
    found: dict[str, set[str]] = {}
    for statement in statements:
        for resource, reason in _reasons(statement):
            found.setdefault(f"{RULES}IAM5[Resource::{_as_reported(resource)}]", set()).add(reason)
    return {finding: " ".join(sorted(reasons)) for finding, reasons in found.items()}


def _reasons(statement: iam.PolicyStatement) -> Iterator[tuple[str, str]]:
    for resource in statement.resources:
        if is_wide(resource):
            yield from ((resource, WILDCARD_REASONS[action]) for action in statement.actions)
        elif "*" in resource:
            yield resource, OWN_PREFIX


def _as_reported(resource: str) -> str:
    for token, name in TOKENS.items():
        resource = resource.replace(token, name)
    return resource
