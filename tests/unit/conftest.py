"""Unit tests talk to nobody, whatever other tests have started in the meantime."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _nowhere_to_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
