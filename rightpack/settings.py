"""Settings: layered TOML, later layers win, unknown keys are errors. Read once at the edge and passed in.

`base.toml` < `<stage>.toml` < overrides of a trigger or the command line. Jobs receive the resolved settings as JSON.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from rightpack.errors import SettingsError
from rightpack.layout import checked_name
from rightpack.packaging import PackageType

T = typing.TypeVar("T")
CONFIG_FOLDER: Final = Path(__file__).resolve().parent.parent / "config"


@dataclass(frozen=True, slots=True)
class Features:
    """Columns that models see. `derived` maps a new numeric column to an arithmetic expression over numeric ones.

    `carried` columns are kept in the warehouse for people, and no model sees them.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    derived: dict[str, str] = field(default_factory=dict)
    text_buckets: int = 64
    carried: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[str, ...]:
        """Columns that must be in the data, in a fixed order."""
        return (*self.numeric, *self.categorical, *self.text)


@dataclass(frozen=True, slots=True)
class Split:
    """How labelled rows are divided: by a stable hash of the product id, or the newest weeks (`holdout_weeks` > 0)."""

    validation_share: float = 0.2
    salt: str = "rightpack"
    holdout_weeks: int = 0


@dataclass(frozen=True, slots=True)
class Labels:
    """When feedback says that a product suits a type: posterior damage rate at most `damage_limit`.

    The posterior is `(bad / reporting_rate + prior_bad) / (shipped + prior_shipped)`; with fewer than `minimum_shipped`
    units and no laboratory test the product stays unlabelled for that type.
    """

    damage_limit: float = 0.02
    reporting_rate: float = 0.6
    prior_bad: float = 0.3
    prior_shipped: float = 15.0
    minimum_shipped: int = 8


@dataclass(frozen=True, slots=True)
class Training:
    """Which architecture learns, with which parameters; `threads` 0 means one per core."""

    architecture: str = "lightgbm"
    parameters: dict[str, Any] = field(default_factory=dict)
    seed: int = 7
    threads: int = 0
    minimum_rows: int = 50


@dataclass(frozen=True, slots=True)
class Criterion:
    """One approval rule on a metric: an absolute bound, and how much worse than the champion it may be.

    `floor` and `ceiling` bound the point value. The candidate fails on `max_drop` when its loss against the champion on
    the same rows is larger than that and the interval of the paired bootstrap at `confidence` rules out chance.
    """

    metric: str
    floor: float | None = None
    ceiling: float | None = None
    max_drop: float | None = None
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Gate:
    """Approval rules; no criteria means that nothing is ever approved."""

    criteria: tuple[Criterion, ...] = ()
    bootstrap_rounds: int = 300


@dataclass(frozen=True, slots=True)
class Inference:
    """Shape of the files that are scored: at most this many rows and about this many bytes in one request."""

    rows_per_file: int = 100_000
    megabytes_per_file: float = 5.0


@dataclass(frozen=True, slots=True)
class Recommendation:
    """Which rule picks a package: `threshold` (least protective type that is good enough) or `expected-cost`."""

    rule: str = "threshold"
    threshold: float = 0.85
    damage_cost_cap: float = 500.0
    damage_cost_fixed: float = 6.0


@dataclass(frozen=True, slots=True)
class Warehouse:
    """How Redshift is reached: `data-api` or `redshift-connector`; names default to the stage's own."""

    workgroup: str = ""
    database: str = "rightpack"
    schema: str = "packaging"
    transport: str = "data-api"


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
    gate: Gate = field(default_factory=Gate)
    inference: Inference = field(default_factory=Inference)
    recommendation: Recommendation = field(default_factory=Recommendation)
    warehouse: Warehouse = field(default_factory=Warehouse)

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

    @property
    def trained_types(self) -> tuple[PackageType, ...]:
        """Package types that have a model of their own."""
        return tuple(t for t in self.package_types if t.trained)

    def package_type(self, name: str) -> PackageType:
        """The package type called `name`; SettingsError with the nearest name if there is none."""
        for package_type in self.package_types:
            if package_type.name == name:
                return package_type
        raise SettingsError(f"No package type {name!r}.{_nearest(name, [t.name for t in self.package_types])}")

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
    def load(cls, stage: str, overrides: Sequence[Mapping[str, Any]] = (), folder: Path = CONFIG_FOLDER) -> Self:
        """Merge `base.toml`, `<stage>.toml` if there is one, and `overrides` in order."""
        layers: list[Mapping[str, Any]] = [read_toml(folder / "base.toml")]
        own = folder / f"{checked_name(stage)}.toml"
        if own.exists():
            layers.append(read_toml(own))
        merged: dict[str, Any] = {}
        for layer in (*layers, *overrides, {"stage": stage}):
            merged = merge(merged, layer)
        return build(cls, _types_as_list(merged))


def read_toml(path: Path) -> dict[str, Any]:
    """Read one layer; SettingsError names the file."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path.name}: {error}") from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, anything else is replaced; `key = "!remove"` drops a key of an earlier layer."""
    merged = dict(base)
    for key, value in over.items():
        if value == "!remove":
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = dict(value) if isinstance(value, Mapping) else value
    return merged


def _types_as_list(merged: dict[str, Any]) -> dict[str, Any]:
    """Package types are a table by name in TOML, so that layers can change one of them."""
    by_name = merged.get("package_types")
    if isinstance(by_name, Mapping):
        rows = [{"name": name, **values} for name, values in by_name.items()]
        merged["package_types"] = sorted(rows, key=lambda row: (row.get("rank", 0), row["name"]))
    return merged


def build(cls: type[T], raw: object, path: str = "") -> T:
    """Make the dataclass `cls` from plain data; SettingsError names the key that is unknown, missing or mistyped."""
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{path or 'settings'} must be a table, not {raw!r}.")
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in raw:
        if key not in names:
            raise SettingsError(f"Unknown key {_dotted(path, key)!r}.{_nearest(key, names)}")
    values = {key: _convert(hints[key], value, _dotted(path, key)) for key, value in raw.items()}
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"{path or 'settings'}: {error}") from error


def _dotted(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _nearest(key: str, names: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, names, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known are: {', '.join(sorted(names))}."


def _convert(hint: Any, value: object, path: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return None if value is None else _convert(arguments[0], value, path)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise SettingsError(f"{path} must be a list, not {value!r}.")
        return tuple(_convert(arguments[0], item, f"{path}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{path} must be a table, not {value!r}.")
        return {str(key): _convert(arguments[1], item, _dotted(path, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        return build(hint, value, path)  # type: ignore[arg-type]
    return _scalar(hint, value, path)


def _scalar(hint: Any, value: object, path: str) -> Any:
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise SettingsError(f"{path} must be {hint.__name__}, not {value!r}.")
    return value
