"""The committed templates of every stage, deployed side by side by the embedded AWS, which refuses what it ignores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import lambda_package
from infra.stages import STAGES
from infra.synth import TEMPLATES
from local_cloud.cloud import LocalCloud
from rightpack.layout import Stack, stack_name

GIVEN = {
    "NoticeEmail": "ada@example.com",
    "Image": "111122223333.dkr.ecr.us-east-1.amazonaws.com/rightpack-jobs@sha256:" + "0" * 64,
    "ReaderAccount": "444455556666",
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    folder = tmp_path_factory.mktemp("stages")
    package = folder / "lambdas.zip"
    lambda_package.build(package)
    with LocalCloud(folder / "cloud") as running:
        for stage in STAGES:
            for stack in Stack:
                _deploy(running, TEMPLATES / f"{stack_name(stage.name, stack)}.template.json", package)
        yield running


def _deploy(cloud: LocalCloud, template: Path, package: Path) -> None:
    declared = json.loads(template.read_text()).get("Parameters", {})
    parameters = {name: value for name, value in GIVEN.items() if name in declared}
    cloud.deploy(template, assets={"lambdas.zip": package}, parameters=parameters)


def test_every_stack_of_every_stage_is_deployed(cloud: LocalCloud) -> None:
    stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]

    assert {stack["StackName"] for stack in stacks} == {stack_name(s.name, stack) for s in STAGES for stack in Stack}
    assert {stack["StackStatus"] for stack in stacks} == {"CREATE_COMPLETE"}


def test_a_model_group_tells_whom_it_lets_in(cloud: LocalCloud) -> None:
    sagemaker = cloud.client("sagemaker")

    policy = json.loads(
        sagemaker.get_model_package_group_policy(ModelPackageGroupName="rightpack-staging-carton")["ResourcePolicy"]
    )

    assert {s["Principal"]["AWS"] for s in policy["Statement"]} == {"arn:aws:iam::444455556666:root"}


def test_notices_go_to_the_mailbox_that_was_given(cloud: LocalCloud) -> None:
    topic = f"arn:aws:sns:{cloud.region}:{cloud.account}:rightpack-prod-notices"
    found = cloud.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]

    assert [(s["Protocol"], s["Endpoint"]) for s in found] == [("email", GIVEN["NoticeEmail"])]


def test_pipelines_run_the_image_that_was_given(cloud: LocalCloud) -> None:
    definition = cloud.client("sagemaker").describe_pipeline(PipelineName="rightpack-prod-training")[
        "PipelineDefinition"
    ]

    assert GIVEN["Image"] in definition
    assert "rightpack-jobs:local" not in definition
