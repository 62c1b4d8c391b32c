from __future__ import annotations

import json
from typing import Any

import pytest

from infra.app import read_definitions
from pipelines.placeholders import Placeholder
from rightpack.layout import PipelineKind
from rightpack.settings import Settings
from tests.infra.cloudformation import ACCOUNT, REGION, Template

STAND_IN = json.dumps({"Steps": [{"Name": "A", "RoleArn": "${JobRoleArn}", "In": "${AWS::Region}"}]})


@pytest.mark.parametrize("kind", PipelineKind)
def test_deployed_definition_is_the_committed_one_filled_in(pipelines: Template, kind: PipelineKind) -> None:
    pipeline = pipelines.by("AWS::SageMaker::Pipeline", "PipelineName")[f"rightpack-dev-{kind.value}"]
    expected = read_definitions()[kind]
    for placeholder, value in {
        "Image": "rightpack-jobs:local",
        "JobRoleArn": f"arn:aws:iam::{ACCOUNT}:role/rightpack-dev-job",
        "DataBucket": f"rightpack-dev-data-{ACCOUNT}-{REGION}",
        "ArtefactBucket": f"rightpack-dev-artefacts-{ACCOUNT}-{REGION}",
        "Stage": "dev",
        "AWS::Region": REGION,
        "AWS::AccountId": ACCOUNT,
    }.items():
        expected = expected.replace(f"${{{placeholder}}}", value)

    assert json.loads(pipeline["PipelineDefinition"]["PipelineDefinitionBody"]) == json.loads(expected)
    assert pipeline["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/rightpack-dev-pipeline"


def test_pipelines_are_all_that_their_stack_holds(pipelines: Template) -> None:
    assert {resource["Type"] for resource in pipelines.raw["Resources"].values()} == {"AWS::SageMaker::Pipeline"}


def test_definition_stays_below_the_services_limit(pipelines: Template) -> None:
    for pipeline in pipelines.of_type("AWS::SageMaker::Pipeline").values():
        assert len(pipeline["PipelineDefinition"]["PipelineDefinitionBody"]) < 1024 * 1024


def test_every_trained_package_type_and_the_topics_have_a_model_group_and_no_other(storage: Template) -> None:
    groups = storage.by("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName")

    assert sorted(groups) == sorted(f"rightpack-dev-{name}" for name in (*Settings.load("dev").targets, "topics"))


@pytest.mark.cdk
def test_only_placeholders_that_are_mentioned_are_handed_over() -> None:
    assert _sub(STAND_IN) == [json.dumps(json.loads(STAND_IN), separators=(",", ":")), {"JobRoleArn": "arn:job"}]


@pytest.mark.cdk
def test_a_placeholder_that_nobody_fills_in_is_named_before_anything_is_deployed() -> None:
    from rightpack.errors import InternalError

    with pytest.raises(InternalError, match=r"training\.json has the placeholder \$\{Bukket\}"):
        _sub(json.dumps({"Steps": [{"Name": "${Bukket}"}]}))


@pytest.mark.cdk
def test_infrastructure_fills_in_every_placeholder_that_a_definition_may_have() -> None:
    from infra.arns import Arns
    from infra.constructs.published_pipeline import PSEUDO_PARAMETERS, placeholder_values

    filled_in = {*placeholder_values(Arns.of_stage("dev"), "image"), *PSEUDO_PARAMETERS}

    assert filled_in == {placeholder.value for placeholder in Placeholder}


def _sub(definition: str) -> Any:
    import aws_cdk as cdk

    from infra.constructs.published_pipeline import filled

    stack = cdk.Stack(cdk.App())
    body = filled(definition, PipelineKind.TRAINING, {"JobRoleArn": "arn:job", "Image": "image"})
    return stack.resolve(body)["Fn::Sub"]
