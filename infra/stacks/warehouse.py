"""The way into Redshift: the role of COPY and UNLOAD, and the workgroup where the stage has one of its own."""

from __future__ import annotations

from constructs import Construct

from infra.constructs.service_role import ServiceRole, service
from infra.constructs.workgroup import Workgroup
from infra.permissions import roles as permissions
from infra.stacks.stage_stack import StageStack
from infra.stages import Stage
from rightpack.layout import Stack
from rightpack.settings import Settings


class WarehouseStack(StageStack):
    """The role, and a workgroup with its namespace unless one is imported.

    Tables and grants are no resources: `rightpack migrate` makes them through the Data API, as often as one likes. An
    imported namespace gets the role by hand (see `docs/operate.md`); `rightpack doctor` says whether it has.
    """

    def __init__(self, scope: Construct, stage: Stage, settings: Settings) -> None:
        super().__init__(scope, stage, Stack.WAREHOUSE, description="access to Redshift")
        name = self.arns.layout.named("warehouse")
        role = ServiceRole(
            self,
            "Role",
            name=name,
            trusted=[service("redshift"), service("redshift-serverless")],
            statements=permissions.warehouse(self.arns),
        )
        if stage.deployment.warehouse == "create":
            Workgroup(
                self,
                "Workgroup",
                name=settings.warehouse.workgroup or self.arns.layout.workgroup,
                database=settings.warehouse.database,
                base_capacity=stage.deployment.base_capacity,
                role=role,
            )
