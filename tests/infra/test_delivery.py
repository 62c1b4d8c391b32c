from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.stages import STAGES
from infra.synth import TEMPLATES
from rightpack.layout import PipelineKind, Stack, stack_name
from rightpack.settings import Settings
from tests.infra.cloudformation import ACCOUNT, REGION, Template

ROOT = Path(__file__).resolve().parents[2]
OPERATE = (ROOT / "docs" / "operate.md").read_text()
ALARMS = ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")


def _workflow(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text()))


def _alarms(stage: str) -> set[str]:
    template = Template.read(TEMPLATES / f"{stack_name(stage, Stack.PLATFORM)}.template.json")
    names = {name for kind in ALARMS for name in template.by(kind, "AlarmName")}
    return {name.removeprefix(f"rightpack-{stage}-") for name in names}


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_operate_tells_of_every_alarm_what_it_means_and_what_to_do(stage: str) -> None:
    entries = set(re.findall(r"^### (\S+)$", OPERATE, re.MULTILINE))

    assert {
        alarm for alarm in _alarms(stage) if not any(alarm == e or alarm.startswith(f"{e}-") for e in entries)
    } == set()


def test_operate_tells_of_no_alarm_that_is_gone() -> None:
    entries = set(re.findall(r"^### (\S+)$", OPERATE, re.MULTILINE))
    alarms = _alarms("dev")

    assert {entry for entry in entries if not any(a == entry or a.startswith(f"{entry}-") for a in alarms)} == set()


def test_every_package_type_and_pipeline_is_watched() -> None:
    alarms = _alarms("dev")

    assert {f"run-failed-{kind.value}" for kind in PipelineKind} <= alarms
    assert {f"package-type-{name}" for name in Settings.load("dev").targets} <= alarms


def test_stages_are_deployed_one_after_the_other_and_all_wait_for_the_checks() -> None:
    jobs = _workflow("deliver")["jobs"]

    assert jobs["image"]["needs"] == "check"
    assert jobs["dev"]["needs"] == "image"
    assert "dev" in jobs["staging"]["needs"]
    assert "staging" in jobs["prod"]["needs"]
    assert [jobs[stage.name]["with"]["stage"] for stage in STAGES] == [stage.name for stage in STAGES]


def test_every_deployment_goes_through_an_environment_that_can_ask_for_approval() -> None:
    assert _workflow("deploy-stage")["jobs"]["deploy"]["environment"] == "${{ inputs.stage }}"


@pytest.mark.parametrize("name", ["deliver", "deploy-stage"])
def test_workflows_hold_no_key_and_no_secret(name: str) -> None:
    text = (ROOT / ".github" / "workflows" / f"{name}.yml").read_text()

    assert "secrets." not in text
    assert not re.search(r"aws-(access-key|secret)|AKIA", text)
    assert "id-token: write" in text


def _delivery(readers: Sequence[str] = ("",)) -> Template:
    template = Template.read(TEMPLATES / "rightpack-delivery.template.json")
    given = {"Repository": "shop/rightpack", "Environment": "prod", "ReaderAccounts": list(readers)}
    for name, value in given.items():
        template.raw["Parameters"][name]["Default"] = value
    return template


def test_the_deploy_role_trusts_one_environment_of_one_repository() -> None:
    [role] = _delivery().of_type("AWS::IAM::Role").values()
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"]["StringEquals"] == {
        "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
        "token.actions.githubusercontent.com:sub": "repo:shop/rightpack:environment:prod",
    }


def test_the_deploy_role_deploys_as_the_roles_of_the_cdk_alone() -> None:
    statements = _delivery().statements("rightpack-deploy")
    [assume] = [s for s in statements if s["Action"] == "sts:AssumeRole"]

    assert all(
        re.fullmatch(rf"arn:aws:iam::{ACCOUNT}:role/cdk-\*-[a-z-]+-{ACCOUNT}-{REGION}", r) for r in assume["Resource"]
    )
    changing = {
        action
        for s in statements
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
        if re.search(r":(Create|Delete|Put|Update|Pass|Attach)", action)
    }
    assert changing == {"ecr:PutImage"}


@pytest.mark.parametrize("readers", [["444455556666"], ["444455556666", "777788889999"]])
def test_every_other_stages_account_pulls_the_image_and_does_nothing_else(readers: list[str]) -> None:
    [repository] = _delivery(readers).of_type("AWS::ECR::Repository").values()
    [statement] = repository["RepositoryPolicyText"]["Statement"]

    assert (statement["Effect"], statement["Principal"]) == ("Allow", {"AWS": readers})
    assert sorted(statement["Action"]) == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecr:GetDownloadUrlForLayer",
    ]


def test_without_other_accounts_the_image_stays_in_its_own() -> None:
    [repository] = _delivery().of_type("AWS::ECR::Repository").values()
    [statement] = repository["RepositoryPolicyText"]["Statement"]

    assert statement["Principal"] == {"AWS": [ACCOUNT]}


def test_the_image_is_made_from_locked_packages_and_names_no_init_process() -> None:
    text = (ROOT / "Dockerfile").read_text()
    locked = (ROOT / "requirements" / "jobs.txt").read_text()

    assert "--require-hashes" in text
    assert "ENTRYPOINT [" not in text
    assert "tini" not in text
    for package in ("pyarrow", "lightgbm", "gunicorn", "boto3"):
        assert re.search(rf"^{package}==\S+", locked, re.MULTILINE)
    for package in ("moto", "sagemaker", "aws-cdk-lib", "duckdb"):
        assert not re.search(rf"^{package}==", locked, re.MULTILINE)


def test_what_builds_the_wheel_of_the_image_is_locked_too() -> None:
    text = (ROOT / "Dockerfile").read_text()
    required = re.search(r'^requires = \["(.+)"\]', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)

    assert required
    assert f"{required[1]} " in (ROOT / "requirements" / "build.txt").read_text()
    assert "--no-build-isolation" in text
    assert "scoring/_kernel.so" in text  # a build without a compiler would leave it out without a word


def test_sagemaker_gets_a_manifest_that_it_takes_and_actions_run_on_a_node_that_is_there() -> None:
    text = "".join((ROOT / ".github" / "workflows" / f"{name}.yml").read_text() for name in ("deliver", "deploy-stage"))

    assert "oci-mediatypes=false" in text
    assert "--provenance=false" in text
    node_20 = r"uses: (actions/(checkout|setup-python|setup-node|upload-artifact)|aws-actions/\S+)@v[1-4]$"
    assert not re.search(node_20, text, re.MULTILINE)


def test_the_images_packages_are_the_tested_ones() -> None:
    def pins(name: str) -> dict[str, str]:
        text = (ROOT / "requirements" / name).read_text()
        return dict(re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", text, re.MULTILINE))

    tested = pins("all.txt")

    assert {name: version for name, version in pins("jobs.txt").items() if tested.get(name) != version} == {}


def test_only_what_the_dockerfile_copies_is_sent() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)

    assert "*" in ignored
    assert {f"!{name}" for line in copied for name in line.split()} == {
        line for line in ignored if line.startswith("!")
    }
