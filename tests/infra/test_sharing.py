"""What another account may read of a stage, and what nobody else may."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from infra.synth import TEMPLATES
from rightpack.layout import Stack, stack_name
from tests.infra.cloudformation import ACCOUNT, REGION, Template, arn, listed

READER = "444455556666"
WRITES = {
    "Processing": "ProcessingOutputConfig",
    "Training": "OutputDataConfig",
    "Transform": "TransformOutput",
}


def _storage(stage: str, reader: str = "") -> Template:
    template = Template.read(TEMPLATES / f"{stack_name(stage, Stack.STORAGE)}.template.json")
    parameters = {name: {**value, "Default": reader} for name, value in template.raw.get("Parameters", {}).items()}
    return dataclasses.replace(template, raw={**template.raw, "Parameters": parameters})


def _for_reader(template: Template, account: str = READER) -> list[dict[str, Any]]:
    policies = [
        *(key["KeyPolicy"] for key in template.of_type("AWS::KMS::Key").values()),
        *(bucket["PolicyDocument"] for bucket in template.of_type("AWS::S3::BucketPolicy").values()),
        *(
            group["ModelPackageGroupPolicy"]
            for group in template.of_type("AWS::SageMaker::ModelPackageGroup").values()
            if "ModelPackageGroupPolicy" in group
        ),
    ]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    return [s for policy in policies for s in policy["Statement"] if s["Principal"] == principal]


def test_next_stages_account_reads_models_and_what_they_are_encrypted_with() -> None:
    found = _for_reader(_storage("staging", READER))
    actions = {action for statement in found for action in listed(statement["Action"])}

    assert actions == {
        "kms:Decrypt",
        "s3:GetObject",
        "sagemaker:DescribeModelPackage",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:ListModelPackages",
    }


def test_next_stages_account_reads_below_trainings_only() -> None:
    [objects] = [s for s in _for_reader(_storage("staging", READER)) if s["Action"] == "s3:GetObject"]

    assert objects["Resource"] == f"arn:aws:s3:::rightpack-staging-artefacts-{ACCOUNT}-{REGION}/runs/training/*"


def test_every_model_group_lets_its_own_versions_be_read() -> None:
    for name, group in (
        _storage("staging", READER).by("AWS::SageMaker::ModelPackageGroup", "ModelPackageGroupName").items()
    ):
        resources = {s["Sid"]: s["Resource"] for s in group["ModelPackageGroupPolicy"]["Statement"]}
        assert resources == {
            "ReadGroup": arn("sagemaker", f"model-package-group/{name}"),
            "ReadVersions": arn("sagemaker", f"model-package/{name}/*"),
        }


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_without_a_reader_no_other_account_is_let_in(stage: str) -> None:
    principals = {
        statement["Principal"]["AWS"]
        for statement in _for_reader(_storage(stage), ACCOUNT)
        if statement.get("Sid") != "WhoeverS3LetsIn"
    }

    assert principals == {f"arn:aws:iam::{ACCOUNT}:root"}


def test_the_last_stage_has_nobody_to_share_with() -> None:
    prod = _storage("prod")

    assert "Parameters" not in prod.raw or "ReaderAccount" not in prod.raw["Parameters"]
    assert all("ModelPackageGroupPolicy" not in g for g in prod.of_type("AWS::SageMaker::ModelPackageGroup").values())


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_key_works_through_s3_alone_and_changes_every_year(stage: str) -> None:
    [key] = _storage(stage).of_type("AWS::KMS::Key").values()
    [everybody] = [s for s in key["KeyPolicy"]["Statement"] if s.get("Sid") == "WhoeverS3LetsIn"]

    assert everybody["Condition"] == {
        "StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": f"s3.{REGION}.amazonaws.com"}
    }
    assert key["EnableKeyRotation"] is True


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_every_job_names_the_shared_key_for_what_it_writes(stage: str) -> None:
    """By itself SageMaker would take a key of S3 that no other account may use, so a promotion could not read."""
    [alias] = _storage(stage).by("AWS::KMS::Alias", "AliasName")
    published = Template.read(TEMPLATES / f"{stack_name(stage, Stack.PIPELINES)}.template.json")
    image = {"Image": "111122223333.dkr.ecr.eu-central-1.amazonaws.com/rightpack-jobs:1"}
    for name, value in image.items():
        published.raw["Parameters"][name]["Default"] = value
    used = {
        (pipeline["PipelineName"], step["Name"], step["Arguments"][WRITES[step["Type"]]].get("KmsKeyId"))
        for pipeline in published.of_type("AWS::SageMaker::Pipeline").values()
        for step in _steps(json.loads(pipeline["PipelineDefinition"]["PipelineDefinitionBody"])["Steps"])
        if step["Type"] in WRITES
    }

    assert len(used) >= 10
    assert {one for one in used if one[2] != alias} == set()


def _steps(steps: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in ("IfSteps", "ElseSteps"):
            yield from _steps(step.get("Arguments", {}).get(branch, []))


@pytest.mark.parametrize("stage", ["dev", "staging", "prod"])
def test_what_remembers_is_kept_when_a_stack_is_deleted(stage: str) -> None:
    kept = {"Bucket", "Table", "Key", "ModelPackageGroup", "Namespace"}
    for stack in Stack:
        template = Template.read(TEMPLATES / f"{stack_name(stage, stack)}.template.json")
        for name, resource in template.raw["Resources"].items():
            if resource["Type"].rpartition("::")[2] in kept:
                assert (name, resource.get("DeletionPolicy")) == (name, "Retain")


def test_every_workgroup_is_private_and_copies_with_the_stages_role() -> None:
    for stage in ("dev", "staging", "prod"):
        template = Template.read(TEMPLATES / f"{stack_name(stage, Stack.WAREHOUSE)}.template.json")
        [namespace] = template.of_type("AWS::RedshiftServerless::Namespace").values()
        [workgroup] = template.of_type("AWS::RedshiftServerless::Workgroup").values()
        [role] = template.by("AWS::IAM::Role", "RoleName")

        assert (workgroup["WorkgroupName"], workgroup["PubliclyAccessible"]) == (f"rightpack-{stage}", False)
        assert namespace["IamRoles"] == [namespace["DefaultIamRoleArn"]]
        assert role == f"rightpack-{stage}-warehouse"
