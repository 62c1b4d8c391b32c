"""How far two drops lie apart, by their profiles alone: the rows of the baseline may be long gone.

Numbers (and lengths of texts) are counted in the baseline's tenths, categories by name with the rare ones together;
missing values and unseen categories are bins of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from processing.columns import Kind
from rightpack.drift import Evidence, Shift

Counts = npt.NDArray[np.float64]
Summaries = Mapping[str, Mapping[str, Any]]
BINS: Final = 10
ALONE: Final = 0.05  # a value that this share of the baseline's rows has is a bin of its own: half a tenth
RARE: Final = 5  # categories with fewer rows in the baseline are counted together, as the chi-square test asks for
PSEUDO: Final = 0.5  # rows added to every bin, so that an empty one does not make a distance infinite
FEATURES: Final = frozenset({Kind.NUMBER, Kind.CATEGORY, Kind.TEXT, Kind.FLAG})


def compare(baseline: Summaries, current: Summaries, *, row_ratio: float | None = None) -> Evidence:
    """Evidence from the `columns` of two profiles; columns that only `current` has are left out."""
    features = {name: summary for name, summary in baseline.items() if summary["kind"] in FEATURES}
    schema = tuple(_schema(features, current))
    wrong = {name for name, _ in schema}
    pairs = ((name, features[name], current[name]) for name in features if name not in wrong)
    shifts = tuple(shift(*pair) for pair in pairs if _comparable(*pair[1:]))
    return Evidence(shifts, schema, row_ratio)


def shift(column: str, baseline: Mapping[str, Any], current: Mapping[str, Any]) -> Shift:
    """How far one column has moved."""
    before, now = bins(baseline, current)
    shares = _shares(before), _shares(now)
    return Shift(
        column=column,
        psi=psi(*shares),
        jensen_shannon=jensen_shannon(*shares),
        chi_square_p=chi_square_p(before, now),
        null_share=_missing(current) / current["rows"] - _missing(baseline) / baseline["rows"],
        unseen_share=_unseen_share(baseline, current),
    )


def bins(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[Counts, Counts]:
    """Rows of both profiles in the bins of the baseline; the last bin is missing values."""
    before, now = _by_name(baseline, current) if "counts" in baseline else _by_value(baseline, current)
    return np.r_[before, _missing(baseline)], np.r_[now, _missing(current)]


def psi(before: Counts, now: Counts) -> float:
    """Population stability index of two distributions without an empty bin."""
    return float(np.sum((now - before) * np.log(now / before)))


def jensen_shannon(before: Counts, now: Counts) -> float:
    """Jensen-Shannon divergence in bits, from 0 to 1."""
    middle = (before + now) / 2
    return float(np.sum(before * np.log2(before / middle) + now * np.log2(now / middle)) / 2)


def chi_square_p(before: Counts, now: Counts) -> float:
    """Chance that two samples of one distribution differ this much; bins that are empty in both do not count."""
    table = np.stack([before, now])[:, before + now > 0]
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1.0)
    freedom = table.shape[1] - 1
    if freedom < 1 or not expected.all():
        return 1.0
    return float(chdtrc(freedom, np.sum((table - expected) ** 2 / expected)))


def _schema(baseline: Summaries, current: Summaries) -> Iterator[tuple[str, str]]:
    for name, summary in baseline.items():
        if name not in current:
            yield name, f"column {name} is gone"
        elif current[name]["kind"] != summary["kind"]:
            yield name, f"column {name} was a {summary['kind']} and is a {current[name]['kind']}"


def _comparable(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    """Whether both hold rows, and the counts that profiles of earlier releases lack."""
    return all(s.get("rows") and ("counts" in s or "histogram" in s) for s in (baseline, current))


def _missing(summary: Mapping[str, Any]) -> float:
    """Rows without a usable value."""
    if "counts" in summary:
        return float(summary["missing"])
    drawn = summary["histogram"]
    return float(summary["rows"] - (sum(drawn["at"]) + sum(drawn["between"]) if drawn else 0))


def _shares(counts: Counts) -> Counts:
    kept = counts + PSEUDO
    return np.asarray(kept / kept.sum(), dtype=np.float64)


def _by_value(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[Counts, Counts]:
    edges, alone = _edges(baseline["histogram"])
    before, now = (_in_bins(s["histogram"], edges, alone) for s in (baseline, current))
    return before, now


def _edges(histogram: Mapping[str, Any] | None) -> tuple[Counts, Counts]:
    """Upper ends of all tenths but the last, and the values that are bins of their own."""
    if histogram is None:
        return np.zeros(0), np.zeros(0)
    knots, _, upto = _reached(histogram)
    edges = np.unique(knots[np.searchsorted(upto, np.arange(1, BINS) * upto[-1] / BINS)])
    alone = knots[np.asarray(histogram["at"]) >= ALONE * upto[-1]]
    return edges[edges < knots[-1]], alone


def _reached(histogram: Mapping[str, Any]) -> tuple[Counts, Counts, Counts]:
    """Knots, rows below each, rows up to each."""
    upto = np.cumsum(np.add(histogram["at"], histogram["between"]), dtype=np.float64)
    return np.asarray(histogram["knots"], np.float64), upto - np.asarray(histogram["at"], np.float64), upto


def _in_bins(histogram: Mapping[str, Any] | None, edges: Counts, alone: Counts) -> Counts:
    """Rows between consecutive bounds: up to each edge, and both below and up to each value that stands alone."""
    if histogram is None:
        return np.zeros(len(np.union1d(edges, alone)) + len(alone) + 1)
    knots, below, upto = _reached(histogram)
    upper = _rows_at(np.union1d(edges, alone), knots, below, upto, itself=True)
    lower = _rows_at(alone, knots, below, upto, itself=False)
    return np.diff(np.r_[0.0, np.sort(np.r_[upper, lower]), upto[-1]])


def _rows_at(values: Counts, knots: Counts, below: Counts, upto: Counts, *, itself: bool) -> Counts:
    """Rows below each of `values`, or up to it with the value `itself`; rows between two knots are spread evenly."""
    left = np.searchsorted(knots, values, side="right") - 1
    low, high = np.clip(left, 0, None), np.clip(left + 1, None, len(knots) - 1)
    width = np.where(high > low, knots[high] - knots[low], 1.0)
    share = np.clip((values - knots[low]) / width, 0.0, 1.0)
    spread = upto[low] + share * np.clip(below[high] - upto[low], 0.0, None)
    exact = upto[low] if itself else below[low]
    return np.where(left < 0, 0.0, np.where(values == knots[low], exact, spread))


def _by_name(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> tuple[Counts, Counts]:
    """Frequent categories of the baseline, its rare ones together, and what it does not have."""
    known, given = baseline["counts"], current["counts"]
    frequent = [name for name, count in known.items() if count >= RARE]
    rare = [name for name in known if name not in set(frequent)]
    before = [*(known[n] for n in frequent), sum(known[n] for n in rare), _others(baseline, known)]
    now = [*(given.get(n, 0) for n in frequent), sum(given.get(n, 0) for n in rare), _others(current, known)]
    return np.asarray(before, np.float64), np.asarray(now, np.float64)


def _others(summary: Mapping[str, Any], known: Mapping[str, int]) -> int:
    """Rows whose category is not among the `known` ones."""
    counts = summary["counts"]
    return int(summary["rows"] - summary["missing"] - sum(n for name, n in counts.items() if name in known))


def _unseen_share(baseline: Mapping[str, Any], current: Mapping[str, Any]) -> float | None:
    """Share of rows with a category that the baseline lacks; None for numbers, or where not all of its are listed."""
    known = baseline.get("counts")
    if known is None or len(known) < baseline["distinct"]:
        return None
    return _others(current, known) / float(current["rows"])
