"""One embedded cloud with the platform deployed and empty tables, for all tests of a module."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from rightpack.cli import upload
from rightpack.cli.embedded import Embedded, embedded_cloud
from rightpack.cli.stage import Stage


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    with embedded_cloud("dev", root=tmp_path_factory.mktemp("bad-inputs-cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def stage(cloud: Embedded) -> Stage:
    connected = Stage.connect("dev")
    upload.migrate(connected)
    return connected


@pytest.fixture(scope="module")
def environment(cloud: Embedded) -> dict[str, str]:
    """Variables of a job in this cloud."""
    return {**os.environ, **cloud.environment()}
