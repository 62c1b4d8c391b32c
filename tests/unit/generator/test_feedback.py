from __future__ import annotations

import pandas as pd
import pytest

from . import tables


@pytest.fixture(scope="module")
def history(catalogue):
    return tables.feedback(catalogue, 0)


@pytest.fixture(scope="module")
def later(catalogue):
    return {week: tables.feedback(catalogue, week) for week in (1, 2)}


def shipped(events):
    return events[events.source.isin(["return", "review"])]


def test_customers_report_about_two_percent_of_what_is_shipped(history):
    heard = shipped(history)
    assert heard.n_bad.sum() / heard.n_units.sum() == pytest.approx(0.017, abs=0.002)
    assert (heard.n_bad <= heard.n_units).all()
    assert heard.n_units.min() >= 1


def test_most_products_were_tried_in_one_or_two_types_only(history):
    tried = shipped(history).groupby("product_id").package_type.nunique()
    assert tried.max() == 2
    assert 0.2 < (tried == 2).mean() < 0.4


def test_types_are_tried_where_they_seem_safe_so_feedback_is_biased(catalogue, history):
    truth = tables.truth(catalogue).set_index(["product_id", "package_type"])
    tried = truth.loc[pd.MultiIndex.from_frame(shipped(history)[["product_id", "package_type"]].drop_duplicates())]
    assert tried.fits.all()
    for name in ("paper-bag", "padded-mailer"):
        fitting = truth[truth.fits].xs(name, level="package_type")
        assert tried.xs(name, level="package_type").damage.mean() < 0.6 * fitting.damage.mean()


def test_five_percent_of_the_products_are_tested_in_every_fitting_type(catalogue, history):
    tests = history[history.source == "lab_test"].drop_duplicates("feedback_id")
    fits = tables.truth(catalogue)
    fits = fits[fits.fits].groupby("product_id").package_type.count()
    counts = tests.groupby("product_id").package_type.count()
    assert len(counts) / 20_000 == pytest.approx(0.05, abs=0.006)
    assert (counts == fits[counts.index]).all()
    assert (tests.n_units == 5).all()


def test_events_come_in_within_their_week_and_after_they_happened(catalogue, history, later):
    for week, events in {0: history, **later}.items():
        begin = pd.Timestamp(catalogue.start) + pd.Timedelta(weeks=week)
        assert events.ingested_at.between(begin, begin + pd.Timedelta(days=7), inclusive="left").all()
        assert (events.observed_at <= events.ingested_at).all()
        assert events.groupby("product_id").ingested_at.is_monotonic_increasing.all()


def test_nothing_is_heard_of_a_product_before_it_was_seen(catalogue, later):
    seen = tables.products(catalogue, 0, 1, 2).set_index("product_id").first_seen_at
    for events in later.values():
        assert (events.observed_at.to_numpy() >= seen[events.product_id].to_numpy()).all()


def test_a_fifth_of_the_feedback_happened_in_an_earlier_week(catalogue, later):
    for week, events in later.items():
        heard, begin = shipped(events), pd.Timestamp(catalogue.start) + pd.Timedelta(weeks=week)
        assert (heard.observed_at < begin).mean() == pytest.approx(0.2, abs=0.01)
        delays = (begin - heard.observed_at[heard.observed_at < begin]).dt.days
        assert 6 < delays.median() < 12


def test_history_reaches_back_twelve_weeks(catalogue, history):
    age = (pd.Timestamp(catalogue.start) - history.observed_at).dt.days
    assert 75 < age.max() <= 84
    assert 25 < age.median() < 45


def test_one_percent_is_delivered_twice_unchanged(history):
    twice = history[history.duplicated("feedback_id", keep=False)]
    assert history.duplicated("feedback_id").mean() == pytest.approx(0.01, abs=0.002)
    assert (twice.drop(columns="ingested_at").groupby("feedback_id").nunique() == 1).all().all()


def test_retractions_lower_the_count_of_an_event_of_the_week_before(history, later):
    earlier, events = history, later[1]
    retracted = events[events.source == "retraction"].set_index("feedback_id")
    first = earlier.drop_duplicates("feedback_id").set_index("feedback_id").loc[retracted.index]
    assert len(retracted) / len(shipped(earlier)) == pytest.approx(0.003, abs=0.0015)
    assert (retracted.n_bad <= first.n_bad).all()
    assert (retracted.n_bad < first.n_bad).mean() > 0.95
    same = ["product_id", "package_type", "n_units", "observed_at"]
    assert (retracted[same] == first[same]).all().all()


def test_labels_grow_week_by_week(history, later):
    counts = [
        len(tables.labels(pd.concat(events), "carton"))
        for events in ([history], [history, later[1]], [history, later[1], later[2]])
    ]
    assert counts[0] < counts[1] < counts[2]


def test_labels_are_mostly_right_and_mostly_positive(catalogue, history):
    suitable = tables.wide(catalogue, "suitable")
    for name in ("paper-bag", "padded-mailer", "book-box", "carton"):
        label = tables.labels(history, name)
        wrong = (label != suitable[name][label.index]).mean()
        assert 0.7 < label.mean() < 0.97
        assert 0.03 < wrong < 0.25
