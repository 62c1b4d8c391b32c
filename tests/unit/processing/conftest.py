from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from processing.job import ROOT_VARIABLE, Job
from tests.unit.processing.world import GROUP, Desk, labelled, settings

Enter = Callable[..., int]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Nothing done yet, no model approved."""
    return Desk(tmp_path, settings())


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Call a step's `main` as the platform starts it: arguments and environment are real, AWS clients are the job's."""

    def run(main: Callable[[], int], job: Job, *arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["step", *arguments])
        for name, value in {**job.environment, ROOT_VARIABLE: str(job.root)}.items():
            monkeypatch.setenv(name, value)
        with monkeypatch.context() as patch:
            here = dataclasses.replace(Job.here(), client=job.client)
            patch.setattr(Job, "here", classmethod(lambda cls: here))
            return main()

    return run


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
