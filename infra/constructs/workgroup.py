"""A Redshift Serverless workgroup with its namespace."""

from __future__ import annotations

from typing import Final

import aws_cdk as cdk
import aws_cdk.aws_redshiftserverless as serverless
from constructs import Construct

from infra.constructs.service_role import ServiceRole

ADMIN: Final = "rightpack_admin"  # signs in to migrate; its password is made and rotated by Secrets Manager


class Workgroup(Construct):
    """Computing and, kept when the stack is deleted, data; reached through the Data API and never from outside."""

    def __init__(
        self,
        scope: Construct,
        name_in_stack: str,
        *,
        name: str,
        database: str,
        base_capacity: int,
        role: ServiceRole,
    ) -> None:
        super().__init__(scope, name_in_stack)
        namespace = serverless.CfnNamespace(
            self,
            "Namespace",
            namespace_name=name,
            db_name=database,
            admin_username=ADMIN,
            manage_admin_password=True,
            iam_roles=[role.role_arn],
            default_iam_role_arn=role.role_arn,
            log_exports=["connectionlog", "useractivitylog", "userlog"],
        )
        namespace.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
        workgroup = serverless.CfnWorkgroup(
            self,
            "Workgroup",
            workgroup_name=name,
            namespace_name=name,
            base_capacity=base_capacity,
            publicly_accessible=False,
        )
        workgroup.add_resource_dependency(namespace)  # they know each other by name, which orders nothing
