"""How runs are launched: how many at once, how long to wait for machines, on which machines."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Self

from rightpack.errors import SettingsError
from rightpack.settings.building import build


@dataclass(frozen=True, slots=True)
class Launching:
    """Policy of launches and retries; a run keeps the policy that it was launched under.

    At most `concurrent` executions of the stage run at a time, of which batches leave `reserved` to scheduled runs; the
    others wait in the ledger. What fails for a reason that may pass is tried again after `first_wait_seconds`, then
    `backoff` times longer each time, at most `longest_wait_seconds`: for `give_up_hours` where machines, quotas or the
    service's rate are short, else `retries` times. A service that says nothing of a failed machine counts as the
    latter. Where there is no machine of a type, the run goes on with the next of `processing_instances` and
    `training_instances`; the first of each is what the pipelines take by themselves. An outcome that was not told
    within `notice_lease_seconds` is told again.
    """

    concurrent: int = 20
    reserved: int = 4
    retries: int = 3
    first_wait_seconds: float = 60.0
    backoff: float = 2.0
    longest_wait_seconds: float = 1800.0
    give_up_hours: float = 24.0
    notice_lease_seconds: float = 300.0
    processing_instances: tuple[str, ...] = ("ml.m5.xlarge", "ml.m5.2xlarge", "ml.c5.2xlarge")
    training_instances: tuple[str, ...] = ("ml.m5.2xlarge", "ml.m5.4xlarge", "ml.c5.4xlarge")

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if not 0 <= self.reserved < self.concurrent:
            raise SettingsError(
                f"launching.reserved is {self.reserved}; it lies between 0 and launching.concurrent - 1, "
                f"{self.concurrent - 1}, or batches would never start."
            )
        if self.retries < 0 or self.first_wait_seconds < 0 or self.give_up_hours < 0 or self.backoff < 1:
            raise SettingsError("launching: retries and waits cannot be negative, and backoff is at least 1.")
        if not self.processing_instances or not self.training_instances:
            raise SettingsError("launching: name at least one processing and one training instance type.")

    def wait_seconds(self, tries: int) -> float:
        """Seconds to wait after `tries` earlier ones."""
        return min(self.longest_wait_seconds, self.first_wait_seconds * self.backoff ** min(tries, 64))

    def instances(self, fallback: int) -> dict[str, str]:
        """Pipeline parameters that name the instance types of the `fallback`-th choice; none for the first."""
        if not fallback:
            return {}
        kinds = {"ProcessingInstanceType": self.processing_instances, "TrainingInstanceType": self.training_instances}
        return {name: types[min(fallback, len(types) - 1)] for name, types in kinds.items()}

    @property
    def fallbacks(self) -> int:
        """How many choices there are after the first."""
        return max(len(self.processing_instances), len(self.training_instances)) - 1

    def to_json(self) -> str:
        """Text that a run's record keeps."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a record's policy; the defaults where a record is older than policies."""
        return build(cls, json.loads(text)) if text else cls()
