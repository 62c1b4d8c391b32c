"""Monitor: have the products moved away from what the approved models were trained on? Report, metric, retraining.

It runs beside the scoring, and a failed step would keep the recommendations from being loaded. So drift never fails
it, nor does a service that it needs and nobody else: what could not be compared or asked for stands in the report.
Only measures in other units than before fail it: recommendations from them are all wrong.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from processing.artefact import Entry, read_index
from processing.baselines import Baseline, Baselines
from processing.defence.units import mistaken_unit
from processing.failures import translated
from processing.job import Job, Record, manifest_of, parse_arguments, run_step
from processing.reports.drift import drift_page
from processing.statistics.drift import compare
from rightpack.drift import Verdict, decide
from rightpack.errors import ContractError, RightpackError
from rightpack.layout import Metric
from rightpack.metrics import Metrics
from rightpack.registry import ModelPackage, Registry
from rightpack.retraining import Request, Retraining
from rightpack.settings import Drift, Settings

log = logging.getLogger(__name__)
WHOLE: Final = "monthly"  # the mode whose drops hold the whole catalogue
TROUBLE: Final = (RightpackError, BotoCoreError, ClientError)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the pipeline tells this step."""

    run_id: str
    business_date: str
    mode: str


@dataclass(frozen=True, slots=True)
class Look:
    """One model: its baseline, the verdict, whether a training was asked for; a note says why not."""

    entry: Entry
    baseline: Baseline | None = None
    verdict: Verdict | None = None
    note: str = ""
    requested: bool = False
    mistake: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `drift.json`."""
        baseline = self.baseline and {"uri": self.baseline.uri, "business_date": self.baseline.business_date}
        verdict = (self.verdict or Verdict(())).to_dict()
        own = {"package_type": self.entry.package_type, "model_version": self.entry.model_version}
        judged = {"compared": self.verdict is not None, "note": self.note, "requested": self.requested}
        return {**own, "baseline": baseline, **judged, **verdict}


@dataclass(frozen=True, slots=True)
class Monitor:
    """Looks at one drop on behalf of all models."""

    job: Job
    arguments: Arguments
    settings: Settings
    profile: Mapping[str, Any]
    baselines: Baselines

    @property
    def limits(self) -> Drift:
        """When products have moved away."""
        return self.settings.drift

    def look(self, entry: Entry) -> Look:
        """Compare, measure, ask for a training; a service in trouble ends it early with a note."""
        seen = Look(entry)
        try:
            seen = self._compare(entry)
            if seen.verdict is not None:
                self._emit(entry.package_type, seen.verdict)
                seen = self._react(seen, seen.verdict)
        except TROUBLE as error:
            log.warning("Drift of %s could not be dealt with", entry.package_type, exc_info=error)
            seen = replace(seen, note=str(translated(error)))
        return seen

    def keep(self) -> str:
        """Keep the profile of a whole catalogue as a later baseline; a note if that was not possible."""
        try:
            if self.arguments.mode == WHOLE:
                self.baselines.keep(self.profile)
        except TROUBLE as error:
            log.warning("The profile of this catalogue could not be kept", exc_info=error)
            return f"The profile of this catalogue could not be kept as a baseline: {translated(error)}"
        return ""

    def _compare(self, entry: Entry) -> Look:
        products, least = self.profile["products"], self.limits.minimum_rows
        if self.arguments.mode != WHOLE and products < least:
            return Look(entry, note=f"{products:,} products are too few to compare; {least:,} are needed.")
        package = Registry(self.job.client("sagemaker")).describe(str(entry.model_version))
        baseline = self._baseline(package)
        if baseline is None:
            return Look(entry, note=NOTHING_YET[self.limits.against])
        mistake = mistaken_unit(baseline.columns, self.profile["columns"])
        if mistake and self.settings.defence.units_as_before:
            return Look(entry, baseline, note=f"Compared with {baseline.business_date}, {mistake}", mistake=mistake)
        whole = self.arguments.mode == WHOLE and baseline.products
        evidence = compare(baseline.columns, self.profile["columns"], row_ratio=products / whole if whole else None)
        return Look(entry, baseline, decide(evidence, self.limits))

    def _baseline(self, package: ModelPackage) -> Baseline | None:
        own = self.limits.against == "training"
        return self.baselines.training(package) if own else self.baselines.catalogue(package)

    def _emit(self, package_type: str, verdict: Verdict) -> None:
        values = {Metric.FEATURE_DRIFT: float(len(verdict.drifted))}
        Metrics(self.job.client("cloudwatch"), self.job.layout.stage).put(values, PackageType=package_type)

    def _react(self, seen: Look, verdict: Verdict) -> Look:
        if not verdict.retrain:
            return seen
        date = dt.date.fromisoformat(self.arguments.business_date)
        request = Request(seen.entry.package_type, date, self.arguments.run_id, verdict.reason)
        retraining = Retraining(self.job.client("s3"), self.job.client("lambda"), self.job.layout)
        if retraining.ask(request, self.limits.cool_down_days):
            return replace(seen, requested=True)
        return replace(seen, note=f"A training was asked for within the last {self.limits.cool_down_days} days.")


NOTHING_YET: Final = {
    "catalogue": "There is no earlier whole catalogue to compare with.",
    "training": "This model was registered without the profile of its training rows.",
}


def run(job: Job, arguments: Arguments) -> None:
    """Look at the drop for every model of the bundle; write output `drift`.

    Raises:
        ContractError: the products are measured in another unit than those of a baseline.
    """
    record = Record("Monitor")
    settings = job.settings(job.input("config"))
    folder = record.checked(manifest_of(job.input("profile")), "profile", job.input("profile"))
    profile = json.loads((folder / "profile.json").read_text())
    bundle = record.checked(manifest_of(job.input("bundle")), "bundle", job.input("bundle"))
    models, _ = read_index(bundle)
    monitor = Monitor(job, arguments, settings, profile, Baselines(job.client("s3"), job.layout))
    looks = [monitor.look(entry) for entry in models]
    _write(job, record, monitor, looks)
    mistaken = next((look for look in looks if look.mistake), None)
    if mistaken is not None:
        raise ContractError(f"{mistaken.note} If the values are right, set defence.units_as_before = false.")


def _write(job: Job, record: Record, monitor: Monitor, looks: Sequence[Look]) -> None:
    folder = job.output("drift")
    facts = {
        "version": 1,
        **asdict(monitor.arguments),
        "products": monitor.profile["products"],
        "against": monitor.limits.against,
        "note": "" if any(look.mistake for look in looks) else monitor.keep(),
        "package_types": [look.to_dict() for look in looks],
    }
    (folder / "drift.json").write_text(json.dumps(facts, indent=1))
    (folder / "report.html").write_text(drift_page(facts))
    record.wrote("drift", folder)
    record.save(folder)


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "monitor")))


if __name__ == "__main__":
    sys.exit(main())
