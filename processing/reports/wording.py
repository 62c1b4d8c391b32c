"""Metrics and failed checks in words for people who do not know the metrics."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from rightpack.packaging import EVERY_TYPE


@dataclass(frozen=True, slots=True)
class Words:
    """A metric's name for people, and what it means."""

    name: str
    meaning: str


METRIC_WORDS: Final[Mapping[str, Words]] = {
    "roc_auc": Words("Tells suitable from unsuitable (ROC-AUC)", "1 is perfect, .5 is guessing"),
    "pr_auc_unsuitable": Words("Finds unsuitable products (PR-AUC)", "higher is better; their share is guessing"),
    "brier": Words("Error of the probabilities (Brier score)", "lower is better"),
    "log_loss": Words("Surprise at the labels (log loss)", "lower is better"),
    "calibration_error": Words("Probabilities that are off (calibration error)", "0: a score means what it says"),
    "deviance": Words("Error of the damage rates (deviance)", "lower is better"),
    "label_shift": Words("Shift of the labels", "change of the share of suitable ones since the last approved model"),
    "rows_ratio": Words("Amount of labels", "training rows by those of the last approved model"),
    "damage_ratio": Words("Reported damage", "lately, by what earlier shipments lead to expect; 1 is as before"),
    "feature_drift": Words(
        "Shift of the products", "largest PSI of a column since the last approved model learned; .1 is much"
    ),
    "cost_saving": Words("Saving", "per product, against the baseline's package type"),
    "tests": Words("Laboratory tests", "of products that it has not learned from"),
}
GOOD_HIGH: Final = frozenset({"roc_auc", "pr_auc_unsuitable", "cost_saving", "rows_ratio"})

# By metric and kind of check: why the model is not approved, as the end of "Rejected: ...".
_REASONS: Final[Mapping[tuple[str, str], str]] = {
    ("roc_auc", "floor"): "it can hardly tell suitable products from unsuitable ones",
    ("roc_auc", "last"): "it tells suitable products from unsuitable ones worse than the model in use",
    ("roc_auc", "approval"): "it is worse than the model in use was when it was approved",
    ("pr_auc_unsuitable", "floor"): "it misses too many unsuitable products",
    ("pr_auc_unsuitable", "last"): "it misses more unsuitable products than the model in use",
    ("brier", "last"): "its probabilities are further off than those of the model in use",
    ("log_loss", "last"): "its probabilities are further off than those of the model in use",
    ("deviance", "last"): "its damage rates are further off than those of the model in use",
    ("calibration_error", "ceiling"): "its probabilities do not mean what they say",
    ("calibration_error", "last"): "its probabilities mean less what they say than those of the model in use",
    ("label_shift", "ceiling"): "its labels are quite unlike those that the model in use has learned from",
    ("rows_ratio", "floor"): "labels seem to be missing: there are far fewer than for the model in use",
    ("damage_ratio", "ceiling"): "more damage is reported lately than earlier shipments lead to expect",
    ("damage_ratio", "floor"): "less damage is reported lately than earlier shipments lead to expect",
    ("feature_drift", "ceiling"): "the products are unlike those that the model in use has learned from",
    ("cost_saving", "floor"): "packing by it would not save enough",
    ("criteria", ""): "nobody has said what a good model is, so none can be approved",
}
_KINDS: Final = {"floor": "floor", "ceiling": "ceiling", "against last approved": "last", "against its": "approval"}
_AGAINST: Final = {
    "last": ", against the last approved model",
    "approval": ", against the last approved model in its own week",
}
_OTHERS: Final = {
    "last": "the last approved model on the same products",
    "approval": "the last approved model was in its own week",
}
_LIMITS: Final = {"floor": "at least", "ceiling": "at most", "last": "loss of at most", "approval": "loss of at most"}


@dataclass(frozen=True, slots=True)
class Target:
    """How a report speaks of what was trained: its title, and what its labels and models are about."""

    title: str
    good: str
    labels: str
    approved: str
    none: str
    calibration: str
    found: str


