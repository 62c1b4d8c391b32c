"""The three roles that are not a function's: of pipeline executions, of jobs, of the warehouse."""

from __future__ import annotations

import aws_cdk as cdk
import aws_cdk.aws_iam as iam
from constructs import Construct

from infra.arns import Arns
from infra.constructs.service_role import ServiceRole, service
from infra.permissions import roles as permissions


class Roles(Construct):
    """Roles that pipelines, jobs and SQL mention by name."""

    def __init__(self, scope: Construct, name_in_stack: str, *, arns: Arns) -> None:
        super().__init__(scope, name_in_stack)
        named = arns.layout.named
        sagemaker = [_own_sagemaker()]
        redshift = [service("redshift"), service("redshift-serverless")]
        ServiceRole(self, "Pipeline", name=named("pipeline"), trusted=sagemaker, statements=permissions.pipeline(arns))
        ServiceRole(self, "Job", name=named("job"), trusted=sagemaker, statements=permissions.job(arns))
        ServiceRole(
            self, "Warehouse", name=named("warehouse"), trusted=redshift, statements=permissions.warehouse(arns)
        )


def _own_sagemaker() -> iam.IPrincipal:
    """SageMaker, when it works for this account and not for somebody else's."""
    own = {"StringEquals": {"aws:SourceAccount": cdk.Aws.ACCOUNT_ID}}
    return iam.ServicePrincipal("sagemaker.amazonaws.com", conditions=own)
