from __future__ import annotations

import dataclasses
import datetime as dt

import pandas as pd
import pytest

from processing.generator import BadLabels, Catalogue, Drift, materials, physics
from processing.generator.weeks import Weeks
from rightpack.errors import SettingsError
from rightpack.packaging import PackageType

from . import tables


def test_week_zero_is_the_initial_catalogue_and_later_weeks_bring_only_new_products(small):
    first, second = tables.products(small, 0), tables.products(small, 1)
    assert len(first) == 600
    assert len(second) == 30
    assert not set(first.product_id) & set(second.product_id)


def test_the_catalogue_grows_by_its_rate_compounded(catalogue):
    assert [catalogue.count(week) for week in (-1, 0, 1, 10)] == [0, 20_000, 20_300, round(20_000 * 1.015**10)]
    assert sum(chunk.rows for chunk in catalogue.known(10)) == catalogue.count(10)


def test_a_catalogue_without_growth_has_no_new_products(package_types):
    assert list(Catalogue(7, 50, package_types, growth=0.0).products(3)) == []


def test_new_products_are_first_seen_within_their_week(small):
    begin = pd.Timestamp(small.start) + pd.Timedelta(weeks=4)
    seen = tables.products(small, 4).first_seen_at
    assert seen.between(begin, begin + pd.Timedelta(days=7), inclusive="left").all()


def test_the_initial_catalogue_was_seen_during_the_year_before(catalogue):
    seen = tables.products(catalogue, 0).first_seen_at
    start = pd.Timestamp(catalogue.start)
    assert seen.between(start - pd.Timedelta(weeks=52), start + pd.Timedelta(days=7), inclusive="left").all()
    assert (seen >= start).mean() == pytest.approx(1 / 53, abs=0.005)


def test_sides_are_not_sorted_in_the_table(catalogue):
    rows = tables.products(catalogue, 0)
    assert 0.3 < (rows.length_cm >= rows.width_cm).mean() < 0.9
    assert 0.05 < (rows.height_cm > rows.length_cm).mean() < 0.6


def test_categories_follow_the_material_but_do_not_give_it_away(catalogue):
    odds = materials.category_odds()
    assert 18 <= len(materials.CATEGORIES) <= 22
    assert odds.sum(axis=1) == pytest.approx(1.0)
    assert odds.max() < 0.8
    assert odds.min() > 0
    assert set(tables.products(catalogue, 0).category) == set(materials.CATEGORIES)


def test_titles_hint_at_glass_and_liquid_without_being_certain(catalogue):
    rows = tables.products(catalogue, 0)
    vases = rows[rows.title.str.contains("Vase|Figurine|Tumbler")]
    glass = r"\b(?:Glass|Crystal|Ceramic|Porcelain|Stoneware)\b"
    assert 0.6 < vases.title.str.contains(glass).mean() < 0.85
    assert 0.005 < rows.drop(vases.index).title.str.contains(glass).mean() < 0.08
    assert (rows[rows.title.str.contains(r" ml| 1 L")].is_liquid == 1).all()
    assert rows.title.str.len().max() < 128
    assert not rows.title.str.contains("  |^ | $").any()


def test_measures_are_physical(catalogue):
    rows = tables.products(catalogue, 0)
    assert rows[["length_cm", "width_cm", "height_cm", "weight_g", "price"]].min().min() > 0
    assert rows.weight_g.median() == pytest.approx(517, rel=0.1)
    assert set(rows.primary_pack) == {"exposed", "polybag", "blister", "carton"}
    assert not rows.isna().any().any()


def test_damage_never_rises_with_protection(catalogue):
    damage = tables.wide(catalogue, "damage").to_numpy()
    assert (damage[:, 1:] <= damage[:, :-1]).all()
    assert damage.min() >= 0
    assert damage.max() <= 1


def test_fitting_and_suitable_shares_are_those_of_the_study(catalogue):
    fits, suitable = tables.wide(catalogue, "fits").mean(), tables.wide(catalogue, "suitable").mean()
    assert fits.to_list() == pytest.approx([1.0, 0.81, 0.50, 0.61, 0.98, 0.98], abs=0.02)
    assert suitable.to_list() == pytest.approx([0.26, 0.54, 0.44, 0.57, 0.95, 0.98], abs=0.02)


def test_truth_can_be_asked_for_some_products_only(small):
    ids = tables.products(small, 0).product_id.to_list()[5:8]
    rows = tables.truth(small, 1, ids)
    assert set(rows.product_id) == set(ids)
    assert len(rows) == 3 * len(small.package_types)
    assert tables.truth(small, 1, []).empty


def test_stronger_packs_cost_more(small):
    cost = tables.wide(small, "pack_cost").mean()
    assert cost["none"] == 0
    assert cost.is_monotonic_increasing


def test_a_type_that_takes_no_liquids_fits_no_liquid_product(package_types):
    dry = tuple(dataclasses.replace(t, allows_liquid=t.name != "paper-bag") for t in package_types)
    shop = Catalogue(7, 2_000, dry)
    liquid = tables.products(shop, 0).set_index("product_id").is_liquid == 1
    fits = tables.wide(shop, "fits")
    assert fits["paper-bag"][liquid].sum() == 0
    assert fits["padded-mailer"][liquid].sum() > 0


def test_a_type_that_a_team_invented_is_as_strong_as_its_cushion_suggests():
    assert physics.strength(PackageType("bubble-bag", 2, cushion_mm=5.5)) == physics.STRENGTHS["padded-mailer"]
    assert physics.strength(PackageType("nothing", 0)) == physics.STRENGTHS["none"]
    assert physics.strength(PackageType("carton", 9, cushion_mm=1.0)) == physics.STRENGTHS["carton"]


def test_the_weeks_before_christmas_are_busy_and_weeks_start_on_monday():
    weeks = Weeks(dt.date(2026, 9, 7))
    assert [weeks.season(w) for w in (0, 9, 10, 14, 15)] == [1.0, 1.0, 1.6, 1.6, 1.0]
    with pytest.raises(SettingsError, match="Monday; 2026-09-08 is a Tuesday"):
        Weeks(dt.date(2026, 9, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size >= 1"),
        ({"growth": -0.1}, "growth >= 0"),
        ({"start": dt.date(2026, 1, 1)}, "Monday"),
        ({"package_types": ()}, "package types"),
        ({"drift": Drift(bad_labels=BadLabels(1, "crate"))}, "'crate'"),
        ({"drift": Drift(bad_labels=BadLabels(1, "none", 1.5))}, "share"),
        ({"drift": Drift(concept=1, concept_type="crate")}, "'crate'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_by_name(package_types, arguments, message):
    with pytest.raises(SettingsError, match=message):
        Catalogue(**{"seed": 7, "size": 10, "package_types": package_types} | arguments)
