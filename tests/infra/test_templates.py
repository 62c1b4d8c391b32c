from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.stages import STAGES
from infra.synth import TEMPLATES, stale, texts, with_stable_code, write
from rightpack.layout import Stack, stack_name
from tests.infra.cloudformation import Template

COMMITTED = sorted(TEMPLATES.glob("*.template.json"))


@pytest.mark.cdk
def test_committed_templates_are_fresh(synthesised: dict[str, Any]) -> None:
    assert stale(texts(synthesised)) == {}, "run `python -m infra.synth` and review the difference"


@pytest.mark.cdk
def test_adding_a_step_changes_the_pipelines_templates_and_no_other(
    synthesised: dict[str, Any], synthesised_with_another_step: dict[str, Any]
) -> None:
    changed = {name for name in synthesised if synthesised[name] != synthesised_with_another_step[name]}

    assert changed == {stage.stack(Stack.PIPELINES) for stage in STAGES}


@pytest.mark.cdk
def test_adding_a_step_changes_nothing_but_the_training_definition(
    synthesised: dict[str, Any], synthesised_with_another_step: dict[str, Any]
) -> None:
    before, after = (
        Template(each["rightpack-prod-pipelines"]) for each in (synthesised, synthesised_with_another_step)
    )
    resources = before.raw["Resources"]

    changed = {name for name in resources if resources[name] != after.raw["Resources"][name]}

    assert resources.keys() == after.raw["Resources"].keys()
    assert {resources[name]["Properties"]["PipelineName"] for name in changed} == {"rightpack-prod-training"}


@pytest.mark.cdk
def test_two_syntheses_give_the_same_bytes(synthesised: dict[str, Any], synthesised_again: dict[str, Any]) -> None:
    assert texts(synthesised) == texts(synthesised_again)


@pytest.mark.cdk
def test_code_of_functions_comes_from_the_asset_that_was_packaged(synthesised: dict[str, Any]) -> None:
    template = Template(synthesised["rightpack-dev-platform"])

    keys = {function["Code"]["S3Key"] for function in template.of_type("AWS::Lambda::Function").values()}

    assert len(keys) == 1
    assert re.fullmatch(r"[0-9a-f]{64}\.zip", keys.pop())


def test_code_alone_never_changes_a_committed_template() -> None:
    def template(key: str) -> dict[str, Any]:
        code = {"S3Bucket": "assets", "S3Key": key}
        return {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}}}

    before = template("one.zip")

    assert with_stable_code(before) == with_stable_code(template("two.zip"))
    assert before == template("one.zip"), "the synthesised template itself stays as it was"


def test_every_stage_has_its_committed_templates() -> None:
    stacks = {stage.stack(stack) for stage in STAGES for stack in Stack} | {"rightpack-delivery"}

    assert {path.name.removesuffix(".template.json") for path in COMMITTED} == stacks


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_templates_know_no_account_no_region_and_no_machine(path: Path) -> None:
    text = path.read_text()

    assert not re.search(r"\b\d{12}\b", text)
    assert not re.search(r"\b[a-z]{2}-[a-z]+-\d\b", text)
    assert "${Token" not in text
    assert "/tmp" not in text


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_templates_hold_only_what_is_deployed(path: Path) -> None:
    template = json.loads(path.read_text())

    # no metadata, rules, exports or imports
    assert {"Description", "Resources"} <= set(template) <= {"Description", "Parameters", "Conditions", "Resources"}
    assert not [r for r in template["Resources"].values() if "Metadata" in r or r["Type"].startswith("Custom::")]
    assert "Fn::ImportValue" not in path.read_text()


def test_every_parameter_of_the_dev_stage_has_a_default(platform: Template, pipelines: Template) -> None:
    defaults = {n: p.get("Default") for t in (platform, pipelines) for n, p in t.raw["Parameters"].items()}

    given = {"NoticeEmail": "team@example.com", "Image": "rightpack-jobs:local"}
    assert defaults == {**given, "ReaderAccount": "", "NoticeWebhook": ""}


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_nobody_deploys_another_stage_with_the_mailbox_or_the_image_of_a_laptop(stage: str) -> None:
    for stack, parameter in ((Stack.PLATFORM, "NoticeEmail"), (Stack.PIPELINES, "Image")):
        template = Template.read(TEMPLATES / f"{stack_name(stage, stack)}.template.json")
        assert "Default" not in template.raw["Parameters"][parameter]


def test_cfn_lint_finds_nothing() -> None:
    # W3005: CDK lets a function depend on its role although it mentions it as well.
    result = _lint("--ignore-checks", "W3005", "--template", *map(str, COMMITTED))

    assert (result.returncode, result.stdout) == (0, ""), result.stderr


def test_cfn_lint_knows_which_actions_there_are(tmp_path: Path) -> None:
    misspelt = tmp_path / "misspelt.template.json"
    platform = (TEMPLATES / "rightpack-dev-platform.template.json").read_text()
    misspelt.write_text(platform.replace("redshift-data:DescribeStatement", "redshift-data:DescribeStatment"))

    assert "describestatment" in _lint("--template", str(misspelt)).stdout.lower()


def _lint(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("cfn-lint")
    return subprocess.run([str(command), *arguments], capture_output=True, text=True, check=False)


def test_a_stale_template_is_named_with_its_difference(tmp_path: Path) -> None:
    (tmp_path / "a.template.json").write_text("one\n")
    (tmp_path / "b.template.json").write_text("same\n")

    found = stale({"a.template.json": "two\n", "b.template.json": "same\n"}, tmp_path)

    assert list(found) == ["a.template.json"]
    assert "-one" in found["a.template.json"]
    assert "+two" in found["a.template.json"]


def test_writing_leaves_exactly_the_fresh_templates(tmp_path: Path) -> None:
    (tmp_path / "of-a-stage-that-is-gone.template.json").write_text("{}\n")
    fresh = {"a.template.json": "{}\n"}

    write(fresh, tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["a.template.json"]
    assert stale(fresh, tmp_path) == {}
