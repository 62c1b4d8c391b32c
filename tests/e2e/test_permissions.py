"""What roles may do is what a recorded cycle did, and nothing else but for written reasons.

The cycle runs once, with every denial carried out; everything after it is evaluation of policies.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from infra.permissions.unexercised import UNEXERCISED, why_unused
from local_cloud.iam.evaluation import Need, Policies, decide
from local_cloud.iam.policies import Caller
from rightpack.cli.embedded import PROJECT, TEMPLATES

PREFIX = "rightpack-dev-"
SECONDS = 900
GENERAL = (("aws:securetransport", "true"),)

Recording = dict[str, Any]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    folder = tmp_path_factory.mktemp("recorded")
    command = [sys.executable, "-m", "tests.e2e.recording", str(folder / "cloud"), str(folder / "facts.json")]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return dict(json.loads((folder / "facts.json").read_text()))


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def declared() -> Iterator[tuple[str, str]]:
    """Every role and action of the committed templates of the dev stage."""
    for path in sorted(TEMPLATES.glob(f"{PREFIX}*.template.json")):
        for resource in json.loads(path.read_text())["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role" and "RoleName" in resource["Properties"]:
                role = str(resource["Properties"]["RoleName"]).removeprefix(PREFIX)
                for policy in resource["Properties"].get("Policies", []):
                    for statement in policy["PolicyDocument"]["Statement"]:
                        yield from ((role, action) for action in listed(statement["Action"]))


ALLOWED = sorted(set(declared()))


def needs(recorded: Recording, role: str, action: str) -> list[Need]:
    used = [entry for entry in recorded["report"]["used"] if entry["principal"] == PREFIX + role]
    found = [need for entry in used if entry["action"] == action for need in entry["needs"]]
    return [
        Need(action, need["resource"], tuple((key, tuple(values)) for key, values in need["context"].items()))
        for need in found
    ]


def without(document: dict[str, Any], action: str) -> str:
    statements = [
        {**statement, "Action": [one for one in listed(statement["Action"]) if one != action]}
        for statement in document["Statement"]
    ]
    return json.dumps({**document, "Statement": [statement for statement in statements if statement["Action"]]})


def allowed(recorded: Recording, role: str, need: Need, *, removed: str = "") -> bool:
    documents = recorded["policies"][PREFIX + role].items()
    policies = Policies(tuple((name, without(document, removed)) for name, document in documents))
    return decide(Caller(f"session-of-{role}", role), need, policies, GENERAL).allowed


def test_the_cycle_succeeds_with_every_denial_carried_out(recorded: Recording) -> None:
    assert [run for run in recorded["runs"] if run[1] != "Completed"] == []
    assert recorded["report"]["mode"] == "enforce"
    assert recorded["report"]["denials"] == []


@pytest.mark.parametrize(("role", "action"), ALLOWED)
def test_a_role_could_not_do_its_work_without_any_of_its_actions(recorded: Recording, role: str, action: str) -> None:
    found = needs(recorded, role, action)
    if not found:
        assert why_unused(role, action), (
            f"{role} may {action}, but nothing in the recorded cycle needs it: take it away in infra/permissions, "
            "or say in infra/permissions/unexercised.py why it is needed"
        )
        return
    assert any(allowed(recorded, role, need) for need in found)
    assert not any(allowed(recorded, role, need, removed=action) for need in found)


def test_no_reason_is_kept_for_a_permission_that_is_gone() -> None:
    assert sorted(set(UNEXERCISED) - set(ALLOWED)) == []


def test_a_poison_message_ends_among_the_dead_letters_and_people_get_a_readable_notice(recorded: Recording) -> None:
    assert recorded["dead"] == 1
    [mail, *_] = [text for text in recorded["mail"] if 'ALARM: "rightpack-dev-dead-letters"' in text]
    assert mail.startswith("To: ")
    assert "AlarmDescription" in mail


def test_a_missed_week_raises_the_alarm_of_age(recorded: Recording) -> None:
    raised = [alarm["name"] for alarm in recorded["alarms"]]

    assert [name for name in raised if "training" in name and "weekly" in name], raised


def test_schedules_fired_as_the_clock_was_moved(recorded: Recording) -> None:
    fired = recorded["fired"]

    assert len([name for name in fired if name.endswith("unload-inference-daily")]) == 9
    assert "rightpack-dev-reconcile" in fired
    assert "rightpack-dev-unload-training-weekly" not in fired
