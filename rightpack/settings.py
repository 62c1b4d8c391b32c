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
    units and no laboratory test the product stays unlabelled for that type. Damage of the newest `recent_days` is
    counted apart, and the gate compares it with what was known before.

    What suits a product suits it in every stronger type that it fits, and what does not suit does not in any weaker
    one: such labels, where a product has none of its own, weigh `propagated_weight` (0: there are none).

    Shops try a type on products for which it seems right. `packaging_labels.propensity` is the share of products that
    were tried, by the category and weight band of `gate.slicing`; a cell counts as if `propensity_prior` more products
    had the share of all. A label weighs the share of all over its propensity, at most `max_propensity_weight` and at
    least one over that; 1 leaves every weight at 1.
    """

    damage_limit: float = 0.02
    reporting_rate: float = 0.6
    prior_bad: float = 0.3
    prior_shipped: float = 15.0
    minimum_shipped: int = 8
    recent_days: int = 14
    propagated_weight: float = 0.25
    propensity_prior: float = 20.0
    max_propensity_weight: float = 1.0

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if not 0 <= self.propagated_weight <= 1:
            raise SettingsError(f"labels.propagated_weight is {self.propagated_weight}; it lies between 0 and 1.")
        if self.propensity_prior <= 0:
            raise SettingsError(f"labels.propensity_prior is {self.propensity_prior}; it must be above 0.")
        if self.max_propensity_weight < 1:
            raise SettingsError(f"labels.max_propensity_weight is {self.max_propensity_weight}; it is at least 1.")


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
    """One approval rule on a metric. `on_fail` is `reject`, or `hold`: then a person decides.

    `floor` and `ceiling` bound the value; `certain` forgives a value beyond them unless its whole interval is. On
    `max_drop` the candidate fails when its loss against the champion on the same rows is larger than that and the
    interval of the paired bootstrap at `confidence` rules out chance; on `max_stored_drop` likewise against what the
    champion measured when it was approved. With `slices` the rule holds for every slice instead of the whole; chance is
    then ruled out for all slices together.
    """

    metric: str
    floor: float | None = None
    ceiling: float | None = None
    max_drop: float | None = None
    max_stored_drop: float | None = None
    confidence: float = 0.95
    certain: bool = False
    slices: bool = False
    on_fail: str = "reject"

    def __post_init__(self) -> None:
        """Refuse a rule that could never fail, or not as meant."""
        bounds = (self.floor, self.ceiling, self.max_drop, self.max_stored_drop)
        if all(bound is None for bound in bounds):
            raise SettingsError(
                f"gate.criteria: {self.metric!r} sets no bound; give floor, ceiling, max_drop or max_stored_drop."
            )
        if self.on_fail not in {"reject", "hold"}:
            raise SettingsError(f"gate.criteria: on_fail of {self.metric!r} is reject or hold, not {self.on_fail!r}.")
        if not 0 < self.confidence < 1:
            raise SettingsError(f"gate.criteria: confidence of {self.metric!r} lies between 0 and 1.")
        if self.slices and self.max_stored_drop is not None:
            raise SettingsError(f"gate.criteria: {self.metric!r} is not stored by slice; leave out max_stored_drop.")


@dataclass(frozen=True, slots=True)
class Slicing:
    """Slices that a criterion may judge: category x weight band; `weight_edges` are where a new band begins, in grams.

    A slice with fewer validation rows, or fewer rows of either label, than the minimum is not judged.
    """

    category: str = "category"
    weight: str = "weight_g"
    weight_edges: tuple[float, ...] = (250.0, 1000.0, 5000.0)
    minimum_rows: int = 200
    minimum_of_each_label: int = 30


@dataclass(frozen=True, slots=True)
class Gate:
    """Approval rules; no criteria means that nothing is ever approved."""

    criteria: tuple[Criterion, ...] = ()
    bootstrap_rounds: int = 300
    slicing: Slicing = field(default_factory=Slicing)

    def __post_init__(self) -> None:
        """Each metric has one interval, on the whole and by slice."""
        seen: dict[tuple[str, bool], float] = {}
        for criterion in self.criteria:
            confidence = seen.setdefault((criterion.metric, criterion.slices), criterion.confidence)
            if confidence != criterion.confidence:
                raise SettingsError(f"gate.criteria: two rules on {criterion.metric!r} differ in confidence.")


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
class DriftLimits:
    """Limits of one column; a statistic that is None keeps the limit that all columns have."""

    psi: float | None = None
    jensen_shannon: float | None = None
    chi_square_p: float | None = None
    unseen_share: float | None = None
    null_share: float | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the products may move away from a model's baseline before people are told and a training is asked for.

    A column has drifted where `psi` or `jensen_shannon` is past its limit and chance is ruled out (the p-value of the
    chi-square test is below `chi_square_p`), where more than `unseen_share` of its categories are new, or where its
    share of missing values has changed by more than `null_share`. `row_ratio` bounds how much larger or smaller the
    whole catalogue may be. Drops of single days are compared from `minimum_rows` products on.

    `against` is `catalogue` (the last whole catalogue before the model was trained) or `training` (the labelled rows it
    learned from; right only where labels are a fair sample of the products).
    """

    psi: float = 0.1
    jensen_shannon: float = 0.025
    chi_square_p: float = 0.001
    unseen_share: float = 0.01
    null_share: float = 0.02
    row_ratio: float = 1.3
    minimum_rows: int = 1000
    cool_down_days: int = 7
    against: str = "catalogue"
    columns: dict[str, DriftLimits] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what types alone cannot say."""
        if self.against not in {"catalogue", "training"}:
            raise SettingsError(f"drift.against is {self.against!r}; known are 'catalogue' and 'training'.")
        if self.row_ratio < 1:
            raise SettingsError(f"drift.row_ratio is {self.row_ratio}; it must be at least 1.")

    def limit(self, statistic: str, column: str) -> float:
        """Limit of a statistic, e.g. `psi`, for one column."""
        own = getattr(self.columns.get(column, DriftLimits()), statistic)
        return float(getattr(self, statistic) if own is None else own)


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
    drift: Drift = field(default_factory=Drift)
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
