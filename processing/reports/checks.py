"""Rows of the training report's tables: checks, metrics and slices, each with its interval as a small bar."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from processing.reports.gauges import Gauge, around, gauge
from processing.reports.page import NOTHING, number
from processing.reports.wording import GOOD_HIGH, kind_of, limit_words, metric_of, metric_words, title_of
from rightpack.gate import CIRCUMSTANCES, HOLD

WORST_SLICES: Final = 6
NOT_JUDGED: Final = ("was not measured", "no earlier model", "no slice has enough rows")  # in the gate's words
SLICE_METRIC: Final = "roc_auc"


class State(StrEnum):
    """What became of a check; one without evidence does not stand in the way, but nor does it hold."""

    HOLDS = "holds"
    FAILS = "fails"
    OPEN = "not measured"


def check_row(check: Mapping[str, Any]) -> dict[str, Any]:
    """A check with its result in a word, its interval as text and as a picture."""
    state = State.HOLDS if check["passed"] else State.FAILS
    if state is State.HOLDS and any(words in check["words"] for words in NOT_JUDGED):
        state = State.OPEN
    failed = "holds the model back" if check.get("on_fail") == HOLD else "fails"
    return {
        **check,
        "title": title_of(check),
        "remark": _remark(check),
        "state": state,
        "result": failed if state is State.FAILS else state.value,
        "measured": _measured(check),
        "limit": limit_words(check) or NOTHING,
        "picture": _check_picture(check),
    }


def metric_rows(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Metrics of the model itself beside those of the last approved one; what surrounds it is in `shift_rows`."""
    names = [name for name in evaluation["metrics"] if name not in CIRCUMSTANCES]
    return [_metric_row(name, evaluation) for name in names]


def shift_rows(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What surrounds the model: labels, rows, damage, products, savings; with intervals where chance plays a part."""
    found = [name for name in evaluation["metrics"] if name in CIRCUMSTANCES]
    return [{**_named(name), "measured": _measured(_estimate(evaluation, name))} for name in found]


def slice_rows(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The slices in which the model does worst, the worst first, on one scale."""
    known = [
        (_clipped(part["metrics"][SLICE_METRIC]), part)
        for part in evaluation.get("slices", ())
        if SLICE_METRIC in part["metrics"]
    ]
    worst = sorted(known, key=lambda one: (one[0]["value"], one[1]["name"]))[:WORST_SLICES]
    overall = evaluation["metrics"].get(SLICE_METRIC)
    gauges = [_gauge(measured, limit=overall) for measured, _ in worst]
    axis = around(gauges)
    return [
        {
            "name": part["name"],
            "measured": _measured(measured),
            "difference": difference((part.get("differences") or {}).get(SLICE_METRIC)),
            "picture": gauge(f"{part['name']}: {_measured(measured)}", one, axis),
        }
        for (measured, part), one in zip(worst, gauges, strict=True)
    ]


def difference(estimate: Mapping[str, float] | None) -> str:
    """A signed difference with its interval; a dash for none."""
    if estimate is None:
        return NOTHING
    return f"{estimate['value']:+.3f} ({estimate['low']:+.3f} to {estimate['high']:+.3f})"


def _metric_row(name: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    last = ((evaluation["champion"] or {}).get("metrics") or {}).get(name)
    apart = evaluation["differences"].get(name)
    return {
        **_named(name),
        "measured": _measured(_estimate(evaluation, name)),
        "last": number(last),
        "difference": difference(apart),
        "picture": None if apart is None else _gain_picture(name, apart),
    }


def _named(name: str) -> dict[str, str]:
    words = metric_words(name)
    return {"key": name, "name": words.name, "meaning": words.meaning}


def _estimate(evaluation: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return evaluation["intervals"].get(name) or {"value": evaluation["metrics"][name]}


def _remark(check: Mapping[str, Any]) -> str:
    """The check's own words, unless they only repeat value and limit; those about money never do."""
    plain = check.get("value") is not None and kind_of(check) in {"floor", "ceiling"}
    plain = plain and metric_of(check) != "cost_saving"
    return "" if plain and "chance" not in check["words"] else str(check["words"])


def _measured(one: Mapping[str, Any]) -> str:
    low, high = one.get("low"), one.get("high")
    if low is None or high is None or low == high:
        return number(one.get("value"))
    return f"{number(one['value'])} ({low:.3f} to {high:.3f})"


def _clipped(one: Mapping[str, float]) -> dict[str, float]:
    """An interval of few rows is a normal approximation, and may leave the range of the metric."""
    return {end: min(max(one[end], 0.0), 1.0) for end in ("value", "low", "high")}


def _gauge(one: Mapping[str, Any], **more: Any) -> Gauge:
    return Gauge(one["value"], one.get("low", one["value"]), one.get("high", one["value"]), passed=None, **more)


def _check_picture(check: Mapping[str, Any]) -> Any:
    value, bound = check.get("value"), check.get("bound")
    if value is None or bound is None:
        return None
    low, high = (value if check.get(end) is None else check[end] for end in ("low", "high"))
    result = "holds" if check["passed"] else "fails"
    words = f"{check['name']}: {_measured(check)}, {limit_words(check)}: {result}"
    return gauge(words, Gauge(value, low, high, bound, floor=kind_of(check) == "floor", passed=check["passed"]))


def _gain_picture(name: str, apart: Mapping[str, float]) -> Any:
    """The difference, turned so that better is always to the right of no difference."""
    sign = 1 if name in GOOD_HIGH else -1
    low, high = sorted((sign * apart["low"], sign * apart["high"]))
    clear = True if low > 0 else False if high < 0 else None
    words = {True: "better than", False: "worse than", None: "not clearly different from"}[clear]
    return gauge(f"{name}: {words} the last approved model", Gauge(sign * apart["value"], low, high, 0.0, passed=clear))
