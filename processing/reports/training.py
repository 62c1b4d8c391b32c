"""The page of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processing.reports.checks import check_row, metric_rows, shift_rows, slice_rows
from processing.reports.drivers import drivers
from processing.reports.page import render
from processing.reports.quarantine import quarantine_lines
from processing.reports.svg import Axis, Line, Point, bars, chart
from processing.reports.wording import Target, kind_of, long_date, metric_of, proof, reason, target_of
from rightpack.gate import HOLD
from rightpack.registry import Outcome

STATUS: Final = {
    Outcome.APPROVED: "Approved",
    Outcome.REJECTED: "Rejected",
    Outcome.HELD: "Waits for a person",
}
TONES: Final = {Outcome.APPROVED: "good", Outcome.REJECTED: "bad", Outcome.HELD: "waiting"}
MOST_MOVED: Final = 6
SIDES: Final = {"train": "Learned from", "validation": "Judged by"}
Curves = Mapping[str, Mapping[str, Sequence[Point]]]


def training_page(evaluation: Mapping[str, Any], curves: Curves, explanation: Mapping[str, Any] | None = None) -> str:
    """HTML of a run's `evaluation.json`, and of its `explanation.json` if there is one.

    `curves` are points by model (`new`, `last approved`) and kind; kinds that are missing are not drawn.
    """
    status, target = STATUS[evaluation["decision"]["status"]], target_of(evaluation["package_type"])
    checks = evaluation["decision"]["checks"]
    failed = sorted((c for c in checks if not c["passed"]), key=lambda c: bool(c.get("on_fail") == HOLD))
    return render(
        "training.html",
        **{name: evaluation[name] for name in ("package_type", "business_date", "candidate", "champion", "note")},
        date=long_date(evaluation["business_date"]),
        status=status,
        tone=TONES[evaluation["decision"]["status"]],
        headline=f"{status}: {reason(failed[0]) if failed else f'all {len(checks)} checks hold'}.",
        proofs=[proof(check) for check in failed],
        consequence=_consequence(evaluation),
        what_to_do=_what_to_do(evaluation, failed),
        quarantine=quarantine_lines(evaluation.get("quarantine")),
        hands=[{**hand, "date": long_date(hand["at"])} for hand in evaluation.get("hands", ())],
        checks=[check_row(check) for check in [*failed, *(c for c in checks if c["passed"])]],
        metrics=metric_rows(evaluation),
        shifts=shift_rows(evaluation),
        slices=slice_rows(evaluation),
        moved=_moved(evaluation.get("shifts", ())),
        charts=_charts(curves, target),
        target=target,
        sides=[{"name": SIDES.get(side, side), **counts} for side, counts in evaluation["rows"].items()],
        labels=_label_words(evaluation),
        drivers=drivers(explanation),
    )


def _consequence(evaluation: Mapping[str, Any]) -> str:
    """What happens now: which version keeps or takes over the work."""
    champion, held = evaluation["champion"], evaluation["decision"]["status"] == Outcome.HELD
    if evaluation["decision"]["approved"]:
        return target_of(evaluation["package_type"]).approved
    waits = "It waits for a person. Until then " if held else ""
    if not champion:
        none = target_of(evaluation["package_type"]).none
        return waits + none if waits else none[:1].upper() + none[1:]
    since = f", approved on {long_date(champion['approved_at'])}," if champion.get("approved_at") else ""
    serving = f"{_version(champion['arn'])}{since} stays in use; nothing changes for packing."
    return waits + serving if waits else serving[:1].upper() + serving[1:]


def _version(arn: str) -> str:
    number = arn.rsplit("/", 1)[-1]
    return f"version {number}" if number.isdigit() else "the last approved model"


def _what_to_do(evaluation: Mapping[str, Any], failed: Sequence[Mapping[str, Any]]) -> list[str]:
    if evaluation["decision"]["approved"]:
        return ["Nothing needs to be done."]
    group = evaluation.get("group") or "the package type's group"
    asked = f"Look at this week's labels first: {_label_words(evaluation)}{_suspicion(evaluation, failed[0])}"
    if metric_of(failed[0]) in {"feature_drift", "rows_ratio"}:
        asked = "Look at this week's product table and labels first: are rows missing, is a column filled differently?"
    if evaluation["decision"]["status"] == Outcome.HELD:
        again = "Is the data wrong? rightpack reject it, mend the data and drop it again."
        return [asked, f"Is the world so? rightpack approve the newest version of {group}. {again}"]
    right = (
        f"If they are right and the world has changed: rightpack approve the newest version of {group}, and say why."
    )
    return [asked, f"If they are wrong, mend them and drop the week again. {right}"]


def _suspicion(evaluation: Mapping[str, Any], check: Mapping[str, Any]) -> str:
    """Where the model in use fails on these products too, it is hardly the new model's fault."""
    last = ((evaluation["champion"] or {}).get("metrics") or {}).get("roc_auc")
    if metric_of(check) != "roc_auc" or kind_of(check) != "floor" or last is None or last >= check["bound"]:
        return ""
    return f" The model in use does no better by them ({last:.3f}), so these labels are more suspect than the model."


def _label_words(evaluation: Mapping[str, Any]) -> str:
    """How labels are spread, beside those of the model in use."""
    train, champion = evaluation["rows"].get("train", {}), evaluation["champion"] or {}
    if train.get("label_share") is None:
        return "how many are there, and do they look like those of last week?"
    said = target_of(evaluation["package_type"]).labels
    words = said.format(share=100 * train["label_share"], rows=train["rows"])
    if champion.get("label_share") is None:
        return f"{words}."
    return f"{words}; it was {100 * champion['label_share']:.1f} % when the model in use was trained."


def _moved(shifts: Sequence[Mapping[str, Any]]) -> Markup | None:
    """The columns that have moved furthest since the last approved model learned."""
    worst = sorted(shifts, key=lambda shift: (-shift["psi"], shift["column"]))[:MOST_MOVED]
    title = "How far columns have moved since the last approved model learned, as PSI: "
    said = ", ".join(f"{shift['column']} {shift['psi']:.3f}" for shift in worst)
    return bars(title + said, [(s["column"], s["psi"], f"{s['psi']:.3f}") for s in worst]) if worst else None


def _charts(curves: Curves, target: Target) -> list[dict[str, Any]]:
    """Calibration and precision-recall, as far as there are points."""
    found = []
    if any(kinds.get("reliability") for kinds in curves.values()):
        picture = _calibration(curves)
        found.append({"name": "Do scores mean what they say?", "picture": picture, "words": target.calibration})
    if any(kinds.get("precision_recall") for kinds in curves.values()):
        picture = _precision_recall(curves)
        found.append({"name": "Does it find what breaks?", "picture": picture, "words": target.found})
    return found


def _lines(curves: Curves, kind: str, *, dots: bool) -> list[Line]:
    styled = zip(curves.items(), ("one", "two"), strict=False)
    return [Line(name, kinds.get(kind, ()), style, dots=dots) for (name, kinds), style in styled]


def _calibration(curves: Curves) -> Markup:
    lines = [Line("", [(0.0, 0.0), (1.0, 1.0)], "ideal"), *_lines(curves, "reliability", dots=True)]
    return chart("Calibration: share of suitable products by score", lines, Axis("score"), Axis("share suitable"))


def _precision_recall(curves: Curves) -> Markup:
    lines = _lines(curves, "precision_recall", dots=False)
    return chart("Precision and recall of unsuitable products", lines, Axis("share found"), Axis("share right"))
