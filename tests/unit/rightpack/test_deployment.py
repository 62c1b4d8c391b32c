from __future__ import annotations

from pathlib import Path

import pytest

from rightpack.deployment import deployment_of, deployments
from rightpack.errors import SettingsError
from rightpack.settings import Settings


def _file(folder: Path, text: str) -> Path:
    path = folder / "deployment.toml"
    path.write_text(text)
    return path


def test_models_go_from_dev_through_staging_to_prod() -> None:
    assert {name: found.promotes_to for name, found in deployments().items()} == {
        "dev": "staging",
        "staging": "prod",
        "prod": "",
    }


@pytest.mark.parametrize("stage", deployments())
def test_every_stage_has_settings_of_its_own(stage: str) -> None:
    assert Settings.load(stage).stage == stage


def test_what_is_deployed_is_no_part_of_what_travels_with_a_run() -> None:
    assert "schedules" not in Settings.load("dev").to_json()


def test_a_schedule_that_is_not_written_keeps_its_default(tmp_path: Path) -> None:
    path = _file(tmp_path, '[dev.schedules]\ninference_daily = ""')

    schedules = deployment_of("dev", path).schedules

    assert schedules.inference_daily == ""
    assert schedules.training_weekly == "0 3 ? * MON *"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[dev]\nimgae = "x"', r"deployment.toml \[dev\]: Unknown key 'imgae'. Did you mean 'image'\?"),
        ('[dev]\nwarehouse = "borrow"', "'borrow' must be 'create' or 'import'"),
        ("[dev]\nbase_capacity = 12", "must be 8 RPUs or a multiple"),
        ('[dev.schedules]\ninference_daily = "0 5 * * *"', "inference_daily = '0 5 \\* \\* \\*' must have six fields"),
        ('[dev]\npromotes_to = "prd"\n[prod]', r"\[dev\]: no stage 'prd'. Did you mean 'prod'\?"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        deployments(_file(tmp_path, text))


def test_an_unknown_stage_is_answered_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"no stage 'stagin'\. Did you mean 'staging'"):
        deployment_of("stagin")
