"""Stages that can be deployed, read from `config/deployment.toml`, and the names of their stacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rightpack.deployment import Deployment, deployments
from rightpack.layout import PipelineKind, Stack, stack_name


@dataclass(frozen=True, slots=True)
class UnloadSchedule:
    """When a drop is unloaded without anybody asking; `cron` has EventBridge's six fields, in UTC."""

    pipeline: PipelineKind
    mode: str
    cron: str

    @property
    def name(self) -> str:
        """E.g. `training-weekly`."""
        return f"{self.pipeline.value}-{self.mode}"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage by name, as in `config/<name>.toml` and in every resource name, and how it is deployed."""

    name: str
    deployment: Deployment

    @property
    def schedules(self) -> tuple[UnloadSchedule, ...]:
        """Unloads that start by themselves."""
        crons = self.deployment.schedules.all
        return tuple(UnloadSchedule(kind, mode, cron) for (kind, mode), cron in crons.items() if cron)

    def stack(self, stack: Stack) -> str:
        """Name of one of its stacks."""
        return stack_name(self.name, stack)


STAGES: Final = tuple(Stage(name, deployment) for name, deployment in deployments().items())
