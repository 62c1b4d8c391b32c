"""The page of a look at drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup

from processing.reports.page import render
from processing.reports.svg import bars
from rightpack.drift import LEARNABLE, MEANINGS, Statistic

MOST_NAMED: Final = 4
AGAINST: Final = {
    "catalogue": "the last whole catalogue before each model was trained",
    "training": "the rows that each model was trained on",
}


def drift_page(facts: Mapping[str, Any]) -> str:
    """HTML of a run's `drift.json`."""
    types = facts["package_types"]
    return render(
        "drift.html",
        facts=facts,
        headline=_headline(types),
        drifted=any(one["drifted"] for one in types),
        what_to_do=_what_to_do(types) + ([facts["note"]] if facts["note"] else []),
        against=AGAINST[facts["against"]],
        sections=[_section(*group) for group in _groups(types)],
        meanings={statistic.value: words for statistic, words in MEANINGS.items()},
    )


def _headline(types: Sequence[Mapping[str, Any]]) -> str:
    columns = list(dict.fromkeys(column for one in types for column in one["drifted"]))
    if columns:
        more = f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
        return f"The products have changed: {', '.join(columns[:MOST_NAMED])}{more}."
    if not any(one["compared"] for one in types):
        return "Nothing was compared."
    return "The products are as they were when the models were trained."


def _what_to_do(types: Sequence[Mapping[str, Any]]) -> list[str]:
    drifted = [one for one in types if one["drifted"]]
    asked = [one["package_type"] for one in drifted if one["requested"]]
    lines = []
    if asked:
        lines.append(f"New trainings of {', '.join(asked)} were asked for; the approved models stay in use until then.")
    if any(not _learnable(check) for one in drifted for check in one["checks"] if check["drifted"]):
        lines.append("Missing columns, missing values or another number of products: look at the product table first.")
    if drifted and not lines:
        lines.append("Look at the columns below: is the change real, or is the product table wrong?")
    notes = {one["note"]: None for one in types if one["note"]}
    return [*lines, *notes] or ["Nothing needs to be done."]


def _learnable(check: Mapping[str, Any]) -> bool:
    return check["statistic"] in LEARNABLE


def _groups(types: Sequence[Mapping[str, Any]]) -> list[tuple[list[str], Mapping[str, Any]]]:
    """Package types that were compared with the same baseline, and one of them: their checks are the same."""
    groups: dict[str, tuple[list[str], Mapping[str, Any]]] = {}
    for one in types:
        if one["compared"]:
            groups.setdefault(one["baseline"]["uri"], ([], one))[0].append(one["package_type"])
    return list(groups.values())


def _section(names: Sequence[str], one: Mapping[str, Any]) -> dict[str, Any]:
    drifted = [check for check in one["checks"] if check["drifted"]]
    own = {name: one[name] for name in ("baseline", "checks")}
    return {"names": names, **own, "drifted": drifted, "chart": _chart(one["checks"])}


def _chart(checks: Sequence[Mapping[str, Any]]) -> Markup:
    found = sorted(((c["value"], c["column"]) for c in checks if c["statistic"] == Statistic.PSI), reverse=True)
    return bars("How far each column has moved", [(column, value, f"{value:.3f}") for value, column in found])
