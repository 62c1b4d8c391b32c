"""The resource types that templates may use; anything else is refused by name."""

from __future__ import annotations

from local_cloud.cloudformation.resource import ResourceType


def known() -> dict[str, ResourceType]:
    """All types by their CloudFormation name."""
    from local_cloud.cloudformation.types import (
        buckets,
        functions,
        learning,
        monitoring,
        roles,
        rules,
        secrets,
        tables,
        topics,
        warehouse,
    )

    modules = (buckets, functions, learning, monitoring, roles, rules, secrets, tables, topics, warehouse)
    return {kind.name: kind for module in modules for kind in module.TYPES}
