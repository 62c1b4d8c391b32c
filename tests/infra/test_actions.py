"""Every action that a template allows, against AWS's service authorization data (as cfn-lint carries it)."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from infra.synth import TEMPLATES
from tests.infra.cloudformation import Template, listed

COMMITTED = sorted(TEMPLATES.glob("*.template.json"))


@cache
def authorization() -> dict[str, Any]:
    text = files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text()
    return {name.lower(): service for name, service in json.loads(text).items()}


def _documents(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for item in value:
            yield from _documents(item)
    elif isinstance(value, dict):
        if isinstance(value.get("Statement"), list):
            yield value
        for item in value.values():
            yield from _documents(item)


def _statements(path: Path) -> list[dict[str, Any]]:
    raw = json.loads(path.read_text())
    for parameter in raw.get("Parameters", {}).values():
        parameter.setdefault("Default", "given")
    template = Template(raw)
    properties = [template.resolve(r.get("Properties", {})) for r in raw["Resources"].values()]
    return [statement for document in _documents(properties) for statement in document["Statement"]]


def _known(action: str) -> bool:
    service, _, name = action.partition(":")
    actions = {known.lower() for known in authorization().get(service.lower(), {}).get("Actions", {})}
    return any(fnmatch.fnmatchcase(known, name.lower()) for known in actions)


def test_the_authorization_data_is_there() -> None:
    assert _known("s3:GetObject")
    assert _known("kms:GenerateDataKey*")
    assert not _known("redshift-data:DescribeStatment")


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_every_allowed_or_denied_action_exists(path: Path) -> None:
    actions = {action for statement in _statements(path) for action in listed(statement["Action"])}

    assert {action for action in actions if not _known(action)} == set()


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_every_resource_of_a_role_is_one_that_its_actions_can_be_allowed_on(path: Path) -> None:
    """A statement on a concrete ARN allows nothing where the action knows no resources."""
    useless = {
        (action, resource)
        for statement in _statements(path)
        if statement["Effect"] == "Allow" and "Principal" not in statement
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if resource != "*" and not _resources(action)
    }

    assert useless == set()


def _resources(action: str) -> list[str]:
    service, _, name = action.partition(":")
    actions = {known.lower(): entry for known, entry in authorization()[service.lower()]["Actions"].items()}
    found = actions.get(name.lower(), {"Resources": ["*"]})
    return list(found.get("Resources", []))


def test_no_role_may_do_a_whole_service() -> None:
    for path in COMMITTED:
        roles = [s for s in _statements(path) if s["Effect"] == "Allow" and "Principal" not in s]
        assert not [a for s in roles for a in listed(s["Action"]) if re.search(r"\*", a)], path.name
