from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from rightpack.errors import SettingsError
from rightpack.hands import Hands, Reason
from rightpack.ledger import Ledger, RunState
from rightpack.registry import Registry, manual_changes
from tests.unit.rightpack.conftest import LAYOUT, START, Exceptions, client_error

ARN = "arn:aws:iam::123456789012:user/anna"
MOMENT = START + dt.timedelta(days=30)


class Packages:
    """The model package calls of SageMaker; metadata is merged key by key, as the service does."""

    exceptions = Exceptions

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, Any]] = {}

    def add(self, group: str, version: int, status: str = "Approved") -> str:
        arn = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{LAYOUT.model_group(group)}/{version}"
        self.packages[arn] = {
            "ModelPackageArn": arn,
            "ModelPackageGroupName": LAYOUT.model_group(group),
            "ModelPackageVersion": version,
            "ModelApprovalStatus": status,
            "ModelPackageStatus": "Completed",
            "CreationTime": START + dt.timedelta(days=version),
            "InferenceSpecification": {"Containers": [{"Image": "i", "ModelDataUrl": "s3://b/k"}]},
            "CustomerMetadataProperties": {"reason": "all 3 checks hold"},
        }
        return arn

    def get_paginator(self, name: str) -> Any:
        return {"list_model_packages": Pages(self._packages), "list_model_package_groups": Pages(self._groups)}[name]

    def _packages(self, **query: Any) -> Iterator[dict[str, Any]]:
        found = [p for p in self.packages.values() if p["ModelPackageGroupName"] == query["ModelPackageGroupName"]]
        if not found:
            raise client_error("ValidationException", "does not exist")
        status = query.get("ModelApprovalStatus")
        chosen = [p for p in found if status in {None, p["ModelApprovalStatus"]}]
        yield {"ModelPackageSummaryList": sorted(chosen, key=lambda p: -p["ModelPackageVersion"])}

    def _groups(self, **query: Any) -> Iterator[dict[str, Any]]:
        names = {p["ModelPackageGroupName"] for p in self.packages.values()}
        yield {"ModelPackageGroupSummaryList": [{"ModelPackageGroupName": n} for n in sorted(names)]}

    def describe_model_package(self, *, ModelPackageName: str) -> dict[str, Any]:
        return self.packages[ModelPackageName]

    def update_model_package(self, *, ModelPackageArn: str, **changes: Any) -> None:
        package = self.packages[ModelPackageArn]
        package["CustomerMetadataProperties"] |= changes.pop("CustomerMetadataProperties")
        package.update(changes)


class Pages:
    def __init__(self, answer: Any) -> None:
        self.paginate = answer


@pytest.fixture
def packages() -> Packages:
    found = Packages()
    for version, status in ((1, "Approved"), (2, "Rejected"), (3, "Approved"), (4, "PendingManualApproval")):
        found.add("carton", version, status)
    found.add("paper-bag", 1)
    return found


@pytest.fixture
def hands(packages: Packages, ledger: Ledger) -> Hands:
    return Hands(Registry(packages), ledger, LAYOUT)


def reason(why: str = "checked it", hours: int = 0) -> Reason:
    return Reason(ARN, why, MOMENT + dt.timedelta(hours=hours))


def serving(hands: Hands, group: str = "carton") -> int | None:
    champion = hands.registry.champion(LAYOUT.model_group(group))
    return champion.version if champion else None


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_an_approved_version_serves_however_old_it_is(hands: Hands, version: int) -> None:
    hands.approve(f"carton/{version}", reason())
    assert serving(hands) == version


def test_a_held_version_that_is_rejected_leaves_the_champion_alone(hands: Hands) -> None:
    hands.reject("carton/4", reason())
    assert hands.find("carton/4").status == "Rejected"
    assert serving(hands) == 3


def test_rejecting_the_champion_brings_back_the_one_before(hands: Hands) -> None:
    hands.reject("carton/3", reason())
    assert serving(hands) == 1


def test_rejecting_the_only_approved_version_leaves_none(hands: Hands) -> None:
    hands.reject("paper-bag/1", reason())
    assert serving(hands, "paper-bag") is None


@pytest.mark.parametrize("name", ["carton", "carton/3", LAYOUT.model_group("carton")])
def test_rollback_approves_the_version_before_and_rejects_the_champion(hands: Hands, name: str) -> None:
    run = hands.rollback(name, reason("returns doubled"))
    assert serving(hands) == 1
    assert run.model.endswith("carton/1")
    before, champion = hands.find("carton/1"), hands.find("carton/3")
    assert (before.status, champion.status) == ("Approved", "Rejected")
    assert champion.reason == before.reason == "returns doubled"


