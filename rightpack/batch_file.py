"""What a batch file asks for: every combination of its settings, for each of its package types."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rightpack.errors import SettingsError
from rightpack.layout import checked_name
from rightpack.settings.building import nearest
from rightpack.settings.layers import merge

KEYS: Final = ("name", "package_types", "business_date", "drop", "sweep", "runs", "settings", "approve", "seeds")
NOTHING_APPROVED: Final[Mapping[str, Any]] = {"gate": {"criteria": []}}
MOST_RUNS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Variant:
    """One run to be: what is trained, and the settings that make it different."""

    package_type: str
    label: str
    settings: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """The same for equal variants."""
        text = json.dumps([self.package_type, self.settings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BatchFile:
    """What a batch's file asks for: every package type times every combination of `sweep` times every one of `runs`."""

    name: str
    package_types: tuple[str, ...]
    variants: tuple[Variant, ...]
    business_date: str = ""
    drop: str = ""

    @property
    def batch_id(self) -> str:
        """Name and digest of the content."""
        content = json.dumps([self.business_date, self.drop, [v.digest for v in self.variants]])
        return f"batch-{self.name}-{hashlib.sha256(content.encode()).hexdigest()[:8]}"

    @classmethod
    def read(cls, path: Path, *, trained: Sequence[str]) -> BatchFile:
        """Read a file; SettingsError names the key that cannot be used. `trained` is what there is to train."""
        if not path.exists():
            raise SettingsError(f"There is no file {path}.")
        try:
            raw = tomllib.loads(path.read_text())
        except ValueError as error:
            raise SettingsError(f"{path} is not TOML: {error}") from error
        unknown = sorted(set(raw) - set(KEYS))
        if unknown:
            raise SettingsError(f"{path}: unknown key {unknown[0]!r}.{nearest(unknown[0], KEYS)}")
        return cls.of(raw, name=path.stem, trained=trained)

    @classmethod
    def of(cls, raw: Mapping[str, Any], *, name: str, trained: Sequence[str]) -> BatchFile:
        """Make a batch from plain data."""
        types = tuple(raw.get("package_types", trained))
        for one in types:
            if one not in trained:
                raise SettingsError(f"package_types: {one!r} is not trained.{nearest(one, list(trained))}")
        base = merge({} if raw.get("approve") else NOTHING_APPROVED, raw.get("settings", {}))
        variants = tuple(
            Variant(package_type, label, merge(base, values))
            for package_type in types
            for label, values in _combinations(raw)
        )
        _check(variants)
        date = str(raw.get("business_date", ""))
        return cls(checked_name(raw.get("name", name)), types, variants, date, str(raw.get("drop", "")))


def _combinations(raw: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and settings of every combination; `seeds` = n is a sweep over `training.seed`."""
    sweep = dict(raw.get("sweep", {}))
    for key, values in sweep.items():
        if not isinstance(values, list) or not values:
            raise SettingsError(f"sweep.{key} must be a list that is not empty; quote keys with dots in them.")
    if raw.get("seeds"):
        sweep["training.seed"] = list(range(1, int(raw["seeds"]) + 1))
    alternatives = raw.get("runs") or [{}]
    asked = len(alternatives) * math.prod(len(values) for values in sweep.values())
    if asked > MOST_RUNS:
        raise SettingsError(f"The file asks for {asked} runs per package type; a batch has 1 to {MOST_RUNS}.")
    for number, own in enumerate(alternatives, start=1):
        for combination in itertools.product(*sweep.values()):
            chosen = dict(zip(sweep, combination, strict=True))
            label = ", ".join(f"{key.rpartition('.')[2]}={value}" for key, value in chosen.items())
            prefix = f"run {number}" if len(alternatives) > 1 else ""
            yield ", ".join(part for part in (prefix, label) if part) or "as it is", merge(own, _nested(chosen))


def _nested(chosen: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for dotted, value in chosen.items():
        *path, last = dotted.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return found


def _check(variants: Sequence[Variant]) -> None:
    if not variants or len(variants) > MOST_RUNS:
        raise SettingsError(f"The file asks for {len(variants)} runs; a batch has 1 to {MOST_RUNS}.")
    twice = [digest for digest, count in Counter(v.digest for v in variants).items() if count > 1]
    if twice:
        label = next(v.label for v in variants if v.digest == twice[0])
        raise SettingsError(f"The file asks for the same run twice: {label}.")
