"""The two roles that are not a function's: of pipeline executions and of jobs."""

from __future__ import annotations

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
from constructs import Construct

from infra.arns import Arns
from infra.constructs.service_role import ServiceRole
from infra.permissions import roles as permissions


class Roles(Construct):
    """Roles that pipelines and jobs mention by name."""

    def __init__(self, scope: Construct, name_in_stack: str, *, arns: Arns) -> None:
        super().__init__(scope, name_in_stack)
        named = arns.layout.named
        sagemaker = [_own_sagemaker()]
        ServiceRole(self, "Pipeline", name=named("pipeline"), trusted=sagemaker, statements=permissions.pipeline(arns))
        ServiceRole(self, "Job", name=named("job"), trusted=sagemaker, statements=permissions.job(arns))


def _own_sagemaker() -> iam.IPrincipal:
    """SageMaker, when it works for this account and not for somebody else's."""
    own = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
    return iam.ServicePrincipal("sagemaker.amazonaws.com", conditions=own)