SINGLE: Final = Target(
    title="",
    good="Suitable",
    labels="{share:.1f} % of {rows:,} are “suitable”",
    approved="From now on this model scores products for this package type.",
    none="no model of this package type is approved, so it is left out of the recommendations.",
    calibration="Of products with this score, so many were suitable. On the dotted line a score means what it says.",
    found="Taking the lowest scores first: what share of all unsuitable products is found, and how many are so.",
)
JOINT: Final = Target(
    title="Damage in every package type",
    good="Nothing broke",
    labels="nothing broke in {share:.1f} % of {rows:,} pairs of a product and a package type",
    approved="From now on recommendations weigh material against the damage rates of this model.",
    none="no damage model is approved, so recommendations rest on the models of single package types.",
    calibration="Of laboratory tests with this chance of being passed, so many were. The dotted line is the ideal.",
    found="Taking the least promising tests first: what share of all failed ones is found, and how many have failed.",
)


def target_of(package_type: str) -> Target:
    """The words for a training target."""
    return JOINT if package_type == EVERY_TYPE else replace(SINGLE, title=package_type)


def metric_words(metric: str) -> Words:
    """Words for a metric; its own name where there are none."""
    return METRIC_WORDS.get(metric, Words(metric.replace("_", " "), ""))


def metric_of(check: Mapping[str, Any]) -> str:
    """The metric that a check is about."""
    return str(check["name"]).split(" ", 1)[0]


def kind_of(check: Mapping[str, Any]) -> str:
    """`floor`, `ceiling`, `last` (against the last approved model), `approval` (against its approval), or nothing."""
    rest = str(check["name"]).partition(" ")[2]
    return next((kind for start, kind in _KINDS.items() if rest.startswith(start)), "")


def slice_of(check: Mapping[str, Any]) -> str:
    """The slice that a check is about; nothing where it is about all rows."""
    return str(check["name"]).partition(" in ")[2]


def title_of(check: Mapping[str, Any]) -> str:
    """What a check is called: its metric, against what, in which part of the catalogue."""
    name = metric_words(metric_of(check)).name + _AGAINST.get(kind_of(check), "")
    part = slice_of(check)
    by_slice = ", part by part" if str(check["name"]).endswith("by slice") else ""
    return f"{name} in {part}" if part else name + by_slice


def proof(check: Mapping[str, Any]) -> str:
    """The numbers behind a reason, as a sentence."""
    words = metric_words(metric_of(check))
    text = str(check["words"])
    if check.get("value") is None or not kind_of(check) or metric_of(check) == "cost_saving":
        return text[:1].upper() + text[1:] + "."
    where = f" in {slice_of(check)}" if slice_of(check) else ""
    if kind_of(check) in _OTHERS:
        loss = f"{abs(check['value']):.3f} {'worse' if check['value'] > 0 else 'better'} than {_OTHERS[kind_of(check)]}"
        return f"{words.name}{where}: {loss}; a {limit_words(check)} is allowed."
    meaning = f" ({words.meaning})" if words.meaning else ""
    return f"{words.name}{where}: {check['value']:.3f}, but it must be {limit_words(check)}{meaning}."


def reason(check: Mapping[str, Any]) -> str:
    """Why a failed check holds the model back, as the end of a sentence."""
    found = _REASONS.get((metric_of(check), kind_of(check)), str(check["words"]))
    part = slice_of(check)
    return f"for {part}, {found}" if part and found != check["words"] else found


def limit_words(check: Mapping[str, Any]) -> str:
    """What a check asks for: `at least 0.600`."""
    if check.get("bound") is None:
        return ""
    return f"{_LIMITS.get(kind_of(check), 'limit')} {check['bound']:.3f}"


def long_date(text: str) -> str:
    """`2026-09-27` as `27 September 2026`; any other text as it is."""
    try:
        date = dt.date.fromisoformat(text[:10])
    except ValueError:
        return text
    return f"{date.day} {date:%B %Y}"
