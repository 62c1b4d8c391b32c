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

from infra.permissions.unexercised import OCCASIONAL, UNEXERCISED
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


def declared() -> Iterator[tuple[str, str, str]]:
    """Every role, statement and action of the committed templates of the dev stage."""
    for path in sorted(TEMPLATES.glob(f"{PREFIX}*.template.json")):
        for resource in json.loads(path.read_text())["Resources"].values():
            if resource["Type"] == "AWS::IAM::Role" and "RoleName" in resource["Properties"]:
                role = str(resource["Properties"]["RoleName"]).removeprefix(PREFIX)
                for policy in resource["Properties"].get("Policies", []):
                    for statement in policy["PolicyDocument"]["Statement"]:
                        yield from ((role, statement["Sid"], action) for action in listed(statement["Action"]))


ALLOWED = sorted(set(declared()))


def need(recorded: Recording, role: str, statement: str, action: str) -> Need | None:
    """What was allowed through this action of a statement."""
    for entry in recorded["report"]["used"]:
        if (entry["principal"], entry["statement"], entry["action"]) == (PREFIX + role, statement, action):
            found = entry["need"]
            context = tuple((key, tuple(values)) for key, values in found["context"].items())
            return Need(found["action"], found["resource"], context)
    return None


def without(document: dict[str, Any], sid: str, action: str) -> str:
    statements = [
        {**one, "Action": [name for name in listed(one["Action"]) if (one["Sid"], name) != (sid, action)]}
        for one in document["Statement"]
    ]
    return json.dumps({**document, "Statement": [one for one in statements if one["Action"]]})


def allowed(recorded: Recording, role: str, need: Need, *, removed: tuple[str, str] = ("", "")) -> bool:
    documents = recorded["policies"][PREFIX + role].items()
    policies = Policies(tuple((name, without(document, *removed)) for name, document in documents))
    return decide(Caller(f"session-of-{role}", role), need, policies, GENERAL).allowed


def test_the_cycle_succeeds_with_every_denial_carried_out(recorded: Recording) -> None:
    assert [run for run in recorded["runs"] if run[1] != "Completed"] == []
    assert recorded["report"]["mode"] == "enforce"
    assert recorded["report"]["denials"] == []


@pytest.mark.parametrize(("role", "statement", "action"), ALLOWED)
def test_a_role_could_not_do_its_work_without_any_action_of_any_statement(
    recorded: Recording, role: str, statement: str, action: str
) -> None:
    found = need(recorded, role, statement, action)
    if found is None:
        assert (role, statement, action) in UNEXERCISED, (
            f"{role} may {action} by {statement}, but nothing in the recorded cycle needs it: take it away in "
            "infra/permissions, or say in infra/permissions/unexercised.py why it is needed"
        )
        return
    assert allowed(recorded, role, found)
    assert not allowed(recorded, role, found, removed=(statement, action))


def test_no_reason_is_kept_for_a_permission_that_is_gone() -> None:
    assert sorted({*UNEXERCISED, *OCCASIONAL} - set(ALLOWED)) == []
    assert sorted(set(UNEXERCISED) & set(OCCASIONAL)) == []


def test_a_poison_message_ends_among_the_dead_letters_and_people_get_a_readable_notice(recorded: Recording) -> None:
    assert recorded["dead"] == 1
    [mail, *_] = [text for text in recorded["mail"] if 'ALARM: "rightpack-dev-dead-letters"' in text]
    assert mail.startswith("To: ")
    assert "AlarmDescription" in mail
