"""Batches: thousands of training runs from one file, queued at once and started as slots become free.

A batch trains on drops that exist already, so its runs share their prepared data through the step cache. Its runs are
records in the ledger like any other; their ids follow from the file, so the same file submitted again adds what is
missing and nothing else. Whether a candidate of a batch may be approved is the file's decision; by default none is.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
import math
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rightpack.errors import SettingsError
from rightpack.layout import checked_name
from rightpack.ledger import BATCHES, TERMINAL, Ledger, Run, RunState, stamp
from rightpack.notices import BATCH
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


@dataclass(frozen=True, slots=True)
class Totals:
    """How a batch stands."""

    expected: int
    states: Mapping[str, int] = field(default_factory=dict)

    @property
    def submitted(self) -> int:
        """How many of its runs are in the ledger."""
        return sum(self.states.values())

    @property
    def ended(self) -> int:
        """How many of them will not change any more."""
        return sum(self.states.get(state, 0) for state in TERMINAL)

    def words(self) -> str:
        """One line."""
        counts = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return f"{self.submitted} of {self.expected} runs: {counts or 'none'}"


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a stage in its ledger."""

    ledger: Ledger
    now: Callable[[], dt.datetime]

    def open(self, file: BatchFile) -> Run:
        """Record a batch, or find it recorded."""
        moment = stamp(self.now())
        record = Run(
            run_id=file.batch_id,
            pipeline=BATCH,
            state=RunState.IN_PROGRESS,
            created_at=moment,
            updated_at=moment,
            business_date=file.business_date,
            variant=file.name,
            parameters=json.dumps({"expected": len(file.variants)}),
            queue=BATCHES,
        )
        return self.ledger.claim(record)

    def member(self, batch: Run, variant: Variant, planned: Run) -> Run:
        """The run of one variant: `planned` as its trigger would start it, with an id and a token of its own."""
        digest = hashlib.sha256(f"{batch.run_id}\n{variant.digest}".encode()).hexdigest()
        run_id = f"{planned.pipeline}-{planned.business_date}-{digest[:12]}"
        parameters = json.dumps({**json.loads(planned.parameters), "RunId": run_id})
        member = replace(
            planned, run_id=run_id, token=digest, parameters=parameters, batch=batch.run_id, variant=variant.label
        )
        return replace(member, queue=member.waiting)

    def close(self) -> list[str]:
        """End every batch whose runs have all ended; return their ids."""
        return [batch.run_id for batch in self.ledger.queued(BATCHES) if self._close(batch)]

    def cancel(self, batch_id: str, *, who: str) -> tuple[Run, list[Run]]:
        """Stop what has not started, end the batch, and return it with its runs that are still in flight."""
        batch = self.ledger.get(batch_id)
        now = self.now()
        reason = f"The batch was cancelled by {who}."
        for run in self.ledger.of_batch(batch_id):
            if run.state is RunState.NEW:
                self.ledger.finish(run.run_id, RunState.STOPPED, reason=reason, now=now, who=who)
        flying = [run for run in self.ledger.of_batch(batch_id) if run.open]
        words = f"{reason} {self.totals(batch).words()}"
        self.ledger.finish(batch_id, RunState.STOPPED, reason=words, now=now, who=who)
        return self.ledger.get(batch_id), flying

    def totals(self, batch: Run) -> Totals:
        """How many runs of a batch are in which state."""
        expected = int(json.loads(batch.parameters)["expected"])
        return Totals(expected, dict(Counter(map(str, self.ledger.states_of_batch(batch.run_id)))))

    def _close(self, batch: Run) -> bool:
        if self.ledger.queued(f"new/{batch.run_id}", limit=1):
            return False
        totals = self.totals(batch)
        if totals.ended < totals.expected:
            return False
        runs = self.ledger.of_batch(batch.run_id)
        seconds = sum(run.instance_seconds for run in runs)
        retries = sum(run.retries + run.relaunches for run in runs)
        reason = f"{totals.words()}; {retries} retries, {seconds:,.0f} instance-seconds."
        return self.ledger.finish(batch.run_id, RunState.COMPLETED, reason=reason, now=self.now())


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
