"""Stages that can be deployed, and when each of them unloads by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rightpack.layout import PipelineKind


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


SCHEDULES: Final = (
    UnloadSchedule(PipelineKind.TRAINING, "weekly", "0 3 ? * MON *"),
    UnloadSchedule(PipelineKind.INFERENCE, "daily", "0 5 * * ? *"),
    UnloadSchedule(PipelineKind.INFERENCE, "monthly", "0 6 1 * ? *"),
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What differs between stages. A default that is None must be given when the stage is deployed.

    Args:
        name: as in `config/<name>.toml` and in every resource name.
        notice_email: default of the parameter `NoticeEmail`.
        image: default of the parameter `Image`, the image of every job.
        schedules: unloads that start by themselves.
    """

    name: str
    notice_email: str | None = None
    image: str | None = None
    schedules: tuple[UnloadSchedule, ...] = SCHEDULES

    @property
    def platform_stack(self) -> str:
        """Name of the stack that rarely changes."""
        return f"rightpack-{self.name}-platform"

    @property
    def pipelines_stack(self) -> str:
        """Name of the stack that changes with the pipelines."""
        return f"rightpack-{self.name}-pipelines"


# The image is the one that runs on a laptop; in an account it is given by digest, e.g. by `--parameters Image=...`.
STAGES: Final = (Stage("dev", notice_email="team@example.com", image="rightpack-jobs:local"),)
