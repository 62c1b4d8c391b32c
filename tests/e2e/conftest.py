"""One embedded cloud for all tests of this folder, with a small shop in its warehouse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import upload, weeks
from rightpack.cli.embedded import Embedded, embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import await_runs, request_drops
from rightpack.ledger import Run
from tests.e2e.waiting import TIMEOUT

PRODUCTS = 3_000
DATE = "2026-09-13"
LENIENT = {"gate": {"criteria": [{"metric": "roc_auc", "floor": 0.5}]}}


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded_cloud("dev", root=tmp_path_factory.mktemp("cloud"), iam="enforce") as running:
        yield running


@pytest.fixture(scope="session")
def stage(cloud: Embedded, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A stage with one week of a small shop; its gate is lenient, so that small data gives approved models."""
    connected = Stage.connect("dev", LENIENT)
    upload.migrate(connected)
    shop = weeks.catalogue(connected.settings, seed=7, products=PRODUCTS)
    weeks.load_week(connected, weeks.write_week(shop, 0, tmp_path_factory.mktemp("week"), connected.settings))
    return connected


Drop = Callable[..., Run]


@pytest.fixture(scope="session")
def dropped(stage: Stage) -> Drop:
    """Make one drop and wait for its run."""

    def drop(pipeline: str, mode: str, **event: Any) -> Run:
        drops = request_drops(stage, {"pipeline": pipeline, "mode": mode, "business_date": DATE, **event})
        return await_runs(stage, drops, timeout=TIMEOUT)[0]

    return drop


@pytest.fixture(scope="session")
def trained(dropped: Drop) -> Run:
    return dropped("training", "weekly", package_types=["carton"])


@pytest.fixture(scope="session")
def scored(trained: Run, dropped: Drop) -> Run:
    assert trained.state == "Completed", trained.reason
    return dropped("inference", "monthly")


@pytest.fixture
def mail(cloud: Embedded) -> Path:
    return cloud.root / "mail"
