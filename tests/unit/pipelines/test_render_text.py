from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.offline import ENVIRONMENT, offline_environment
from pipelines.placeholders import Placeholder
from pipelines.render import formatted, main, stale
from rightpack.errors import InternalError


def made(**more: Any) -> dict[str, Any]:
    return {"Metadata": {}, "Version": "2020-12-01", "Steps": [], "PipelineExperimentConfig": None, **more}


def test_keys_that_the_sdk_writes_with_null_are_dropped() -> None:
    assert set(json.loads(formatted(made(MlflowConfig=None)))) == {"Metadata", "Version", "Steps"}


@pytest.mark.parametrize("key", ["PipelineExperimentConfig", "MlflowConfig"])
def test_an_experiment_that_nobody_asked_for_is_an_error(key: str) -> None:
    with pytest.raises(InternalError, match=key):
        formatted(made(**{key: {"ExperimentName": "x"}}))


def test_the_text_does_not_depend_on_the_order_of_keys() -> None:
    step = {"Name": "A", "Type": "Fail", "Arguments": {"b": 1, "a": 2}}
    turned = {"Arguments": {"a": 2, "b": 1}, "Type": "Fail", "Name": "A"}
    assert formatted(made(Steps=[step])) == formatted(made(Steps=[turned]))


def test_a_step_begins_with_its_name_and_the_text_ends_with_one_newline() -> None:
    text = formatted(made(Steps=[{"Arguments": {}, "Type": "Fail", "Name": "A"}]))
    assert list(json.loads(text)["Steps"][0]) == ["Name", "Type", "Arguments"]
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")


def test_stand_ins_are_replaced_anywhere_in_the_text() -> None:
    text = formatted(made(Metadata={"a": [f"s3://{Placeholder.DATA_BUCKET.stand_in}/x"]}))
    assert json.loads(text)["Metadata"] == {"a": ["s3://${DataBucket}/x"]}


def test_a_stale_file_is_shown_as_a_diff_and_a_missing_one_too(tmp_path: Path) -> None:
    (tmp_path / "training.json").write_text('{\n  "a": 1\n}\n')
    difference = stale({"training": '{\n  "a": 2\n}\n', "inference": "{}\n"}, tmp_path)
    assert '-  "a": 1\n+  "a": 2\n' in difference
    assert "inference.json (committed)" in difference


def test_check_writes_nothing_and_says_by_its_exit_code_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def renderer() -> dict[str, str]:
        return {"training": "{}\n"}

    assert main(["--check"], renderer=renderer, folder=tmp_path) == 1
    assert "training.json" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []
    assert main([], renderer=renderer, folder=tmp_path) == 0
    assert (tmp_path / "training.json").read_text() == "{}\n"
    assert main(["--check"], renderer=renderer, folder=tmp_path) == 0
    assert capsys.readouterr().out == ""


def test_the_environment_is_as_before_after_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    before = dict(os.environ)
    with offline_environment():
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["AWS_DEFAULT_REGION"] == ENVIRONMENT["AWS_DEFAULT_REGION"]
    assert dict(os.environ) == before


def test_only_a_render_imports_the_sdk() -> None:
    code = "import sys, pipelines.checker, pipelines.render; sys.exit('sagemaker' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
