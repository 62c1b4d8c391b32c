"""What is deployed where: `config/deployment.toml`, one table per stage, for the templates and whoever checks them.

It is no part of `Settings`: those travel with every run and decide what is cached, and a schedule must not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rightpack.errors import SettingsError
from rightpack.layout import PipelineKind, checked_name
from rightpack.settings.building import build, nearest
from rightpack.settings.layers import read_toml

DEPLOYMENT_FILE: Final = Path(__file__).resolve().parents[1] / "config" / "deployment.toml"
CRON: Final = re.compile(r"\S+( \S+){5}")


@dataclass(frozen=True, slots=True)
class Schedules:
    """When drops are unloaded without anybody asking, in EventBridge's six fields and in UTC; empty means never."""

    training_weekly: str = "0 3 ? * MON *"
    inference_daily: str = "0 5 * * ? *"
    inference_monthly: str = "0 6 1 * ? *"
    topics_monthly: str = "0 7 3 * ? *"  # when the whole catalogue has been scored, and looked at

    def __post_init__(self) -> None:
        """Catch the five fields that everything but EventBridge takes."""
        for (kind, mode), cron in self.all.items():
            if cron and not CRON.fullmatch(cron):
                raise SettingsError(f"{kind.value}_{mode} = {cron!r} must have six fields, e.g. '0 5 * * ? *'.")

    @property
    def all(self) -> dict[tuple[PipelineKind, str], str]:
        """Cron expressions by pipeline and mode."""
        return {
            (PipelineKind.TRAINING, "weekly"): self.training_weekly,
            (PipelineKind.INFERENCE, "daily"): self.inference_daily,
            (PipelineKind.INFERENCE, "monthly"): self.inference_monthly,
            (PipelineKind.TOPICS, "monthly"): self.topics_monthly,
        }


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stage as it is deployed.

    Args:
        notice_email: default of the parameter `NoticeEmail`; empty means that it must be given.
        image: default of the parameter `Image`; empty means that it must be given.
        warehouse: `create` makes a Redshift Serverless workgroup, `import` takes the one that the settings name.
        base_capacity: RPUs of a workgroup that is created.
        promotes_to: the stage that may take this one's approved models; empty for the last.
        protected: whether its stacks refuse to be deleted.
        schedules: unloads that start by themselves.
    """

    notice_email: str = ""
    image: str = ""
    warehouse: str = "create"
    base_capacity: int = 8
    promotes_to: str = ""
    protected: bool = False
    schedules: Schedules = field(default_factory=Schedules)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.warehouse not in ("create", "import"):
            raise SettingsError(f"warehouse = {self.warehouse!r} must be 'create' or 'import'.")
        if self.base_capacity < 8 or self.base_capacity % 8:
            raise SettingsError(f"base_capacity = {self.base_capacity} must be 8 RPUs or a multiple of them.")


def deployments(path: Path = DEPLOYMENT_FILE) -> dict[str, Deployment]:
    """All stages in order; SettingsError names the key that is wrong."""
    found = {checked_name(name): _built(name, table, path) for name, table in read_toml(path).items()}
    for name, deployment in found.items():
        if deployment.promotes_to and deployment.promotes_to not in found:
            raise SettingsError(
                f"{path.name} [{name}]: no stage {deployment.promotes_to!r}.{nearest(deployment.promotes_to, [*found])}"
            )
    return found


def _built(name: str, table: object, path: Path) -> Deployment:
    return build(Deployment, table, origin=lambda _key: f"{path.name} [{name}]")


def deployment_of(stage: str, path: Path = DEPLOYMENT_FILE) -> Deployment:
    """One stage as it is deployed; SettingsError names the stages that there are."""
    found = deployments(path)
    if stage not in found:
        raise SettingsError(f"{path.name} has no stage {stage!r}.{nearest(stage, [*found])}")
    return found[stage]
