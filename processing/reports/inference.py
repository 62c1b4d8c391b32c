"""The page of an inference run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from processing.reports.decisions import frontier_chart, mix_chart
from processing.reports.page import render
from processing.reports.quarantine import quarantine_lines
from processing.reports.svg import bars


def inference_page(summary: Mapping[str, Any]) -> str:
    """HTML of a run's `summary.json`."""
    return render(
        "inference.html",
        summary=summary,
        headline=_headline(summary),
        what_to_do=_what_to_do(summary),
        mix=_mix(summary),
        frontiers=_frontiers(summary),
        saving=_saving(summary["estimates"]),
        counts=_counts(summary),
    )


def _mix(summary: Mapping[str, Any]) -> Markup:
    """Recommended types; beside those of before, where products had any."""
    if sum(summary["mix_before"].values()):
        return mix_chart(summary["mix_before"], summary["mix"])
    products = max(summary["counts"]["products"], 1)
    mix = [(name, float(n), f"{n:,} ({n / products:.0%})") for name, n in summary["mix"].items()]
    return bars("Recommended package types", mix)


def _frontiers(summary: Mapping[str, Any]) -> list[Markup]:
    """What more or less damage would cost, in money and in material; nothing without a model that is trusted."""
    if not summary["frontier"]:
        return []
    means = summary["estimates"]
    chosen = {name: means[f"mean_{name}"] for name in ("damage", "cost", "grams")}
    known = chosen if None not in chosen.values() else None
    return [frontier_chart(summary["frontier"], amount=amount, chosen=known) for amount in ("cost", "grams")]


def _headline(summary: Mapping[str, Any]) -> str:
    models, left_out, counts = len(summary["models"]), len(summary["left_out"]), summary["counts"]
    said = [f"{counts['products']:,} products were scored by {models} model{'s' * (models != 1)}."]
    if counts["changed"]:
        said.append(f"{counts['changed']:,} change their package type.")
    if not summary["policy"]["trusted"]:
        said.append(f"The models do not surely beat {summary['policy']['baseline']} yet, so that decides.")
    if left_out:
        said.append(f"{left_out} package type{'s' * (left_out != 1)} could not be scored.")
    return " ".join(said)


def _what_to_do(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{name} has no approved model. Look at its last training report: "
        "approve a version by hand or wait for better labels."
        for name in summary["left_out"]
    ]
    unknown, policy = summary["counts"]["products_of_unknown_fit"], summary["policy"]
    if unknown:
        lines.append(
            f"Size, weight or nature of {unknown:,} products is not known; they get types that are sure to fit."
        )
    if summary["doubled"]:
        lines.append(f"{summary['doubled']:,} rows of products that came before in the drop were ignored.")
    lines += quarantine_lines(summary.get("quarantine"))
    if not policy["budget_met"]:
        lines.append(f"No choice of types keeps damage within the budget of {policy['damage_budget']:.3%}; raise it.")
    return lines or ["Nothing needs to be done."]


def _saving(estimates: Mapping[str, Any]) -> str:
    """What the recommendation saves against the baseline, in words."""
    cost, baseline = estimates["mean_cost"], estimates["mean_baseline_cost"]
    if cost is None or not baseline:
        return "No model speaks for the recommended types, so nothing is known about cost."
    less = 1 - cost / baseline
    return f"{abs(less):.0%} {'less' if less >= 0 else 'more'} than the baseline would cost, by the models' own word."


def _counts(summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = [(name.replace("_", " "), value) for name, value in summary["counts"].items()]
    return [*counts, ("times a stronger type is less suitable than a weaker one", summary["order_violations"])]
