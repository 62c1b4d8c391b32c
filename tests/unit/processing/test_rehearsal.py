"""Rehearsed models are those of one type at a time, whoever else learns from the same products."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from processing.features.rows import Rows
from processing.rehearsal import Rehearsal
from rightpack.errors import DataError
from tests.unit.processing.world import labelled, products, settings

TYPES = ("paper-bag", "padded-mailer", "carton")
CHOSEN = settings(training={"parameters": {"rounds": 12}})


def labels(**changes: Any) -> pa.Table:
    """Some products have a label in each type, in no order; one label is of a product that nobody knows."""
    parts = []
    for number, name in enumerate(TYPES):
        rows = labelled(400, noise=0.02 + number / 10).select(["product_id", "suitable", "weight", "observed_at"])
        kept = np.random.default_rng(number).permutation(400)[: 300 + 20 * number]
        parts.append(rows.take(kept).append_column("package_type", pa.array([name] * len(kept))))
    stranger = parts[0].slice(0, 1).set_column(0, "product_id", pa.array(["nobody"]))
    return pa.concat_tables([stranger, *parts])


def rehearse(names: tuple[str, ...]) -> dict[str, Any]:
    rehearsal = Rehearsal.of(Rows.of(products(400)), labels(), CHOSEN)
    return {one.scorer.card.package_type: one for one in rehearsal.run(names)}


def test_models_of_all_types_together_are_those_of_each_alone() -> None:
    together = rehearse(TYPES)
    assert list(together) == list(TYPES)
    for name in TYPES:
        alone = rehearse((name,))[name]
        assert alone.scorer.model.text == together[name].scorer.model.text
        assert alone.scorer.calibration == together[name].scorer.calibration
        np.testing.assert_array_equal(alone.chances, together[name].chances)


def test_models_are_judged_by_products_that_they_have_not_learned_from() -> None:
    found = rehearse(TYPES)
    for number, name in enumerate(TYPES):
        one = found[name]
        assert one.scorer.card.rows + one.held.rows == 300 + 20 * number, "a label of a stranger counts for nothing"
        assert 0 < one.held.rows < 150
        assert one.scorer.card.settings_digest == CHOSEN.digest
    assert found["paper-bag"].metrics(CHOSEN).values["roc_auc"] > 0.75


def test_the_types_are_those_with_a_label_that_are_trained() -> None:
    table = labels()
    untrained = table.set_column(4, "package_type", pa.array(["cushioned-carton"] * table.num_rows))
    rehearsal = Rehearsal.of(Rows.of(products(400)), pa.concat_tables([table, untrained]), CHOSEN)
    assert rehearsal.types == TYPES


def test_a_type_with_too_few_labels_is_named() -> None:
    rehearsal = Rehearsal.of(Rows.of(products(400)), labels().slice(0, 40), CHOSEN)
    with pytest.raises(DataError, match=r"training rows for 'paper-bag'"):
        rehearsal.run(("paper-bag",))
