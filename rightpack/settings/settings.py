"""All sections together, resolved once at the edge and passed in."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from rightpack.errors import SettingsError
from rightpack.layout import checked_name
from rightpack.packaging import EVERY_TYPE, PackageType
from rightpack.settings.approval import Gate
from rightpack.settings.building import build, nearest
from rightpack.settings.damage import DamageModel
from rightpack.settings.defence import Defence
from rightpack.settings.drifting import Drift
from rightpack.settings.launching import Launching
from rightpack.settings.layers import Layer, Layered, overlay, read_toml
from rightpack.settings.learning import Features, Labels, Split, Training
from rightpack.settings.online import Online
from rightpack.settings.serving import Inference, Recommendation, Warehouse
from rightpack.settings.steps import Steps
from rightpack.settings.topics import Topics

TAKEN: Final = {EVERY_TYPE: "the joint damage model is", "topics": "the topic model of all products is"}
CONFIG_FOLDER: Final = Path(__file__).resolve().parents[2] / "config"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a team may decide about one stage."""

    version: int
    stage: str
    package_types: tuple[PackageType, ...]
    features: Features
    labels: Labels = field(default_factory=Labels)
    split: Split = field(default_factory=Split)
    training: Training = field(default_factory=Training)
    topics: Topics = field(default_factory=Topics)
    steps: Steps = field(default_factory=Steps)
    damage_model: DamageModel = field(default_factory=DamageModel)
    gate: Gate = field(default_factory=Gate)
    inference: Inference = field(default_factory=Inference)
    recommendation: Recommendation = field(default_factory=Recommendation)
    drift: Drift = field(default_factory=Drift)
    defence: Defence = field(default_factory=Defence)
    warehouse: Warehouse = field(default_factory=Warehouse)
    launching: Launching = field(default_factory=Launching)
    online: Online = field(default_factory=Online)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.version != 1:
            raise SettingsError(f"Settings version {self.version} is not known; this release reads version 1.")
        checked_name(self.stage)
        ranks = [t.rank for t in self.package_types]
        if len(set(ranks)) != len(ranks):
            raise SettingsError("Two package types share a protection rank; ranks order them and must differ.")
        for package_type in self.package_types:
            checked_name(package_type.name)
            if package_type.name in TAKEN:
                raise SettingsError(
                    f"A package type cannot be called {package_type.name!r}: {TAKEN[package_type.name]}."
                )

    @property
    def by_protection(self) -> tuple[PackageType, ...]:
        """All package types, from least to most protective."""
        return tuple(sorted(self.package_types, key=lambda t: t.rank))

    @property
    def trained_types(self) -> tuple[PackageType, ...]:
        """Package types that have a model of their own."""
        return tuple(t for t in self.package_types if t.trained)

    @property
    def targets(self) -> tuple[str, ...]:
        """What is trained: each trained package type, and the joint damage model where it is enabled."""
        joint = (EVERY_TYPE,) if self.damage_model.enabled else ()
        return (*(t.name for t in self.trained_types), *joint)

    def target(self, name: str) -> str:
        """`name` if it is trained, a package type's or the joint model's; SettingsError if not."""
        if name == EVERY_TYPE and not self.damage_model.enabled:
            raise SettingsError(
                f"{EVERY_TYPE!r} is not trained; set damage_model.enabled = true, or send no drop for it."
            )
        if name != EVERY_TYPE and not self.package_type(name).trained:
            raise SettingsError(
                f"Package type {name!r} is not trained; set trained = true or send no training drop for it."
            )
        return name

    def gate_of(self, target: str) -> Gate:
        """The gate with the criteria of one target."""
        joint = target == EVERY_TYPE
        return dataclasses.replace(self.gate, criteria=self.damage_model.criteria) if joint else self.gate

    def package_type(self, name: str) -> PackageType:
        """The package type called `name`; SettingsError with the nearest name if there is none."""
        for package_type in self.package_types:
            if package_type.name == name:
                return package_type
        raise SettingsError(f"No package type {name!r}.{nearest(name, [t.name for t in self.package_types])}")

    def to_json(self) -> str:
        """Canonical text; the same settings give the same text."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, indent=1)

    @property
    def digest(self) -> str:
        """Sha256 of the canonical text."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read resolved settings."""
        return build(cls, json.loads(text))

    @classmethod
    def load(
        cls, stage: str, overrides: Sequence[Mapping[str, Any] | Layer] = (), folder: Path = CONFIG_FOLDER
    ) -> Self:
        """Merge `base.toml`, `<stage>.toml` if there is one, and `overrides` in order."""
        return cls.of(stage_layers(stage, overrides, folder))

    @classmethod
    def of(cls, layered: Layered) -> Self:
        """Build from layers; SettingsError names the key and the layer that it came from."""
        return build(cls, _types_as_list(layered.values), origin=layered.origin)


def stage_layers(
    stage: str, overrides: Sequence[Mapping[str, Any] | Layer] = (), folder: Path = CONFIG_FOLDER
) -> Layered:
    """Lay `overrides` over a stage's own files; overrides that are no `Layer` are those of a trigger."""
    files = [folder / "base.toml", folder / f"{checked_name(stage)}.toml"]
    layers = [Layer(file.name, read_toml(file)) for file in files if file is files[0] or file.exists()]
    layers += [over if isinstance(over, Layer) else Layer("the trigger's settings", over) for over in overrides]
    return overlay([*layers, Layer("--stage", {"stage": stage})])


def _types_as_list(merged: dict[str, Any]) -> dict[str, Any]:
    """Package types are a table by name in TOML, so that layers can change one of them."""
    by_name = merged.get("package_types")
    if not isinstance(by_name, Mapping) or not all(isinstance(values, Mapping) for values in by_name.values()):
        return merged
    rows = [{"name": name, **values} for name, values in by_name.items()]
    return {**merged, "package_types": sorted(rows, key=lambda row: (_rank(row), row["name"]))}


def _rank(row: Mapping[str, Any]) -> float:
    """The rank to order by; one that is no number is refused later, by its type."""
    rank = row.get("rank", 0)
    return rank if isinstance(rank, int | float) else 0
