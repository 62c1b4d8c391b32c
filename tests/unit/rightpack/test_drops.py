"""Which drops are asked for, and what is unloaded for each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from rightpack.drops import DropMaker, requests_for
from rightpack.errors import SettingsError, TriggerError
from rightpack.layout import Layout
from rightpack.settings import Settings

SETTINGS = Settings.load("dev")
DAY = dt.date(2026, 11, 20)
TRAINING = {"pipeline": "training", "mode": "weekly"}


def names(event: dict[str, Any], settings: Settings = SETTINGS) -> list[str | None]:
    return [r.package_type for r in requests_for(event, settings, unique="u", today=DAY)]


class Warehouse:
    """Remembers the statements of the last drop."""

    def start(self, statements: list[str], **_: Any) -> str:
        self.statements = statements
        return "statement"


class Bucket:
    def put_object(self, **_: Any) -> None:
        """Take anything."""


def statements_of(event: dict[str, Any]) -> list[str]:
    found = Warehouse()
    (request,) = requests_for(event, SETTINGS, unique="u", today=DAY)
    maker = DropMaker(Bucket(), found, Layout("dev", "123456789012", "us-east-1"))  # type: ignore[arg-type]
    maker.start(request, SETTINGS)
    return found.statements


def test_a_training_drops_every_target() -> None:
    assert names(TRAINING) == list(SETTINGS.targets)
    assert names(TRAINING)[-1] == "every-type"
    assert names(TRAINING, Settings.load("dev", [{"damage_model": {"enabled": False}}])) == list(SETTINGS.targets[:-1])


def test_single_targets_can_be_asked_for() -> None:
    assert names({**TRAINING, "package_types": ["every-type", "carton"]}) == ["every-type", "carton"]
    with pytest.raises(SettingsError, match="is not trained"):
        names({**TRAINING, "package_types": ["cushioned-carton"]})


def test_an_inference_is_one_drop() -> None:
    assert names({"pipeline": "inference", "mode": "daily"}) == [None]
    with pytest.raises(TriggerError, match="known pipeline"):
        names({"pipeline": "cooking", "mode": "daily"})


def test_the_joint_model_gets_evidence_and_single_ones_get_labels() -> None:
    joint = statements_of({**TRAINING, "package_types": ["every-type"]})
    assert len(joint) == 1
    assert "AS shipped" in joint[0]
    assert "every-type/" not in joint[0].replace("every-type-u/", "")
    single = statements_of({**TRAINING, "package_types": ["carton"]})
    assert len(single) > 1
    assert "l.suitable" in single[-1]
