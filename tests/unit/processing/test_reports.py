from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from processing.reports.inference import inference_page
from processing.reports.page import count, number, render, share
from processing.reports.training import training_page
from processing.reports.wording import long_date, metric_words
from processing.statistics.metrics import METRICS
from rightpack.gate import Estimate, Evidence, decide
from rightpack.settings import Criterion, Gate

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
        "candidate": name,
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
    estimates = {"damage": 0.01, "pack_cost": 0.3, "grams": 120.0, "cost": 0.4, "suitability": 0.91}
    baseline = {"baseline_damage": 0.006, "baseline_cost": 0.9, "baseline_grams": 300.0}
    policy = {"baseline": name, "trusted": True, "caution": 1.5, "budget_met": True, "damage_budget": None}
    return {
        "business_date": "2026-11-21",
        "counts": {"products": 1200, "predictions": 2400, "changed": 40, "products_of_unknown_fit": unknown},
        "doubled": 0,
        "order_violations": 0,
        "mix": {name: 900, "none": 300},
        "mix_before": {name: 940, "none": 260},
        "moves": [{"from": name, "to": "none", "products": 40}],
        "rules": {"expected-cost": 1200},
        "reasons": [{"rule": "expected-cost", "words": "least expected cost", "count": 1200}],
        "estimates": {f"mean_{key}": value for key, value in (estimates | baseline).items()},
        "frontier": FRONTIER,
        "policy": policy,
        "models": [{"package_type": name, "model_version": name, "approved_at": name}],
        "left_out": list(left_out),
        **changes,
    }


FRONTIER = [
    {"by": by, "setting": setting, "damage": damage, "pack_cost": 1.4 - 50 * damage, "grams": 90.0, "cost": 1.0}
    for by, setting, damage in (("expected-cost", 1.0, 0.011), ("expected-cost", 3.0, 0.008), ("threshold", 0.9, 0.009))
]


def explanation(name: str = "weight_g") -> dict[str, Any]:
    """What Evaluate writes beside its evaluation."""
    reasons = [
        {"feature": name, "value": "1200", "contribution": -1.25},
        {"feature": "1 other", "value": "", "contribution": 0.5},
    ]
    example = {"product_id": name, "suitability": 0.031, "raw_score": -0.75, "base": 0.0, "reasons": reasons}
    features = [
        {
            "feature": f"{name}{i}",
            "importance": 1.0,
            "share": 0.1,
            "direction": "down",
            "words": "the higher, the worse",
        }
        for i in range(10)
    ]
    return {
        "version": "1.0",
        "explanations": {"kernel_shap": {}},
        "method": "exact",
        "rows": 1000,
        "features": features,
        "examples": {"unsuitable": [example], "suitable": [example | {"suitability": 0.985}]},
    }


