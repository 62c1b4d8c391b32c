from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from processing.decision import Rule
from processing.reports.inference import inference_page
from processing.reports.page import count, number, render, share
from processing.reports.svg import Axis, Line, bars, chart
from processing.reports.training import training_page
from processing.statistics.metrics import METRICS
from rightpack.gate import Estimate, Evidence, decide
from rightpack.settings import Criterion, Gate, Recommendation

HOSTILE = "<script>alert('x')</script>\"'&<img src=//evil.example/x>"
GATE = Gate((Criterion("roc_auc", floor=0.6, max_drop=0.02), Criterion("brier", max_drop=0.01)))
CURVES = {
    "new model": {"reliability": [(0.1, 0.2), (0.8, 0.7)], "precision_recall": [(0.0, 1.0), (1.0, 0.2)]},
    "last approved": {"reliability": [(0.2, 0.2)], "precision_recall": [(0.5, 0.5)]},
}


class Reader(HTMLParser):
    """Checks that tags nest, and notes tags and attributes."""

    VOID = frozenset({"meta", "br", "img", "link", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= set(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def evaluation(*, auc: float = 0.9, difference: float | None = None, name: str = "carton") -> dict[str, Any]:
    """What Evaluate writes, for a model of this quality."""
    metrics = {n: Estimate(0.1, 0.05, 0.15) for n in METRICS} | {"roc_auc": Estimate(auc, auc - 0.05, auc + 0.05)}
    differences = None if difference is None else {"roc_auc": Estimate(difference, difference, difference)}
    verdict = decide(Evidence(metrics, differences), GATE)
    raw = {n: {"value": e.value, "low": e.low, "high": e.high} for n, e in metrics.items()}
    old = {"arn": name, "rows": 900, "label_share": 0.5, "metrics": {"roc_auc": auc - (difference or 0)}}
    return {
        "package_type": name,
        "business_date": name if name == HOSTILE else "2026-11-20",
        "run_id": name,
        "decision": verdict.to_dict(),
        "metrics": {n: e.value for n, e in metrics.items()},
        "intervals": raw,
        "differences": {n: vars_of(e) for n, e in (differences or {}).items()},
        "rows": {s: {"rows": 1000, "positives": 400, "label_share": 0.4} for s in ("train", "validation")},
        "champion": None if difference is None else old,
        "note": name if name == HOSTILE else "",
    }


def vars_of(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def summary(
    *, name: str = "carton", left_out: tuple[str, ...] = (), unknown: int = 0, **changes: Any
) -> dict[str, Any]:
    """What Recommend writes."""
    return {
        "business_date": "2026-11-21",
        "counts": {"products": 1200, "predictions": 2400, "products_of_unknown_fit": unknown},
        "doubled": 0,
        "order_violations": 0,
        "mix": {name: 900, "none": 300},
        "rules": {rule.text: 1200 * (rule is Rule.THRESHOLD) for rule in Rule},
        "estimates": {
            "mean_damage": 0.01,
            "mean_cost": 0.4,
            "mean_baseline_cost": 0.9,
            "mean_suitability": 0.91,
        },
        "models": [{"package_type": name, "model_version": name, "approved_at": name}],
        "left_out": list(left_out),
        "policy": "threshold",
        **changes,
    }


PAGES = [
    training_page(evaluation(), CURVES),
    training_page(evaluation(auc=0.5, difference=-0.2), CURVES),
    training_page(evaluation(name=HOSTILE, difference=0.0), {HOSTILE: CURVES["new model"]}),
    inference_page(summary(), Recommendation()),
    inference_page(summary(name=HOSTILE, left_out=(HOSTILE,), unknown=3, doubled=2), Recommendation()),
]


@pytest.mark.parametrize("page", PAGES, ids=["approved", "rejected", "hostile", "inference", "hostile-inference"])
def test_a_page_stands_alone(page: str) -> None:
    reader = read(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a"} & reader.tags
    names = {name for name, _ in reader.attributes}
    assert not {"src", "href", "xlink:href", "srcset", "action", "background", "poster"} & names
    assert not [name for name in names if name.startswith("on")]
    styles = "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    assert styles
    assert not re.search(r"@import|url\(|https?:", styles)
    assert "http-equiv" not in names


@pytest.mark.parametrize("page", [PAGES[2], PAGES[4]], ids=["training", "inference"])
def test_hostile_names_are_text_and_nothing_else(page: str) -> None:
    assert "<script" not in page
    assert "<img" not in page
    assert page.count("&lt;script&gt;") >= 4


def test_an_approved_model_says_so_and_that_nothing_is_to_do() -> None:
    page = PAGES[0]
    assert "<strong>Approved. All checks hold.</strong>" in page
    assert "From now on this model scores products for this package type." in page
    assert "Nothing needs to be done." in page
    assert 'class="verdict good"' in page
    assert "fails</td>" not in page
    assert "There is no earlier approved model to compare with." in page


def test_a_rejected_model_says_why_what_follows_and_what_to_do() -> None:
    page = PAGES[1]
    assert "<strong>Rejected. Roc_auc is 0.500, it must be at least 0.600; roc_auc is 0.200 worse than" in page
    assert "The last approved model stays in use; nothing changes for packing." in page
    assert "What to do: look at this week&#39;s labels first" in page
    assert 'class="verdict bad"' in page
    assert page.count("fails</td>") == 2
    assert "-0.200 (-0.200 to -0.200)" in page


def test_a_rejected_first_model_leaves_its_type_out() -> None:
    page = training_page(evaluation(auc=0.5), CURVES)
    assert "this package type is left out of the recommendations" in page


def test_every_metric_is_on_the_page_with_its_meaning() -> None:
    for name in METRICS:
        assert f"<td>{name}</td>" in PAGES[0]


def test_a_run_that_scored_everything_needs_nothing() -> None:
    page = PAGES[3]
    assert "1,200 products were scored by 1 model." in page
    assert "Nothing needs to be done." in page
    assert 'class="verdict good"' in page
    assert "least protective fitting type with suitability of at least 0.85" in page


def test_a_run_with_gaps_says_each_of_them() -> None:
    page = inference_page(summary(left_out=("none", "book-box"), unknown=30, doubled=4), Recommendation())
    assert "2 package types could not be scored." in page
    assert "book-box has no approved model, so it is never recommended." in page
    assert "Size, weight or nature of 30 products is not known" in page
    assert "4 rows of products that came before in the drop were ignored." in page
    assert "Nothing needs to be done." not in page
    assert 'class="verdict bad"' in page


def test_the_same_content_gives_the_same_page() -> None:
    assert training_page(evaluation(), CURVES) == PAGES[0]
    assert inference_page(summary(), Recommendation()) == PAGES[3]


def test_a_name_that_the_template_needs_is_not_silently_empty() -> None:
    with pytest.raises(UndefinedError):
        render("training.html", package_type="x")


def test_numbers_are_written_for_people() -> None:
    assert (number(0.12345), share(0.1234), count(1234567)) == ("0.123", "12.3 %", "1,234,567")
    assert number(None) == share(None) == count(None) == "–"


def test_charts_escape_names_and_survive_having_nothing_to_show() -> None:
    drawn = chart(HOSTILE, [Line(HOSTILE, [(0, 0), (1, 1)], "one", dots=True)], Axis(HOSTILE), Axis("y", 1, 1))
    for piece in (drawn, bars(HOSTILE, [(HOSTILE, 0.0, HOSTILE)]), bars("t", []), chart("t", [], Axis(""), Axis(""))):
        assert read(piece).tags <= {"svg", "title", "text", "line", "polyline", "rect", "circle"}
        assert "nan" not in piece
        assert "inf" not in piece
