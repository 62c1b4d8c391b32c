"""The target `every-type` through all steps: prepared, trained, scored, judged, bundled beside single models."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from processing import evaluate
from processing.architectures.ordinal.model import DamageScorer
from processing.artefact import ARCHIVE, Card, Entry, joint_policy, pack, read_index, unpack
from processing.baselines import Baseline
from processing.champion import Champion
from processing.columns import Column, Kind, damage_columns
from processing.evidence import feature_drift
from processing.evidence_joint import Believer, HeldOut, measure_joint, models_of
from processing.preparing_joint import joint_profile, prepare_joint
from processing.profiling import summarise
from processing.scoring.bundle import Bundle
from processing.worth import SUITABLE, UNSUITABLE, saved_by
from rightpack.errors import DataError
from rightpack.packaging import EVERY_TYPE
from rightpack.settings import Settings
from tests.unit.processing.world import Desk, contents, labelled, products, settings

GROUP = "rightpack-dev-every-type"
QUICK = {"damage_model": {"parameters": {"most_rounds": 60, "patience": 10}}, "gate": {"bootstrap_rounds": 60}}
SETTINGS = settings(**QUICK)
NAMES = [t.name for t in sorted(SETTINGS.package_types, key=lambda t: t.rank)]
COLUMNS = [f"damage:{name}" for name in NAMES]


def rates(catalogue: pa.Table) -> np.ndarray:
    """True damage rates [products, types]: glass breaks, heavy things break, protection helps."""
    glass = np.array(["glass" in t or "fragile" in t for t in catalogue["title"].to_pylist()])
    heavy = np.log(catalogue["weight_g"].to_numpy()) - 6.2
    level = -5.5 + 2.5 * glass + 0.8 * heavy
    return np.asarray(np.minimum(np.exp(level[:, None] + np.array([2.0, 1.5, 1.0, 0.0, -1.0, -3.0])), 0.9))


def evidence(count: int = 1200, seed: int = 1, *, tested: float = 0.3) -> pa.Table:
    """A drop: each product shipped in two types, some tested in all of them."""
    catalogue, rng = products(count, seed), np.random.default_rng(seed + 50)
    truth, shape = rates(catalogue), (count, len(NAMES))
    tried = np.zeros(shape, bool)
    tried[np.arange(count)[:, None], rng.integers(0, len(NAMES), (count, 2))] = True
    shipped = np.where(tried, rng.poisson(40, shape), 0)
    bad = rng.binomial(shipped, np.minimum(0.6 * truth + 0.002, 1))
    units = np.where(rng.random((count, 1)) < tested, 5, 0) * np.ones(shape, int)
    failed = rng.binomial(units, np.minimum(6 * truth, 0.98))
    row, place = np.nonzero((shipped > 0) | (units > 0))
    counts = {"shipped": shipped, "bad": bad, "tested": units, "failed": failed}
    counts |= {"recent_units": shipped // 4, "recent_bad": bad // 4}
    own = {
        "product_id": catalogue["product_id"].take(pa.array(row)),
        "package_type": pa.array(NAMES).take(pa.array(place)),
        "observed_at": pa.array(np.full(len(row), np.datetime64("2026-11-01", "us"))),
        **{name: values[row, place].astype(np.int64) for name, values in counts.items()},
    }
    features = {name: catalogue[name].take(pa.array(row)) for name in catalogue.column_names if name != "product_id"}
    return pa.table({**own, **features})


def made(desk: Desk, table: pa.Table, name: str = "") -> tuple[Path, Path, Path]:
    """Prepared, model and scores."""
    prepared = desk.prepare(table, name=f"{name}prepare", package_type=EVERY_TYPE)
    model = desk.train(prepared, name=f"{name}train", package_type=EVERY_TYPE)
    return prepared, model, desk.score(model, prepared / "validation", name=f"{name}scores")


def judged(desk: Desk, prepared: Path, model: Path, scores: Path, name: str = "evaluate") -> dict[str, Any]:
    folder = desk.folder / f"{name}-model"
    folder.mkdir()
    pack(model, folder / ARCHIVE)
    arguments = evaluate.Arguments(EVERY_TYPE, "2026-11-20", GROUP, "training-2026-11-20-abc")
    inputs = {n: prepared / n for n in ("validation", "labels", "profile")} | {"scores": scores, "model": folder}
    out = desk.do(name, lambda job: evaluate.run(job, arguments), inputs) / "evaluation"
    found = dict(json.loads((out / "evaluation.json").read_text()))
    return found | {"folder": out}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    return made(Desk(tmp_path_factory.mktemp("joint"), SETTINGS), evidence())


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path, SETTINGS)


def test_every_held_out_product_is_scored_once_and_none_is_learned_from(trained: tuple[Path, Path, Path]) -> None:
    prepared = trained[0]
    train, validation, labels = (pq.read_table(prepared / name) for name in ("train", "validation", "labels"))
    ids = validation["row_id"].to_pylist()
    assert len(set(ids)) == len(ids)
    assert set(ids) == set(labels["row_id"].to_pylist())
    assert not set(ids) & set(train["product_id"].to_pylist())
    assert not {"package_type", "shipped", "bad", "tested", "failed"} & set(validation.column_names)


def test_the_profile_counts_units_and_recent_damage(trained: tuple[Path, Path, Path]) -> None:
    profile = json.loads((trained[0] / "profile" / "profile.json").read_text())
    table = evidence()
    units = sum(profile[side]["units"]["shipped"] for side in ("train", "validation"))
    assert units == pc.sum(table["shipped"]).as_py()
    assert profile["damage"]["units"] == pc.sum(table["recent_units"]).as_py()
    assert profile["columns"]["category"]["rows"] == profile["train"]["products"]
    assert 0 < profile["train"]["label_share"] < 1


def test_without_recent_counts_nothing_is_said_of_recent_damage() -> None:
    table = evidence().drop_columns(["recent_units", "recent_bad"])
    assert joint_profile(prepare_joint(table, SETTINGS.split, NAMES), table)["damage"] is None


def test_a_package_type_that_is_no_more_is_left_out() -> None:
    table = evidence(100)
    found = prepare_joint(table, SETTINGS.split, NAMES[1:])
    assert found.left_out == pc.sum(pc.equal(table["package_type"], NAMES[0])).as_py()
    assert NAMES[0] not in found.train["package_type"].to_pylist()


def test_two_rows_of_one_product_and_type_are_refused() -> None:
    table = evidence(50)
    with pytest.raises(DataError, match="two rows of evidence"):
        prepare_joint(pa.concat_tables([table, table.slice(3, 1)]), SETTINGS.split, NAMES)


def test_a_side_without_products_is_refused() -> None:
    with pytest.raises(DataError, match="validation side has no product"):
        prepare_joint(evidence(50), replace(SETTINGS.split, validation_share=0.0), NAMES)


def test_the_same_rows_give_the_same_artefact(desk: Desk, trained: tuple[Path, Path, Path]) -> None:
    prepared, model, _ = trained
    assert contents(desk.train(prepared, package_type=EVERY_TYPE)) == contents(model)
    entries, _ = read_index(model)
    assert entries == [Entry(EVERY_TYPE, EVERY_TYPE, "ordinal")]


@pytest.mark.parametrize(
    ("table", "words"), [(evidence(20), "Only"), (evidence(300).filter(pc.equal(evidence(300)["bad"], -1)), "no rows")]
)
def test_too_little_evidence_is_refused(desk: Desk, table: pa.Table, words: str) -> None:
    with pytest.raises(DataError, match=words):
        made(desk, table)


def test_where_nothing_broke_there_is_nothing_to_learn(desk: Desk) -> None:
    table = evidence(300)
    for name in ("bad", "failed", "recent_bad"):
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(np.zeros(table.num_rows, np.int64)))
    with pytest.raises(DataError, match="nothing broke"):
        made(desk, table)


def test_scores_are_damage_rates_in_every_type_and_close_to_the_truth(trained: tuple[Path, Path, Path]) -> None:
    prepared, _, scores = trained
    table = pq.read_table(next(scores.glob("*.out")))
    assert table.column_names == ["row_id", *COLUMNS]
    found = np.stack([table[name].to_numpy() for name in COLUMNS], axis=1)
    truth = rates(pq.read_table(prepared / "validation"))
    assert ((found > 0) & (found <= 1)).all()
    assert np.corrcoef(np.log(found).ravel(), np.log(truth).ravel())[0, 1] > 0.8


def test_a_model_that_saves_is_approved_in_words_that_money_understands(
    desk: Desk, trained: tuple[Path, Path, Path]
) -> None:
    found = judged(desk, *trained)
    assert found["decision"]["status"] == "Approved", found["decision"]["reason"]
    words = next(c["words"] for c in found["decision"]["checks"] if c["name"] == "cost_saving floor")
    assert words.startswith("saves ")
    assert "per shipment against always using carton [" in words
    assert set(found["metrics"]) >= {"roc_auc", "deviance", "cost_saving", "tests"}
    assert found["policy"]["caution"] > 0
    statistics = json.loads((found["folder"] / "statistics.json").read_text())["binary_classification_metrics"]
    assert statistics["auc"] == statistics["roc_auc"]
    assert {"deviance", "cost_saving"} <= set(statistics)
    page = (found["folder"] / "report.html").read_text()
    assert "Damage in every package type: may the new model decide?" in page
    assert "recommendations weigh material against the damage rates of this model" in page
    assert EVERY_TYPE not in page.split("<h2>Where this comes from", maxsplit=1)[0]


def test_the_champion_scores_the_same_products_with_its_own_caution(
    desk: Desk, trained: tuple[Path, Path, Path]
) -> None:
    desk.cloud.publish(GROUP, trained[1])
    found = judged(desk, *trained)
    assert found["champion"]["arn"].endswith(f"{GROUP}/1")
    assert all(d["low"] == d["value"] == d["high"] == 0 for d in found["differences"].values())
    assert found["metrics"]["rows_ratio"] == 1


def test_a_champion_of_other_package_types_is_not_compared_with(
    tmp_path: Path, trained: tuple[Path, Path, Path]
) -> None:
    more = settings(**QUICK, package_types={"tube": {"rank": 9, "trained": False}})
    desk = Desk(tmp_path, more)
    desk.cloud.publish(GROUP, trained[1])
    found = judged(desk, *made(desk, evidence(600), name="more"))
    assert "does not know tube" in found["note"]
    assert found["differences"] == {}


def reversed_(scores: Path, folder: Path) -> Path:
    """Scores that think most of what breaks most."""
    table = pq.read_table(next(scores.glob("*.out")))
    folder.mkdir()
    for name in COLUMNS:
        worst = pa.array(np.exp(-12 - np.log(table[name].to_numpy())).clip(0, 1))
        table = table.set_column(table.column_names.index(name), name, worst)
    pq.write_table(table, folder / "part.out")
    return folder


def test_a_model_that_surely_costs_money_is_rejected(desk: Desk, trained: tuple[Path, Path, Path]) -> None:
    prepared, model, scores = trained
    found = judged(desk, prepared, model, reversed_(scores, desk.folder / "reversed"))
    assert found["decision"]["status"] == "Rejected"
    words = next(c["words"] for c in found["decision"]["checks"] if c["name"] == "cost_saving floor")
    assert words.startswith("costs ")
    assert "more than always using carton" in words


def test_without_tests_money_and_order_are_not_measured_and_reject_nothing_by_themselves(desk: Desk) -> None:
    found = judged(desk, *made(desk, evidence(600, tested=0.0)))
    assert not {"roc_auc", "cost_saving"} & set(found["metrics"])
    assert found["policy"]["trusted"] is False
    saving = next(c for c in found["decision"]["checks"] if c["name"] == "cost_saving floor")
    assert saving["passed"]


def test_the_truth_saves_more_than_what_was_learned(trained: tuple[Path, Path, Path]) -> None:
    prepared, _, scores = trained
    validation = pq.read_table(prepared / "validation")
    held = HeldOut.of(pq.read_table(prepared / "labels"), validation, SETTINGS)
    table = pq.read_table(next(scores.glob("*.out")))
    assert table["row_id"].to_pylist() == validation["row_id"].to_pylist()
    learned = np.stack([table[name].to_numpy() for name in COLUMNS], axis=1)
    found = measure_joint(held, models_of(Believer(rates(validation), 1.0), Believer(learned, 1.0))).metrics
    best, own = found["new model"], found["last approved"]
    assert best.values["deviance"] < own.values["deviance"]
    assert best.values["cost_saving"] > own.values["cost_saving"] - 2 * own.deviation("cost_saving")
    assert own.deviation("tests") == 0


def test_the_joint_model_is_bundled_beside_single_ones_and_keeps_its_policy(
    desk: Desk, trained: tuple[Path, Path, Path]
) -> None:
    desk.cloud.publish(GROUP, trained[1])
    single = desk.train(desk.prepare(labelled(600), name="one"), name="one-train")
    desk.cloud.publish("rightpack-dev-padded-mailer", single)
    folder = desk.bundle()
    entries, left_out = read_index(folder)
    assert [e.package_type for e in entries] == [EVERY_TYPE, "padded-mailer"]
    assert EVERY_TYPE not in left_out
    assert (
        joint_policy(folder, entries)["caution"]
        == json.loads((trained[1] / EVERY_TYPE / "policy.json").read_text())["caution"]
    )
    scored = Bundle.load(unpack(folder / ARCHIVE, desk.folder / "unpacked")).score(products(50))
    assert scored.column_names == ["row_id", *COLUMNS, "padded-mailer"]


def test_without_an_approved_joint_model_single_ones_serve_and_it_is_counted_as_missing(desk: Desk) -> None:
    desk.cloud.publish("rightpack-dev-padded-mailer", desk.train(desk.prepare(labelled(600))))
    entries, left_out = read_index(desk.bundle())
    assert [e.package_type for e in entries] == ["padded-mailer"]
    assert EVERY_TYPE not in left_out, "no package type is left out for the lack of it"
    assert desk.cloud.cloudwatch.values("ModelMissing")[EVERY_TYPE] == 1.0


def test_a_disabled_joint_model_is_neither_looked_for_nor_missed(
    tmp_path: Path, trained: tuple[Path, Path, Path]
) -> None:
    desk = Desk(tmp_path, settings(damage_model={"enabled": False}))
    desk.cloud.publish(GROUP, trained[1])
    desk.cloud.publish("rightpack-dev-padded-mailer", desk.train(desk.prepare(labelled(600))))
    assert [e.package_type for e in read_index(desk.bundle())[0]] == ["padded-mailer"]
    assert EVERY_TYPE not in desk.cloud.cloudwatch.values("ModelMissing")


def test_a_model_whose_policy_knows_other_types_is_refused(trained: tuple[Path, Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / EVERY_TYPE
    folder.mkdir()
    for path in (trained[1] / EVERY_TYPE).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    policy = json.loads((folder / "policy.json").read_text())
    policy["versions"].pop("none")
    (folder / "policy.json").write_text(json.dumps(policy))
    Card.load(trained[1] / EVERY_TYPE).save(folder)
    with pytest.raises(Exception, match="differ in their package types"):
        DamageScorer.load(folder)


def test_choosing_by_suitability_is_worth_what_the_labels_say() -> None:
    catalogue = products(400)
    suitable = (np.arange(400) % 2).astype(float)
    known = saved_by(catalogue, suitable, suitable, "none", SETTINGS)["cost_saving"]
    blind = saved_by(catalogue, suitable, np.ones(400), "none", SETTINGS)["cost_saving"]
    assert (known[suitable == 0] == 0).sum() > 150, "a box is worth its money where the bare product breaks"
    assert known.mean() > 0
    assert known.mean() > blind.mean()
    right = saved_by(catalogue, np.ones(400), np.ones(400), "none", SETTINGS)["cost_saving"]
    wrong = (suitable == 0) & ~np.array([length is None for length in catalogue["length_cm"].to_pylist()])
    price = np.minimum(catalogue["price"].to_numpy(), 500) + 6
    np.testing.assert_allclose((right - blind)[wrong], (UNSUITABLE - SUITABLE) * price[wrong])


def test_a_single_models_evaluation_tells_what_it_saves(desk: Desk) -> None:
    prepared = desk.prepare(labelled(900))
    model = desk.train(prepared)
    found = desk.evaluate(prepared, desk.score(model, prepared / "validation"))
    saving = found["intervals"]["cost_saving"]
    assert saving["low"] < saving["value"] < saving["high"]
    (words,) = (check["words"] for check in found["decision"]["checks"] if check["name"] == "cost_saving floor")
    assert f"{abs(saving['value']):.2f} per shipment" in words


def test_the_baselines_own_model_has_no_saving_over_the_baseline() -> None:
    ones = np.ones(20)
    assert saved_by(products(20), ones, ones, "carton", SETTINGS) == {}


def test_drift_of_features_is_the_largest_that_chance_does_not_explain() -> None:
    columns = [Column("weight_g", Kind.NUMBER), Column("category", Kind.CATEGORY)]
    before, same = (summarise(products(3000, seed), columns) for seed in (1, 2))
    heavier = products(3000, 2)
    heavier = heavier.set_column(
        heavier.column_names.index("weight_g"), "weight_g", pc.multiply(heavier["weight_g"], 3.0)
    )
    champion = Champion(None, None, None, baseline=Baseline("s3://b/k", "2026-11-01", before, None))  # type: ignore[arg-type]
    assert feature_drift(champion, {"columns": same}, SETTINGS.drift)["feature_drift"].value == 0
    moved = feature_drift(champion, {"columns": summarise(heavier, columns)}, SETTINGS.drift)
    assert moved["feature_drift"].value > 0.25
    assert feature_drift(None, {"columns": same}, SETTINGS.drift) == {}


def test_the_contract_of_a_damage_drop_holds_what_decisions_look_at() -> None:
    names = [c.name for c in damage_columns(Settings.load("dev").features)]
    assert {"shipped", "bad", "tested", "failed", "length_cm", "price", "is_liquid", "title"} <= set(names)
    assert len(set(names)) == len(names)
