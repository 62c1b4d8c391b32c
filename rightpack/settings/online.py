"""Whether exported models come with what an endpoint needs."""

from __future__ import annotations

from dataclasses import dataclass

from rightpack.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Online:
    """For teams that serve online: with an `instance_type`, exports hold the requests for an endpoint configuration.

    Nothing is created: an endpoint costs money by the hour, and whoever wants one has rights of their own.
    """

    instance_type: str = ""
    instances: int = 1

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.instance_type and not self.instance_type.startswith("ml."):
            raise SettingsError(
                f"online.instance_type is {self.instance_type!r}; it is one of SageMaker's, ml.m5.large say."
            )
        if self.instances < 1:
            raise SettingsError(f"online.instances is {self.instances}; an endpoint has at least one.")
