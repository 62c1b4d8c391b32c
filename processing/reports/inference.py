"""The page of an inference run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from processing.decision import Rule
from processing.reasons import words
from processing.reports.page import render
from processing.reports.svg import bars
from rightpack.settings import Recommendation


def inference_page(summary: Mapping[str, Any], policy: Recommendation) -> str:
    """HTML of a run's `summary.json`."""
    products = summary["counts"]["products"]
    mix = [(name, float(n), f"{n:,} ({n / max(products, 1):.0%})") for name, n in summary["mix"].items()]
    return render(
        "inference.html",
        summary=summary,
        headline=_headline(summary),
        what_to_do=_what_to_do(summary),
        mix=bars("Recommended package types", mix),
        reasons=_reasons(summary["rules"], products, policy),
        counts=_counts(summary),
    )


def _headline(summary: Mapping[str, Any]) -> str:
    models, left_out = len(summary["models"]), len(summary["left_out"])
    scored = f"{summary['counts']['products']:,} products were scored by {models} model{'s' * (models != 1)}."
    return f"{scored} {left_out} package type{'s' * (left_out != 1)} could not be scored." if left_out else scored


def _what_to_do(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{name} has no approved model, so it is never recommended. Look at its last training report: "
        "approve a version by hand or wait for better labels."
        for name in summary["left_out"]
    ]
    unknown = summary["counts"]["products_of_unknown_fit"]
    if unknown:
        lines.append(
            f"Size, weight or nature of {unknown:,} products is not known; they get types that are sure to fit."
        )
    if summary["doubled"]:
        lines.append(f"{summary['doubled']:,} rows of products that came before in the drop were ignored.")
    return lines or ["Nothing needs to be done."]


def _reasons(rules: Mapping[str, int], products: int, policy: Recommendation) -> list[dict[str, Any]]:
    sentences = words(policy)
    used = [(rule, rules[rule.text]) for rule in Rule if rules[rule.text]]
    return [{"words": sentences[rule], "count": n, "share": n / max(products, 1)} for rule, n in used]


def _counts(summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = [(name.replace("_", " "), value) for name, value in summary["counts"].items()]
    return [*counts, ("times a stronger type is less suitable than a weaker one", summary["order_violations"])]
