from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processing.artefact import Card
from processing.champion import Champion
from processing.damage import damage_counts
from processing.evidence import NEW, Measured, damage_ratio, evidence_of, measure
from processing.slices import slices
from processing.statistics.bootstrap import Bootstrap
from rightpack.gate import decide
from rightpack.registry import CHANGED_AT, CHANGED_BY, ModelPackage, Outcome
from rightpack.settings import Settings, Slicing
from tests.unit.processing.conftest import Trained
from tests.unit.processing.world import GROUP, TYPE, Desk, labelled, settings

LABELS = np.array([1.0, 0.0])


def shop(rows: int, seed: int = 0) -> tuple[pa.Table, Any]:
    """Validation rows of two categories and two weight bands, and a model's scores of them."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.8).astype(np.float64)
    table = pa.table(
        {
            "suitable": labels,
            "weight": np.ones(rows),
            "category": np.where(np.arange(rows) % 2, "glass", "toys"),
            "weight_g": np.where(np.arange(rows) % 4 < 2, 100.0, 3000.0),
        }
    )
    return table, np.clip(0.3 * labels + rng.normal(0.5, 0.15, rows), 0, 1)


def champion(scores: Any = None, **changes: Any) -> Champion:
    package = ModelPackage("arn", GROUP, 1, "Approved", dt.datetime(2026, 9, 1, tzinfo=dt.UTC), "", "", {})
    return Champion(package, Card(TYPE, "x", {}, 0, 1000, 800, "", {}), scores, **changes)


def judge(measured: Measured, last: Champion | None, given: Settings, **profile: Any) -> Any:
    profile = {"train": {"rows": 1000, "label_share": 0.8}, **profile}
    return evidence_of(measured, last, profile, gate=given.gate)


def gate(*criteria: dict[str, Any], **more: Any) -> Settings:
    return settings(gate={"criteria": list(criteria), "bootstrap_rounds": 100, **more})


def test_slices_are_category_by_weight_band_with_enough_rows_of_both_labels() -> None:
    table, _ = shop(1200)
    labels = table["suitable"].to_numpy()
    found = dict(slices(table, labels, Slicing()))
    assert sorted(found) == ["glass, 1000 to 5000 g", "glass, below 250 g", "toys, 1000 to 5000 g", "toys, below 250 g"]
    assert sum(int(rows.sum()) for rows in found.values()) == 1200
    assert dict(slices(table, labels, Slicing(minimum_rows=301))) == {}
    assert dict(slices(table, np.ones(1200), Slicing())) == {}


@pytest.mark.parametrize(
    ("mass", "band"),
    [(0.0, "below 250 g"), (250.0, "250 to 1000 g"), (5000.0, "5000 g and more"), (None, "weight unknown")],
)
def test_a_band_begins_at_its_edge(mass: float | None, band: str) -> None:
    table = pa.table({"category": ["toys", None], "weight_g": pa.array([mass, mass], pa.float64())})
    found = slices(table, LABELS, Slicing(minimum_rows=1, minimum_of_each_label=0))
    assert [name for name, _ in found] == [f"toys, {band}", f"unknown, {band}"]


def test_a_column_that_is_not_there_does_not_divide() -> None:
    found = list(slices(pa.table({"price": [1.0, 2.0]}), LABELS, Slicing(minimum_rows=2, minimum_of_each_label=1)))
    assert [name for name, _ in found] == ["any category, any weight"]


def test_a_model_that_got_worse_in_one_slice_is_held_and_the_slice_named() -> None:
    given = gate({"metric": "roc_auc", "slices": True, "max_drop": 0.05, "on_fail": "hold"})
    table, last = shop(4000)
    rows = (table["category"].to_numpy(zero_copy_only=False) == "glass") & (table["weight_g"].to_numpy() > 1000)
    new = np.where(rows, np.random.default_rng(1).random(4000), last)
    measured = measure(table, table, candidate=new, champion=champion(last), settings=given)
    verdict = decide(judge(measured, champion(last), given), given.gate)
    assert verdict.outcome is Outcome.HELD
    assert [c.name for c in verdict.checks] == ["roc_auc against last approved in glass, 1000 to 5000 g"]


def test_slices_are_not_measured_unless_a_criterion_asks() -> None:
    table, scores = shop(2000)
    given = gate({"metric": "roc_auc", "floor": 0.5})
    assert measure(table, table, candidate=scores, champion=None, settings=given).slices == {}


def test_slice_intervals_are_wider_so_that_they_hold_for_all_slices_together() -> None:
    table, scores = shop(2000)
    rule = {"metric": "roc_auc", "slices": True, "floor": 0.5}
    given = gate(rule)
    measured = measure(table, table, candidate=scores, champion=None, settings=given)
    part = judge(measured, None, given).slices[0]
    alone = measured.slices[part.name][NEW].estimate("roc_auc", 0.95)
    assert part.metrics["roc_auc"].low < alone.low < alone.high < part.metrics["roc_auc"].high


def test_the_stored_metric_is_compared_with_the_deviations_of_both() -> None:
    table, scores = shop(2000)
    given = gate({"metric": "roc_auc", "max_stored_drop": 0.05})
    measured = measure(table, table, candidate=scores, champion=None, settings=given)
    value = measured.metrics[NEW].values["roc_auc"]
    for deviation, outcome in ((0.001, Outcome.REJECTED), (0.2, Outcome.APPROVED)):
        last = champion(stored={"roc_auc": (value + 0.1, deviation)})
        evidence = judge(measured, last, given)
        assert evidence.stored["roc_auc"].value == pytest.approx(-0.1)
        assert decide(evidence, given.gate).outcome is outcome


def test_other_measurements_join_the_evidence() -> None:
    from rightpack.gate import Estimate

    table, scores = shop(500)
    given = gate({"metric": "feature_drift", "ceiling": 2.0})
    measured = measure(table, table, candidate=scores, champion=None, settings=given)
    more = {"feature_drift": Estimate.exactly(3.0)}
    assert decide(evidence_of(measured, None, {}, gate=given.gate, more=more), given.gate).outcome is Outcome.REJECTED
    assert decide(evidence_of(measured, None, {}, gate=given.gate), given.gate).outcome is Outcome.APPROVED


def counts(units: list[float], bad: list[float], new_units: list[float], new_bad: list[float]) -> pa.Table:
    return pa.table({"earlier_units": units, "earlier_bad": bad, "recent_units": new_units, "recent_bad": new_bad})


def test_damage_as_before_is_a_ratio_of_one() -> None:
    found = damage_counts(counts([1000, 1000], [10, 30], [100, 100], [1, 3]))
    assert found is not None
    assert (found["seen"], found["units"]) == (4, 200)
    assert found["expected"] == pytest.approx(4, rel=0.01)


def test_products_that_are_shipped_more_are_not_mistaken_for_more_damage() -> None:
    found = damage_counts(counts([10_000, 10_000], [100, 1000], [100, 10_000], [1, 1000]))
    assert found is not None
    assert found["seen"] / found["expected"] == pytest.approx(1, abs=0.01)


def test_a_product_without_history_counts_as_any_other() -> None:
    found = damage_counts(counts([1000, 0], [20, 0], [0, 100], [0, 2]))
    assert found is not None
    assert found["expected"] == pytest.approx(2)


@pytest.mark.parametrize(
    "table",
    [pa.table({"price": [1.0]}), counts([0], [0], [5], [1]), counts([5], [1], [0], [0])],
    ids=["no counts", "nothing before", "nothing lately"],
)
def test_without_shipments_on_both_sides_there_is_no_ratio(table: pa.Table) -> None:
    assert damage_counts(table) is None


def test_labels_without_feedback_have_no_counts() -> None:
    table = pa.table({name: pa.array([None, 100.0]) for name in counts([], [], [], []).column_names})
    found = damage_counts(table)
    assert found is not None
    assert found["seen"] == 100


def test_what_a_person_has_accepted_is_what_is_expected() -> None:
    damage = {"seen": 30.0, "expected": 20.0, "deviation": 3.0, "units": 1000.0}
    assert damage_ratio(damage, 1.0, 0.95).low > 1.15
    accepted = damage_ratio(damage, 1.5, 0.95)
    assert (accepted.value, accepted.low < 1 < accepted.high) == (1.0, True)


def test_without_a_champion_nothing_has_changed_since() -> None:
    table, scores = shop(500)
    given = gate({"metric": "damage_ratio", "ceiling": 1.15})
    measured = measure(table, table, candidate=scores, champion=None, settings=given)
    damage = {"seen": 90.0, "expected": 45.0, "deviation": 7.0, "units": 5000.0}
    assert decide(judge(measured, None, given, damage=damage), given.gate).outcome is Outcome.APPROVED
    assert decide(judge(measured, champion(), given, damage=damage), given.gate).outcome is Outcome.REJECTED


def test_prepare_counts_damage_and_keeps_the_counts_from_the_model(desk: Desk) -> None:
    table = labelled(600)
    rows = table.num_rows
    own = {"earlier_units": 100, "earlier_bad": 1, "recent_units": 10, "recent_bad": 1}
    for name, value in own.items():
        table = table.append_column(name, pa.array(np.full(rows, value, np.int64)))
    prepared = desk.prepare(table)
    profile = json.loads((prepared / "profile" / "profile.json").read_text())
    assert profile["damage"]["seen"] / profile["damage"]["expected"] == pytest.approx(10)
    assert not set(own) & set(profile["columns"])
    from processing.tables import read_folder

    for side in ("train", "validation", "labels"):
        assert not set(own) & set(read_folder(prepared / side).column_names)


def test_more_damage_than_expected_holds_the_model_until_a_person_accepts_it(desk: Desk, trained: Trained) -> None:
    profile = trained.prepared / "profile" / "profile.json"
    content = json.loads(profile.read_text())
    content["damage"] = {"seen": 90.0, "expected": 45.0, "deviation": 7.0, "units": 5000.0}
    desk.cloud.publish(GROUP, trained.model)
    prepared = desk.folder / "prepared"
    for name in ("validation", "labels", "profile"):
        (prepared / name).mkdir(parents=True)
        for path in (trained.prepared / name).iterdir():
            (prepared / name / path.name).write_bytes(path.read_bytes())
    (prepared / "profile" / "profile.json").write_text(json.dumps(content))
    found = desk.evaluate(prepared, trained.scores)
    assert found["decision"]["status"] == "PendingManualApproval"
    assert "damage_ratio is 2.000" in found["decision"]["reason"]
    page = (desk.folder / "evaluate" / "processing" / "output" / "evaluation" / "report.html").read_text()
    assert "Waits for a person" in page
    assert "rightpack approve" in page
    cloudwatch = desk.cloud.cloudwatch
    outcome = {name: cloudwatch.values(f"Model{name}")[TYPE] for name in ("Approved", "Rejected", "Held")}
    assert outcome == {"Approved": 0.0, "Rejected": 0.0, "Held": 1.0}
    _accept(desk, trained, found["decision"]["reason"])
    again = desk.evaluate(prepared, trained.scores, name="again")
    assert again["decision"]["status"] == "Approved", again["decision"]["reason"]
    assert [hand["why"] for hand in again["hands"]] == ["the supplier changed"]
    page = (desk.folder / "again" / "processing" / "output" / "evaluation" / "report.html").read_text()
    assert "Since the last report" in page
    assert "the supplier changed" in page


def _accept(desk: Desk, trained: Trained, reason: str) -> None:
    """Register the evaluated model as held, then approved by a person."""
    arn = desk.cloud.publish(GROUP, trained.model, version=2)
    statistics = desk.folder / "evaluate" / "processing" / "output" / "evaluation" / "statistics.json"
    desk.cloud.s3.objects["models", "statistics.json"] = statistics.read_bytes()
    desk.cloud.sagemaker.packages[arn] |= {
        "ModelMetrics": {"ModelQuality": {"Statistics": {"S3Uri": "s3://models/statistics.json"}}},
        "ApprovalDescription": "the supplier changed",
        "CustomerMetadataProperties": {
            "reason": reason,
            CHANGED_BY: "arn:aws:iam::123456789012:user/anna",
            CHANGED_AT: "2026-11-20T12:00:00+00:00",
        },
    }


def test_a_champion_whose_statistics_are_gone_is_compared_without_them(desk: Desk, trained: Trained) -> None:
    arn = desk.cloud.publish(GROUP, trained.model)
    gone = {"ModelQuality": {"Statistics": {"S3Uri": "s3://models/gone.json"}}}
    desk.cloud.sagemaker.packages[arn]["ModelMetrics"] = gone
    found = desk.evaluate(trained.prepared, trained.scores)
    assert found["stored_differences"] == {}
    assert found["differences"]


def test_an_interval_beyond_what_the_samples_show_is_a_normal_one() -> None:
    table, scores = shop(500)
    labels = table["suitable"].to_numpy()
    found = Bootstrap(50, 1).resample(labels, np.ones(500), {"m": scores})["m"]
    wide, widest = found.estimate("roc_auc", 0.999), found.estimate("roc_auc", 0.99999)
    assert widest.low < wide.low < min(found.samples["roc_auc"].mean(), wide.value)
    assert wide.low == pytest.approx(wide.value - 3.2905 * found.deviation("roc_auc"), rel=1e-3)
