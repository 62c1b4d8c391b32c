"""A person changes which model serves, through the command line."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from rightpack.cli import facts
from rightpack.cli.main import typer_app
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.layout import split_uri
from rightpack.ledger import Run
from tests.e2e.test_cycle import ended, put_again, registered

WHY = "the laboratory confirmed it"


def say(*arguments: str) -> str:
    done = CliRunner().invoke(typer_app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.fixture
def group(stage: Stage, trained: Run) -> str:
    """Two approved versions of a group that no pipeline looks at; the second one serves."""
    client, name = stage.client("sagemaker"), stage.layout.model_group("by-hand")
    stage.registry.ensure_group(name)
    specification = client.describe_model_package(ModelPackageName=registered(stage, trained).arn)
    for _ in range(2):
        client.create_model_package(
            ModelPackageGroupName=name,
            ModelApprovalStatus="Approved",
            InferenceSpecification={"Containers": _containers(specification)},
        )
    return name


def _containers(described: dict[str, Any]) -> list[dict[str, Any]]:
    wanted = ("Image", "ModelDataUrl")
    return [{k: c[k] for k in wanted} for c in described["InferenceSpecification"]["Containers"]]


def test_rollback_reject_and_approve_change_what_serves_and_are_recorded(stage: Stage, group: str) -> None:
    newest = max(package.version for package in stage.registry.versions(group))
    assert f"version {newest - 1} serves" in say("rollback", "by-hand", "--why", "too many returns")
    assert f"version {newest} serves" in say("approve", f"by-hand/{newest}", "--why", WHY)
    assert f"version {newest - 1} serves" in say("reject", f"by-hand/{newest}", "--why", "once more")
    changes = [run for run in facts.runs(stage) if run["pipeline"] == "registry" and run["package_type"] == "by-hand"]
    assert [run["mode"] for run in changes] == ["rollback", "approve", "reject"]
    assert changes[1]["reason"] == WHY
    assert changes[1]["who"].startswith("arn:aws:")
    shown = {m["version"]: m for m in facts.models(stage) if m["group"] == group}
    assert (shown[newest]["status"], shown[newest]["reason"]) == ("Rejected", "once more")
    assert shown[newest]["who"].startswith("arn:aws:")
    assert shown[newest - 1]["serving"] is True


def test_a_model_that_does_not_exist_is_answered_with_the_nearest_names(stage: Stage, group: str) -> None:
    with pytest.raises(SettingsError, match="by-hand/1"):
        CliRunner().invoke(typer_app, ["approve", "by-hnd/1", "--why", WHY], catch_exceptions=False)


def test_the_next_report_says_who_changed_what_and_why(stage: Stage, trained: Run) -> None:
    champion = stage.registry.champion(stage.layout.model_group("carton"))
    assert champion is not None
    say("approve", f"carton/{champion.version}", "--why", WHY)
    report = registered(stage, ended(stage, put_again(stage, trained).run_id)).metadata["report"]
    bucket, key = split_uri(report)
    page = stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert "Since the last report" in page
    assert WHY in page