def test_rollback_goes_by_what_served_last_not_by_version(hands: Hands) -> None:
    hands.approve("carton/1", reason())
    hands.rollback("carton", reason(hours=1))
    assert serving(hands) == 3


def test_a_version_that_was_rolled_back_can_serve_again(hands: Hands) -> None:
    hands.rollback("carton", reason())
    hands.approve("carton/3", reason(hours=1))
    assert serving(hands) == 3


def test_rollback_of_the_only_approved_version_is_refused_and_changes_nothing(hands: Hands) -> None:
    with pytest.raises(SettingsError, match="only approved version"):
        hands.rollback("paper-bag", reason())
    assert serving(hands, "paper-bag") == 1


def test_rollback_of_a_version_that_does_not_serve_is_refused(hands: Hands) -> None:
    with pytest.raises(SettingsError, match="carton/1 does not serve; carton/3 does"):
        hands.rollback("carton/1", reason())


def test_rollback_without_any_approved_version_is_refused(hands: Hands) -> None:
    hands.reject("paper-bag/1", reason())
    with pytest.raises(SettingsError, match="nothing to roll back"):
        hands.rollback("paper-bag", reason())


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("carton/9", "carton/4"), ("carton", "carton/4"), ("crton/3", "carton/3"), ("paperbag/1", "paper-bag/1")],
)
def test_an_unknown_model_is_answered_with_the_nearest_names(hands: Hands, name: str, nearest: str) -> None:
    with pytest.raises(SettingsError, match=nearest):
        hands.approve(name, reason())


def test_an_unknown_group_cannot_be_rolled_back(hands: Hands) -> None:
    with pytest.raises(SettingsError, match="carton"):
        hands.rollback("cartoon", reason())


def test_without_any_model_that_is_said(ledger: Ledger) -> None:
    with pytest.raises(SettingsError, match="No model is registered yet"):
        Hands(Registry(Packages()), ledger, LAYOUT).approve("carton/1", reason())


def test_a_version_can_be_named_by_its_arn(hands: Hands) -> None:
    hands.approve(hands.find("carton/2").arn, reason())
    assert serving(hands) == 2


@pytest.mark.parametrize("why", ["", "  \n"])
def test_a_change_without_a_reason_is_refused(why: str) -> None:
    with pytest.raises(SettingsError, match="Say why"):
        reason(why)


def test_the_ledger_keeps_who_did_what_and_why(hands: Hands) -> None:
    hands.approve("carton/2", reason("the labels were right"))
    [run] = hands.ledger.recent("registry")
    assert (run.mode, run.state, run.reason, run.who) == ("approve", RunState.COMPLETED, "the labels were right", ARN)
    assert run.model == hands.find("carton/2").arn
    assert (run.package_type, run.business_date, run.open) == ("carton", "2026-12-20", False)


def test_two_changes_are_two_records(hands: Hands) -> None:
    hands.approve("carton/2", reason())
    hands.approve("carton/2", reason(hours=1))
    assert len(hands.ledger.recent("registry")) == 2


def test_the_registry_keeps_who_and_why_beside_what_the_gate_said(hands: Hands) -> None:
    hands.approve("carton/2", reason("the labels were right"))
    package = hands.find("carton/2")
    assert (package.changed_by, package.changed_at, package.reason) == (ARN, MOMENT, "the labels were right")
    assert package.metadata["reason"] == "all 3 checks hold"


def test_the_next_report_is_told_of_changes_since_the_last_one(hands: Hands, packages: Packages) -> None:
    group = LAYOUT.model_group("carton")
    assert manual_changes(hands.registry, group) == []
    hands.rollback("carton", reason("returns doubled"))
    told = manual_changes(hands.registry, group)
    assert {(c["version"], c["status"], c["how"], c["by"], c["why"]) for c in told} == {
        ("1", "Approved", "rollback", ARN, "returns doubled"),
        ("3", "Rejected", "rollback", ARN, "returns doubled"),
    }
    arn = packages.add("carton", 5)  # whose own report has told of it
    packages.packages[arn]["CreationTime"] = MOMENT + dt.timedelta(days=1)
    assert manual_changes(hands.registry, group) == []
