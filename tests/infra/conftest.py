from __future__ import annotations

import json
from typing import Any

import pytest

from infra.app import read_definitions
from infra.synth import TEMPLATES, synthesise
from rightpack.layout import PipelineKind, Stack, stack_name
from tests.infra.cloudformation import Template

# Behaviours are read off the committed templates, which needs no CDK; that these are fresh is one test of its own.


@pytest.fixture(scope="session")
def platform() -> Template:
    """Everything of the dev stage but its pipelines, as if it were one stack."""
    return Template.merged(*(_committed("dev", stack) for stack in Stack if stack is not Stack.PIPELINES))


@pytest.fixture(scope="session")
def storage() -> Template:
    return _committed("dev", Stack.STORAGE)


def _committed(stage: str, stack: Stack) -> Template:
    return Template.read(TEMPLATES / f"{stack_name(stage, stack)}.template.json")


@pytest.fixture(scope="session")
def pipelines() -> Template:
    return _committed("dev", Stack.PIPELINES)


@pytest.fixture(scope="session")
def synthesised() -> dict[str, Any]:
    return synthesise(read_definitions())


@pytest.fixture(scope="session")
def synthesised_again() -> dict[str, Any]:
    return synthesise(read_definitions())


@pytest.fixture(scope="session")
def synthesised_with_another_step() -> dict[str, Any]:
    definitions = read_definitions()
    training = json.loads(definitions[PipelineKind.TRAINING])
    training["Steps"].append({"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "an added step"}})
    return synthesise({**definitions, PipelineKind.TRAINING: json.dumps(training)})