PAGES = [
    training_page(evaluation(), CURVES),
    training_page(evaluation(auc=0.5, difference=-0.2), CURVES, explanation()),
    training_page(evaluation(name=HOSTILE, difference=0.0), {HOSTILE: CURVES["new model"]}, explanation(HOSTILE)),
    inference_page(summary()),
    inference_page(summary(name=HOSTILE, left_out=(HOSTILE,), unknown=3, doubled=2)),
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
    assert "<strong>Approved: all 3 checks hold.</strong>" in page
    assert "From now on this model scores products for this package type." in page
    assert "Nothing needs to be done." in page
    assert 'class="verdict good"' in page
    assert "✗" not in page
    assert "There is no earlier approved model to compare with." in page


def test_a_rejected_model_says_why_what_follows_and_what_to_do() -> None:
    page = PAGES[1]
    assert "<strong>Rejected: it can hardly tell suitable products from unsuitable ones.</strong>" in page
    assert "(ROC-AUC): 0.500, but it must be at least 0.600 (1 is perfect, .5 is guessing).</p>" in page
    assert "(ROC-AUC): 0.200 worse than the last approved model on the same products; a loss of at most 0.020" in page
    assert "The last approved model stays in use; nothing changes for packing." in page
    assert "Look at this week&#39;s labels first: 40.0 % of 1,000 are" in page
    assert "it was 50.0 % when the model in use was trained." in page
    assert 'class="verdict bad"' in page
    assert page.count("✗ fails</td>") == 2
    assert "-0.200 (-0.200 to -0.200)" in page


def test_the_verdict_comes_before_everything_else_and_failed_checks_before_the_others() -> None:
    page = PAGES[1]
    places = [
        page.index(word) for word in ("Rejected: it", "What happens now", "✗ fails", "not measured", "How good it is")
    ]
    assert places == sorted(places)


def test_the_version_that_keeps_serving_is_named_with_its_date() -> None:
    found = evaluation(auc=0.5, difference=-0.2)
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/rightpack-dev-carton/12"
    found["champion"] |= {"arn": arn, "approved_at": "2026-11-13T04:05:06+00:00"}
    page = training_page(found, CURVES)
    assert "Version 12, approved on 13 November 2026, stays in use; nothing changes for packing." in page


def test_a_held_model_waits_for_a_person_and_its_type_goes_on_without_one() -> None:
    gate = Gate((Criterion("label_shift", ceiling=0.05, on_fail="hold"),))
    found = evaluation()
    found["decision"] = decide(Evidence({"label_shift": Estimate.exactly(0.2)}), gate).to_dict()
    page = training_page(found, CURVES)
    assert "<strong>Waits for a person: its labels are quite unlike those that" in page
    assert "It waits for a person. Until then no model of this package type is approved" in page
    assert "rightpack approve the newest version of" in page
    assert 'class="verdict waiting"' in page


def test_what_rejects_is_said_before_what_only_holds_back() -> None:
    gate = Gate((Criterion("label_shift", ceiling=0.05, on_fail="hold"), Criterion("roc_auc", floor=0.6)))
    metrics = {"label_shift": Estimate.exactly(0.2), "roc_auc": Estimate(0.5, 0.4, 0.6)}
    page = training_page(evaluation() | {"decision": decide(Evidence(metrics), gate).to_dict()}, CURVES)
    assert "<strong>Rejected: it can hardly tell" in page


def test_a_check_of_a_slice_names_the_slice() -> None:
    check = {"name": "roc_auc against last approved in glass, below 250 g", "passed": False, "words": "w", "value": 0.2,
             "bound": 0.05, "low": 0.1, "high": 0.3, "on_fail": "hold"}  # fmt: skip
    found = evaluation()
    found["decision"] = {"status": "PendingManualApproval", "approved": False, "reason": "r", "checks": [check]}
    page = training_page(found, CURVES)
    assert "Waits for a person: for glass, below 250 g, it tells suitable products from unsuitable ones worse" in page
    assert "✗ holds the model back</td>" in page


def test_people_who_intervened_are_named_with_date_and_words() -> None:
    hand = {
        "version": "3",
        "status": "Approved",
        "how": "rollback",
        "by": "Ada",
        "why": "carton broke",
        "at": "2026-11-18T09:00:00",
    }
    page = training_page(evaluation() | {"hands": [hand]}, CURVES)
    assert "18 November 2026: Ada set version 3 to Approved" in page
    assert "(rollback), because: carton broke" in page


def test_the_worst_slices_are_shown_worst_first_and_within_what_the_metric_can_be() -> None:
    parts = [
        {
            "name": f"part {i}",
            "metrics": {"roc_auc": {"value": 0.9 - i / 20, "low": 0.5, "high": 1.4}},
            "differences": None,
        }
        for i in range(8)
    ]
    page = training_page(evaluation() | {"slices": parts}, CURVES)
    shown = [f"part {i}</th>" in page for i in range(8)]
    assert shown == [False, False] + [True] * 6
    assert page.index("part 7</th>") < page.index("part 6</th>")
    assert "0.550 (0.500 to 1.000)" in page


def test_what_drives_the_scores_is_said_in_words_and_by_examples() -> None:
    page = PAGES[1]
    assert "What drives its scores" in page
    assert "the higher, the worse" in page
    assert "computed exactly from the model. 2 weaker columns are not shown." in page
    assert "<code>weight_g</code>: suitable with 3.1 %" in page
    assert ">against -1.25</span>" in page
    assert ">for +0.50</span>" in page


@pytest.mark.parametrize("nothing", [None, {"version": "1.0", "explanations": {}}])
def test_a_model_that_is_not_explained_has_no_such_section(nothing: dict[str, Any] | None) -> None:
    assert "What drives its scores" not in training_page(evaluation(), CURVES, nothing)


def test_a_target_with_other_metrics_and_without_curves_has_a_page_too() -> None:
    gate = Gate((Criterion("cost_saving", floor=0.05),))
    metrics = {
        "deviance": Estimate(1.2, 1.1, 1.3),
        "cost_saving": Estimate(0.01, -0.02, 0.04),
        "tests": Estimate.exactly(900),
    }
    found = evaluation() | {
        "package_type": "every-type",
        "decision": decide(Evidence({"cost_saving": metrics["cost_saving"]}), gate).to_dict(),
        "metrics": {n: e.value for n, e in metrics.items()},
        "intervals": {n: vars_of(e) for n, e in metrics.items()},
        "differences": {},
    }
    page = training_page(found, {"new model": {"reliability": [], "precision_recall": []}})
    assert "Rejected: packing by it would not save enough." in page
    assert "Error of the damage rates (deviance)" in page
    assert "Do scores mean what they say?" not in page


def test_tables_have_headers_and_pictures_have_words() -> None:
    for page in PAGES[:3]:
        reader = read(page)
        assert ("scope", "col") in reader.attributes
        assert ("lang", "en") in reader.attributes
        for opening in re.findall(r"<svg[^>]*>", page):
            assert 'role="img"' in opening
            assert re.search(r'aria-label="[^"]+"', opening)


def test_every_metric_is_on_the_page_with_its_meaning() -> None:
    for name in METRICS:
        assert f">{metric_words(name).name}<small>{metric_words(name).meaning}</small>" in PAGES[0]


def test_a_run_that_scored_everything_needs_nothing() -> None:
    page = PAGES[3]
    assert "1,200 products were scored by 1 model." in page
    assert "Nothing needs to be done." in page
    assert 'class="verdict good"' in page
    assert "least expected cost" in page
    assert "What less damage would cost" in page
    assert page.count('class="mark"') == 2
    assert "78.3 % → 75.0 % (-3.3)" in page


def test_a_run_with_gaps_says_each_of_them() -> None:
    page = inference_page(summary(left_out=("none", "book-box"), unknown=30, doubled=4))
    assert "2 package types could not be scored." in page
    assert "book-box has no approved model" in page
    assert "Size, weight or nature of 30 products is not known" in page
    assert "4 rows of products that came before in the drop were ignored." in page
    assert "Nothing needs to be done." not in page
    assert 'class="verdict bad"' in page


def test_the_same_content_gives_the_same_page() -> None:
    assert training_page(evaluation(), CURVES) == PAGES[0]
    assert inference_page(summary()) == PAGES[3]


def test_a_name_that_the_template_needs_is_not_silently_empty() -> None:
    with pytest.raises(UndefinedError):
        render("training.html", package_type="x")


def test_numbers_are_written_for_people() -> None:
    assert (number(0.12345), share(0.1234), count(1234567)) == ("0.123", "12.3 %", "1,234,567")
    assert number(None) == share(None) == count(None) == "–"


def test_dates_are_written_out_and_what_is_no_date_stays() -> None:
    assert long_date("2026-11-05T23:00:00") == "5 November 2026"
    assert long_date(HOSTILE) == HOSTILE


def test_where_the_model_in_use_fails_too_the_labels_are_suspected() -> None:
    found = evaluation(auc=0.5, difference=-0.01)
    assert "does no better by them (0.510), so these labels are more suspect" in training_page(found, CURVES)
    assert "more suspect" not in PAGES[1], "that champion is good"


def test_what_was_not_measured_neither_holds_nor_fails() -> None:
    gate = Gate((Criterion("damage_ratio", ceiling=1.1),))
    page = training_page(evaluation() | {"decision": decide(Evidence({}), gate).to_dict()}, CURVES)
    assert ">not measured</td>" in page
    assert "✓" not in page


def test_columns_that_have_moved_are_shown_the_furthest_first() -> None:
    shifts = [{"column": f"column {i}", "psi": i / 100, "chi_square_p": 0.0} for i in range(9)]
    page = training_page(evaluation(difference=0.0) | {"shifts": shifts}, CURVES)
    assert "Have the products changed?" in page
    assert page.index(">column 8<") < page.index(">column 3<")
    assert ">column 2<" not in page
    assert "Have the products changed?" not in PAGES[0]


def test_a_first_run_has_no_mix_before_and_without_a_trusted_model_there_is_no_frontier() -> None:
    page = inference_page(summary(mix_before={"carton": 0}, frontier=[]))
    assert "900 (75%)" in page
    assert "What less damage would cost" not in page


def test_a_run_without_estimates_shows_the_frontier_without_itself() -> None:
    found = summary()
    page = inference_page(found | {"estimates": found["estimates"] | {"mean_grams": None}})
    assert "What less damage would cost" in page
    assert 'class="mark"' not in page
