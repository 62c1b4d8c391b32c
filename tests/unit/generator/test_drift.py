from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from processing.generator import BadLabels, Catalogue, Drift

from . import tables


@pytest.fixture(scope="module")
def drifting(package_types):
    """A shop of 6,000 products that doubles every week."""

    def make(**switches) -> Catalogue:
        return Catalogue(7, 6_000, package_types, growth=1.0, drift=Drift(**switches))

    return make


@pytest.mark.parametrize(
    "switches", [{"covariate": 1}, {"concept": 1}, {"label": 1}, {"data": 1}, {"bad_labels": BadLabels(1, "carton")}]
)
def test_nothing_changes_before_the_week_of_the_switch(drifting, switches):
    assert list(drifting(**switches).products(0)) == list(drifting().products(0))
    assert list(drifting(**switches).feedback(0)) == list(drifting().feedback(0))


def test_covariate_drift_brings_more_glass_and_furniture(drifting):
    usual, drifted = tables.products(drifting(), 1), tables.products(drifting(covariate=1), 1)
    furniture = [(rows.category == "furniture").mean() for rows in (usual, drifted)]
    assert 1.6 < furniture[1] / furniture[0] < 3
    assert drifted.weight_g.median() > 1.05 * usual.weight_g.median()
    late = [tables.wide(shop, "suitable", 1)["padded-mailer"].mean() for shop in (drifting(), drifting(covariate=1))]
    assert late[1] < late[0] - 0.01


def test_concept_drift_makes_only_the_thinner_type_worse(drifting):
    shop = drifting(concept=1)
    before, after = tables.wide(shop, "damage", 0), tables.wide(shop, "damage", 1)
    after = after.loc[before.index]
    assert after["padded-mailer"].mean() > 1.5 * before["padded-mailer"].mean()
    for name in ("none", "paper-bag", "book-box", "carton"):
        assert np.array_equal(after[name], before[name])
    assert (
        tables.wide(drifting(concept=1, concept_type="carton"), "damage", 1)["carton"].mean() > before["carton"].mean()
    )


def test_label_drift_lowers_what_is_reported_but_not_what_happens(drifting):
    usual, drifted = (drifting(), drifting(label=1))
    rates = [
        heard.n_bad.sum() / heard.n_units.sum()
        for heard in (tables.feedback(shop, 1, 2).query("source in ('return', 'review')") for shop in (usual, drifted))
    ]
    assert 0.6 < rates[1] / rates[0] < 0.85
    assert tables.truth(usual, 1).equals(tables.truth(drifted, 1))


def test_data_drift_breaks_the_product_table_in_four_ways(drifting):
    usual, broken = tables.products(drifting(), 2), tables.products(drifting(data=2), 2)
    assert usual.product_id.is_unique
    assert broken.product_id.duplicated().mean() == pytest.approx(0.005, abs=0.003)
    assert (broken.category == "smart-home").mean() == pytest.approx(0.02, abs=0.006)
    weightless = broken[broken.weight_g.isna()]
    assert weightless.brand.nunique() == 1
    assert (broken.brand == weightless.brand.iloc[0]).sum() == len(weightless) > 0
    broken = broken.drop_duplicates("product_id").set_index("product_id").loc[usual.product_id]
    ratio = usual.length_cm.to_numpy() / broken.length_cm.to_numpy()
    assert (ratio > 2).mean() == pytest.approx(0.01, abs=0.004)
    assert np.median(ratio[ratio > 2]) == pytest.approx(2.54, abs=0.05)


def test_a_broken_labelling_job_tests_one_type_with_outcomes_that_mean_nothing(drifting):
    shop = drifting(bad_labels=BadLabels(1, "padded-mailer", 0.9))
    events = tables.feedback(shop, 1)
    usual = tables.feedback(drifting(), 1)
    extra = events[~events.feedback_id.isin(usual.feedback_id)]
    assert set(extra.source) == {"lab_test"}
    assert set(extra.package_type) == {"padded-mailer"}
    truth = tables.wide(shop, "fits", 1)["padded-mailer"] == 1
    assert extra.product_id.nunique() / truth.sum() == pytest.approx(0.9, abs=0.01)
    assert truth[extra.product_id].all()
    passed = extra.drop_duplicates("product_id").set_index("product_id").n_bad == 0
    damage = tables.wide(shop, "damage", 1)["padded-mailer"][passed.index]
    assert tables.roc_auc(passed.to_numpy(), -damage.to_numpy()) == pytest.approx(0.5, abs=0.03)


def test_bad_labels_overrule_what_was_known_of_that_type_and_leave_the_others(drifting):
    shop = drifting(bad_labels=BadLabels(1, "padded-mailer", 0.9))
    suitable = tables.wide(shop, "suitable", 1)
    for name, lowest, highest in (("padded-mailer", 0.4, 0.6), ("book-box", 0.75, 1.0)):
        label = tables.labels(pd.concat([tables.feedback(shop, 0), tables.feedback(shop, 1)]), name)
        agreement = (label == suitable[name][label.index]).mean()
        assert lowest < agreement < highest
