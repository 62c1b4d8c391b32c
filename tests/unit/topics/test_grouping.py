from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from processing.topics import clusters as clustering
from processing.topics.clusters import Clusters
from processing.topics.coherence import coherence
from processing.topics.embedding import Embedding
from processing.topics.grouping import Grouping
from processing.topics.keywords import keywords
from processing.topics.loss import Loss, cross_validated, measured
from processing.topics.options import Options
from processing.topics.reduction import Reduction
from processing.topics.text import clean_all
from processing.topics.vocabulary import Vocabulary
from rightpack.errors import DataError, SettingsError
from tests.unit.topics.conftest import KINDS, OPTIONS, titles


def test_the_vocabulary_has_frequent_words_first_and_leaves_out_rare_and_ubiquitous_ones() -> None:
    texts = pa.array(["the mug", "the mug", "the mug", "the bowl", "the bowl", "the vase", "the", "the", "the"])
    assert Vocabulary.learn(texts, 2).words == ("mug", "bowl")


def test_a_word_counts_once_per_text_and_unknown_words_not_at_all() -> None:
    counts = Vocabulary(("mug", "bowl")).count(pa.array(["mug mug bowl", "vase", "", "bowl"]))
    assert counts.toarray().tolist() == [[1, 1], [0, 0], [0, 0], [0, 1]]


def test_words_in_the_same_company_lie_close_although_they_never_meet(texts: pa.Array) -> None:
    embedding = Embedding.learn(texts, 8, 5)
    mug, bowl, hammer = embedding.of(pa.array(["mug", "bowl", "hammer"]))
    assert "mug" not in {w for t in texts.to_pylist() if "bowl" in t.split() for w in t.split()}
    assert mug @ bowl > 0.8
    assert mug @ hammer < 0.3


def test_points_have_length_one_or_zero_where_no_word_is_known(texts: pa.Array) -> None:
    lengths = np.linalg.norm(Embedding.learn(texts, 8, 5).of(pa.array(["mug", "mug steel", "unheard", ""])), axis=1)
    assert lengths.round(9).tolist() == [1, 1, 0, 0]


def test_large_vocabularies_give_the_same_coordinates_as_exact_ones(
    texts: pa.Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = Embedding.learn(texts, 4, 5)
    monkeypatch.setattr("processing.topics.embedding.DENSE", 0)
    approximate = Embedding.learn(texts, 4, 5)
    np.testing.assert_allclose(
        exact.of(texts) @ exact.of(texts).T, approximate.of(texts) @ approximate.of(texts).T, atol=1e-4
    )


def test_the_reduction_keeps_the_directions_in_which_points_differ() -> None:
    points = np.random.default_rng(1).normal(size=(500, 3)) * [10, 1, 0.01]
    reduced = Reduction.learn(points, 2).of(points)
    assert reduced.std(axis=0).round(0).tolist() == [10, 1]


def test_clusters_are_numbered_by_size_and_what_lies_far_out_has_none() -> None:
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(0, 0.1, (50, 2)), rng.normal(5, 0.1, (200, 2))])
    found = Clusters.learn(points, 2, 0.2)
    topic, distance = found.of(np.array([[0.0, 0.0], [5.0, 5.0], [2.5, 2.5]]))
    assert topic.tolist() == [1, 0, -1]
    assert distance[2] > 3


def test_too_many_balls_are_widened_until_there_are_few_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "MOST_BALLS", 10)
    points = np.random.default_rng(1).random((300, 2))
    assert len(Clusters.learn(points, 4, 0.01).balls) <= 10


def test_a_ball_that_holds_everything_is_one_topic() -> None:
    found = Clusters.learn(np.random.default_rng(1).random((50, 2)), 4, 10.0)
    assert (found.count, found.topic_of.tolist()) == (1, [0])


def test_keywords_are_frequent_in_their_topic_and_not_elsewhere() -> None:
    vocabulary = Vocabulary(("set", "mug", "saw"))
    counts = vocabulary.count(pa.array(["set mug", "set mug", "set saw", "set saw", "mug"]))
    found = keywords(counts, vocabulary, np.array([0, 0, 1, 1, -1]), 2, 1)
    assert found == (("mug",), ("saw",))


