"""How far the damage model may decide: kept beside it as `policy.json`, read by the recommendation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Self

from processing.artefact import POLICY
from processing.decisions import Trust
from rightpack.errors import InternalError
from rightpack.packaging import PackageType


@dataclass(frozen=True, slots=True)
class LearnedPolicy:
    """What held-out tests support.

    `caution` multiplies estimated damage, `trusted` says whether the model surely saves anything against the baseline,
    `saving` is how much per shipment, with its standard `error` (None: not known), by so many `tests`. `versions` are
    the package types that the model knows, in the order of protection, and as what they were made then.
    """

    caution: float
    trusted: bool
    saving: float
    error: float | None
    tests: int
    versions: Mapping[str, int]

    @classmethod
    def of(cls, trust: Trust, types: Sequence[PackageType]) -> Self:
        """From the evidence on a model of `types`."""
        worth, policy = trust.worth, trust.policy
        error = float(worth.error) if isfinite(worth.error) else None
        versions = {t.name: t.version for t in types}
        return cls(float(policy.caution), bool(policy.trusted), float(worth.saving), error, int(worth.tests), versions)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def save(self, folder: Path) -> None:
        """Write `policy.json`."""
        (folder / POLICY).write_text(json.dumps(self.to_dict(), indent=1))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `policy.json`; InternalError if it is something else."""
        try:
            found = cls(**json.loads((folder / POLICY).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise InternalError(f"{folder.name}/{POLICY} is not the policy of a damage model: {error!r}") from error
        if not (found.caution > 0 and found.versions):
            raise InternalError(f"{folder.name}/{POLICY} has no caution or no package types.")
        return found
