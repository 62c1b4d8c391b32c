from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rightpack.cli import main, output
from rightpack.errors import CapacityError, DataError, Fault, SettingsError

COMMANDS = ("demo", "replay", "up", "migrate", "generate", "load", "drop", "runs", "models", "sql", "render")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(main.typer_app, [command, "--help"])
    assert done.exit_code == 0
    assert "Usage" in done.output


def test_facts_are_shown_and_written_to_every_target(tmp_path: Path) -> None:
    shown: list[dict[str, Any]] = []
    targets = [str(tmp_path / "a.json"), str(tmp_path / "new" / "b.json")]
    output.present({"runs": 1}, targets, shown.append)
    assert shown == [{"runs": 1}]
    assert [json.loads(Path(target).read_text()) for target in targets] == [{"runs": 1}] * 2


def test_facts_on_standard_output_stand_there_alone(capsys: pytest.CaptureFixture[str]) -> None:
    output.present({"runs": 1}, ["-"], pytest.fail)
    assert json.loads(capsys.readouterr().out) == {"runs": 1}


@pytest.mark.parametrize(
    ("error", "code"), [(DataError("x"), 3), (SettingsError("x"), 4), (CapacityError("no machine"), 75)]
)
def test_an_error_is_told_in_one_paragraph_and_its_exit_code_says_whose_fault_it_was(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr(main, "typer_app", fails)
    with pytest.raises(SystemExit) as ended:
        main.app()
    assert ended.value.code == code
    assert str(error) in capsys.readouterr().err


def test_every_fault_has_an_exit_code() -> None:
    assert set(main.EXIT_CODES) == set(Fault)