def test_words_of_one_kind_are_coherent_and_mixed_ones_are_not(texts: pa.Array) -> None:
    vocabulary = Vocabulary.learn(texts, 5)
    one, mixed = coherence(vocabulary.count(texts), vocabulary, [["mug", "bowl", "plate"], ["mug", "saw", "novel"]])
    assert one > 0.7
    assert mixed < 0.2


def test_a_single_keyword_has_no_coherence(texts: pa.Array) -> None:
    vocabulary = Vocabulary.learn(texts, 5)
    assert coherence(vocabulary.count(texts), vocabulary, [["mug"], []]) == [0.0, 0.0]


def test_kinds_of_products_become_topics(shop: tuple[pa.Array, list[str]], texts: pa.Array) -> None:
    grouping = Grouping.learn(texts, OPTIONS)
    topic = grouping.of(texts).topic
    for kind in KINDS:
        own = topic[np.array(shop[1]) == kind]
        assert (own == np.bincount(own[own >= 0]).argmax()).mean() > 0.9
    nouns = {word for words in grouping.words for word in words}
    assert {"mug", "hammer", "novel", "towel"} <= nouns


def test_a_text_without_known_words_has_no_topic_and_no_distance(texts: pa.Array) -> None:
    found = Grouping.learn(texts, OPTIONS).of(pa.array(["", "unheard of"]))
    assert found.topic.tolist() == [-1, -1]
    assert np.isnan(found.distance).all()


def test_texts_without_repeated_words_are_refused_with_what_to_do() -> None:
    with pytest.raises(DataError, match="Bring more texts"):
        Grouping.learn(pa.array([f"word{i}" for i in range(100)]), OPTIONS)


def test_the_loss_is_lower_with_as_many_topics_as_kinds_than_with_one(texts: pa.Array) -> None:
    options = dataclasses.replace(OPTIONS, largest_share=0.5)
    good, general = (cross_validated(texts, dataclasses.replace(options, topics=n)) for n in (4, 1))
    assert good.value < general.value
    assert general.over_general > 0.9
    assert good.over_general == 0


def test_held_out_texts_of_another_shop_count_as_outliers(texts: pa.Array) -> None:
    loss = measured(Grouping.learn(texts, OPTIONS), pa.array(["quite other words"] * 50), 1.0)
    assert (loss.outliers, loss.incoherence) == (1.0, 1.0)


def test_losses_are_averaged_by_weight() -> None:
    mean = Loss.mean([Loss(1, 0, 0, 0), Loss(0, 0, 0, 1)], [3.0, 1.0])
    assert mean == Loss(0.75, 0, 0, 0.25)
    assert mean.value == 0.875


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"topcs": "3"}, "Did you mean 'topics'"),
        ({"topics": "many"}, "must be int, not 'many'"),
        ({"topics": "12.5"}, "must be int, not '12.5'"),
        ({"topics": "0"}, "at least 1"),
        ({"folds": "1"}, "folds"),
        ({"threshold": "0"}, "threshold"),
    ],
)
def test_wrong_hyperparameters_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Options.of(given)


def test_hyperparameters_are_texts_with_hyphens_or_underscores() -> None:
    assert Options.of({"topics": "12.0", "least-count": "3", "threshold": "1"}) == Options(
        topics=12, least_count=3, threshold=1.0
    )


def test_products_that_come_later_get_the_topic_of_their_kind(
    shop: tuple[pa.Array, list[str]], texts: pa.Array
) -> None:
    grouping = Grouping.learn(texts, OPTIONS)
    later, kinds = titles(300, seed=2)
    topic = {kind: np.bincount(grouping.of(texts).topic[np.array(shop[1]) == kind] + 1).argmax() - 1 for kind in KINDS}
    found = grouping.of(clean_all(later)).topic
    assert (found == [topic[kind] for kind in kinds]).mean() > 0.9
