"""What drives a model's scores, from `explanation.json`, for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processing.reports.svg import bars

SHOWN: Final = 8
METHODS: Final = {
    "exact": "computed exactly from the model",
    "sampled": "estimated from sampled orders, as this kind of model does not explain itself",
}
TITLES: Final = {"unsuitable": "Surest to be unsuitable", "suitable": "Surest to be suitable"}


def drivers(explanation: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the template shows; None where nothing is explained."""
    if not explanation or not explanation.get("features"):
        return None
    shown = explanation["features"][:SHOWN]
    return {
        "chart": _chart(shown),
        "features": shown,
        "left_out": len(explanation["features"]) - len(shown),
        "rows": explanation["rows"],
        "method": METHODS[explanation["method"]],
        "chance": explanation.get("chance", "suitable with"),
        "score": explanation.get("score", "score"),
        "topics": _topics(explanation.get("topics", "")),
        "examples": [_group(name, explanation["examples"][name]) for name in TITLES],
    }


def _topics(seen: str) -> str:
    """Where topics of texts come from, or why there are none; nothing where the model's card does not say."""
    if not seen:
        return ""
    none, _, why = seen.partition("none: ")
    return f"Topics of texts (topic_…) are those of {none}." if none else f"It sees no topics of texts: {why}."


def _chart(features: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [(f["feature"], f["importance"], f"{100 * f['share']:.0f} %") for f in features]
    said = ", ".join(f"{name} {words}" for name, _, words in rows)
    return bars(f"What drives the score, by share of all contributions: {said}", rows)


def _group(name: str, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"title": TITLES[name], "products": [_product(one) for one in examples]}


def _product(one: Mapping[str, Any]) -> dict[str, Any]:
    reasons = [
        {
            **reason,
            "sign": "for" if reason["contribution"] > 0 else "against",
            "words": f"{reason['contribution']:+.2f}",
        }
        for reason in one["reasons"]
    ]
    return {**one, "reasons": reasons}
