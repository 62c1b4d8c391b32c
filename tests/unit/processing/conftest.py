from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.processing.world import GROUP, Desk, labelled, settings


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Nothing done yet, no model approved."""
    return Desk(tmp_path, settings())


class Trained(Desk):
    """A desk with a prepared drop, its model, and the model's scores of the validation rows."""

    prepared: Path
    model: Path
    scores: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Shared by all tests that only read it."""
    made = Trained(tmp_path_factory.mktemp("trained"), settings())
    made.prepared = made.prepare(labelled(3000))
    made.model = made.train(made.prepared)
    made.scores = made.score(made.model, made.prepared / "validation")
    made.cloud.publish(GROUP, made.model)
    return made
