"""The page of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processing.reports.page import render
from processing.reports.svg import Axis, Line, Point, chart
from rightpack.gate import HOLD, Outcome

MEANINGS: Final = {
    "roc_auc": "chance that a suitable product scores above an unsuitable one; .5 is guessing",
    "pr_auc_unsuitable": "how well unsuitable products are found; compare with their share",
    "brier": "mean squared error of the probability; lower is better",
    "log_loss": "how surprising the labels are; lower is better",
    "calibration_error": "how far probabilities are off; lower is better",
    "label_shift": "change of the share of suitable labels since the last approved model",
    "rows_ratio": "training rows compared with the last approved model",
    "damage_ratio": "damage reported lately over what earlier shipments lead to expect; 1 is as before",
    "feature_drift": "columns that have moved away from what the last approved model learned from",
    "cost_saving": "expected saving against always sending a box",
}
STATUS: Final = {
    Outcome.APPROVED: "Approved",
    Outcome.REJECTED: "Rejected",
    Outcome.HELD: "Waits for a person",
}
TONES: Final = {Outcome.APPROVED: "good", Outcome.REJECTED: "bad", Outcome.HELD: "waiting"}
Curves = Mapping[str, Mapping[str, Sequence[Point]]]


def training_page(evaluation: Mapping[str, Any], curves: Curves) -> str:
    """HTML of a run's `evaluation.json`; `curves` are points by model (`new`, `last approved`) and kind."""
    decision = {**evaluation["decision"], "status": STATUS[evaluation["decision"]["status"]]}
    return render(
        "training.html",
        **{name: evaluation[name] for name in ("package_type", "business_date", "run_id", "champion", "rows", "note")},
        decision=decision,
        tone=TONES[evaluation["decision"]["status"]],
        checks=[_check_line(check) for check in decision["checks"]],
        hands=evaluation.get("hands", ()),
        headline=f"{decision['status']}. {'All checks hold.' if decision['approved'] else _failed(decision)}",
        consequence=_consequence(evaluation),
        what_to_do=_what_to_do(evaluation),
        metrics=_metric_lines(evaluation),
        calibration=_calibration(curves),
        precision_recall=_precision_recall(curves),
    )


def _failed(decision: Mapping[str, Any]) -> str:
    failed = [check["words"] for check in decision["checks"] if not check["passed"]]
    return "; ".join(failed)[:1].upper() + "; ".join(failed)[1:] + "."


def _consequence(evaluation: Mapping[str, Any]) -> str:
    if evaluation["decision"]["approved"]:
        return "From now on this model scores products for this package type."
    if _held(evaluation) and not evaluation["champion"]:
        return "It waits for a person. Until then this package type is left out of the recommendations."
    if _held(evaluation):
        return "It waits for a person. Until then the last approved model stays in use."
    if evaluation["champion"]:
        return "The last approved model stays in use; nothing changes for packing."
    return "No approved model exists yet, so this package type is left out of the recommendations."


def _what_to_do(evaluation: Mapping[str, Any]) -> list[str]:
    if evaluation["decision"]["approved"]:
        return ["Nothing needs to be done."]
    if _held(evaluation):
        return [
            "What to do: decide whether the world has changed or the data is wrong (checks, labels and shifts below).",
            "Changed: rightpack approve. Wrong: rightpack reject, mend the data and drop again.",
        ]
    return [
        "What to do: look at this week's labels first (counts and shares below).",
        "If they are right and the world has changed, approve this version by hand; if wrong, fix them and drop again.",
    ]


def _held(evaluation: Mapping[str, Any]) -> bool:
    return bool(evaluation["decision"]["status"] == Outcome.HELD)


def _check_line(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check with its result in a word, and its interval where it has one."""
    failed = "holds the model back" if check.get("on_fail") == HOLD else "fails"
    low, high = check.get("low"), check.get("high")
    interval = "–" if low is None or low == high else f"{low:.3f} to {high:.3f}"
    return {**check, "result": "holds" if check["passed"] else failed, "interval": interval}


def _metric_lines(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    champion = (evaluation["champion"] or {}).get("metrics", {})
    return [
        {
            "name": name,
            "value": value,
            "low": evaluation["intervals"][name]["low"],
            "high": evaluation["intervals"][name]["high"],
            "champion": champion.get(name),
            "difference": _difference(evaluation["differences"].get(name)),
            "meaning": MEANINGS[name],
        }
        for name, value in evaluation["metrics"].items()
    ]


def _difference(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return "–"
    return f"{estimate['value']:+.3f} ({estimate['low']:+.3f} to {estimate['high']:+.3f})"


def _calibration(curves: Curves) -> Markup:
    lines = [Line("", [(0.0, 0.0), (1.0, 1.0)], "ideal")]
    for (name, kinds), style in zip(curves.items(), ("one", "two"), strict=False):
        lines.append(Line(name, kinds["reliability"], style, dots=True))
    return chart("Calibration", lines, Axis("score"), Axis("share suitable"))


def _precision_recall(curves: Curves) -> Markup:
    styled = zip(curves.items(), ("one", "two"), strict=False)
    lines = [Line(name, kinds["precision_recall"], style) for (name, kinds), style in styled]
    return chart("Precision and recall of unsuitable products", lines, Axis("share found"), Axis("share right"))
