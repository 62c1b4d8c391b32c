"""A role with a name that others can build, and with nothing but the statements written out for it."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk.aws_iam as iam
from constructs import Construct

from infra.acknowledgements import acknowledge, of_wildcards


class ServiceRole(iam.Role):
    """A role for AWS services; its name is fixed because pipelines, SQL and database grants mention it."""

    def __init__(
        self,
        scope: Construct,
        name_in_stack: str,
        *,
        name: str,
        trusted: Sequence[iam.IPrincipal],
        statements: Sequence[iam.PolicyStatement],
    ) -> None:
        super().__init__(
            scope,
            name_in_stack,
            role_name=name,
            assumed_by=iam.CompositePrincipal(*trusted),
            inline_policies={"permissions": iam.PolicyDocument(statements=list(statements))},
        )
        acknowledge(self, of_wildcards(statements))


def service(name: str) -> iam.IPrincipal:
    """The service `<name>.amazonaws.com`."""
    return iam.ServicePrincipal(f"{name}.amazonaws.com")
