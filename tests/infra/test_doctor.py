"""The doctor against the embedded AWS with the committed dev templates: healthy, and broken in one way at a time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra import lambda_package
from infra.synth import TEMPLATES
from local_cloud.cloud import LocalCloud, default_services
from local_cloud.faults.processes import ProcessFaults
from local_cloud.host import Host
from local_cloud.quotas import Quotas
from rightpack.data_api import DataApi
from rightpack.deployment import deployment_of
from rightpack.doctor.examination import examine
from rightpack.doctor.finding import Finding, Patient, Status
from rightpack.layout import Layout, Stack, stack_name
from rightpack.settings import Settings
from rightpack.transport import Target
from rightpack.warehouse import schema_statements

IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/rightpack-jobs@sha256:" + "0" * 64


@dataclasses.dataclass
class Clinic:
    """A deployed stage, the quotas of its account, and the patient that the doctor sees."""

    cloud: LocalCloud
    quotas: Quotas
    patient: Patient

    def broken(self, patient: Patient | None = None) -> list[Finding]:
        return [f for f in examine(patient or self.patient) if f.status is Status.BROKEN]


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic")
    package = folder / "lambdas.zip"
    lambda_package.build(package)
    quotas: list[Quotas] = []

    def keep(host: Host) -> Quotas:
        quotas.append(Quotas(host))
        return quotas[0]

    faults = ProcessFaults()
    services = [make for make in default_services(faults) if make is not Quotas]
    with LocalCloud(folder / "cloud", services=[*services, keep], faults=faults) as cloud:
        for stack in Stack:
            _deploy(cloud, stack, package=package)
        settings = Settings.load("dev")
        layout = Layout("dev", cloud.account, cloud.region)
        patient = Patient(layout, settings, deployment_of("dev"), cloud.client)
        warehouse = DataApi(cloud.client("redshift-data"), Target.of(settings.warehouse, layout))
        for number, statement in enumerate(schema_statements(settings)):
            warehouse.run([statement], token=f"migrate-{number}")
        yield Clinic(cloud, quotas[0], patient)


def _deploy(cloud: LocalCloud, stack: Stack, *, package: Path, **parameters: str) -> None:
    template = TEMPLATES / f"{stack_name('dev', stack)}.template.json"
    cloud.deploy(template, assets={"lambdas.zip": package}, parameters=parameters)


def _only(found: list[Finding]) -> Finding:
    assert len(found) == 1, found
    assert found[0].cause
    assert found[0].fix
    return found[0]


def test_a_deployed_stage_is_healthy(clinic: Clinic) -> None:
    assert clinic.broken() == []


def test_the_image_of_a_laptop_is_a_warning_for_sagemaker_could_not_pull_it(clinic: Clinic) -> None:
    warnings = [f for f in examine(clinic.patient) if f.status is Status.WARNING]

    assert [(f.check, f.about) for f in warnings] == [("image", "rightpack-jobs:local")]


def test_a_missing_permission_is_named_with_its_role_and_resource(clinic: Clinic) -> None:
    iam = clinic.cloud.client("iam")
    name = {"RoleName": "rightpack-dev-job", "PolicyName": "permissions"}
    before = iam.get_role_policy(**name)["PolicyDocument"]
    less = {**before, "Statement": [s for s in before["Statement"] if s["Sid"] != "ReadDropsAndSettings"]}
    iam.put_role_policy(**name, PolicyDocument=json.dumps(less))
    found = clinic.broken()
    iam.put_role_policy(**name, PolicyDocument=json.dumps(before))

    assert _only(found).about == "rightpack-dev-job"
    assert "may not s3:GetObject on arn:aws:s3:::rightpack-dev-data-" in found[0].cause


def test_a_topic_that_cloudwatch_may_not_publish_to(clinic: Clinic) -> None:
    sns = clinic.cloud.client("sns")
    topic = {"TopicArn": clinic.patient.layout.topic_arn, "AttributeName": "Policy"}
    before = sns.get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]["Policy"]
    statements = [s for s in json.loads(before)["Statement"] if s["Sid"] != "AlarmsPublish"]
    sns.set_topic_attributes(**topic, AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": statements}))
    found = clinic.broken()
    sns.set_topic_attributes(**topic, AttributeValue=before)

    assert "does not let cloudwatch.amazonaws.com publish" in _only(found).cause


def test_a_quota_of_no_machines(clinic: Clinic) -> None:
    name = "ml.m5.xlarge for transform job usage"
    clinic.quotas.values[name] = 0.0
    found = clinic.broken()
    clinic.quotas.values[name] = 20.0

    assert (_only(found).check, found[0].about) == ("quota", name)
    assert "It is 0, and one job takes 1" in found[0].cause
    assert "Service Quotas" in found[0].fix


def test_a_quota_that_makes_trainings_wait_is_a_warning(clinic: Clinic) -> None:
    name = "ml.m5.2xlarge for training job usage"
    clinic.quotas.values[name] = 1.0
    found = examine(clinic.patient)
    clinic.quotas.values[name] = 20.0

    assert [f.about for f in found if f.status is Status.WARNING and f.check == "quota"] == [name]


def test_an_absent_workgroup(clinic: Clinic) -> None:
    warehouse = dataclasses.replace(clinic.patient.settings.warehouse, workgroup="somewhere-else")
    settings = dataclasses.replace(clinic.patient.settings, warehouse=warehouse)
    found = clinic.broken(dataclasses.replace(clinic.patient, settings=settings))

    assert (_only(found).check, found[0].about) == ("workgroup", "somewhere-else")


def test_a_workgroup_without_tables(clinic: Clinic) -> None:
    warehouse = dataclasses.replace(clinic.patient.settings.warehouse, schema="never_made")
    settings = dataclasses.replace(clinic.patient.settings, warehouse=warehouse)
    found = clinic.broken(dataclasses.replace(clinic.patient, settings=settings))

    assert (_only(found).check, "rightpack migrate" in found[0].fix) == ("tables", True)


def test_a_wrong_region_is_answered_with_the_right_one(clinic: Clinic) -> None:
    session = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="eu-west-1")
    patient = dataclasses.replace(
        clinic.patient,
        layout=dataclasses.replace(clinic.patient.layout, region="eu-west-1"),
        client=lambda service: (
            session.client(service, endpoint_url=clinic.cloud.url) if service != "cloudformation" else _NoStacks()
        ),
    )

    found = _only(clinic.broken(patient))

    assert found.cause == "The stage is deployed in us-east-1, and we look at eu-west-1."
    assert "AWS_REGION=us-east-1" in found.fix


def test_a_subscription_that_was_never_confirmed(clinic: Clinic) -> None:
    pending = {"Protocol": "email", "Endpoint": "team@example.com", "SubscriptionArn": "PendingConfirmation"}
    found = clinic.broken(_with(clinic, "sns", _Subscribed([pending])))

    assert (_only(found).check, found[0].about) == ("subscription", "email team@example.com")
    assert "never confirmed" in found[0].cause


def test_a_topic_without_subscribers(clinic: Clinic) -> None:
    assert _only(clinic.broken(_with(clinic, "sns", _Subscribed([])))).cause == "Nobody is subscribed."


def test_a_missing_bucket(clinic: Clinic) -> None:
    layout = clinic.patient.layout
    s3 = clinic.cloud.client("s3")
    policy = s3.get_bucket_policy(Bucket=layout.artefact_bucket)["Policy"]
    s3.delete_bucket(Bucket=layout.artefact_bucket)
    found = clinic.broken()
    s3.create_bucket(Bucket=layout.artefact_bucket)
    s3.put_bucket_policy(Bucket=layout.artefact_bucket, Policy=policy)

    assert (_only(found).check, found[0].about) == ("bucket", layout.artefact_bucket)


def test_an_image_that_is_not_in_the_registry(clinic: Clinic) -> None:
    found = clinic.broken(_with(clinic, "sagemaker", _Publishing(IMAGE)))

    assert (_only(found).check, found[0].about) == ("image", IMAGE)


def test_an_image_in_another_region(clinic: Clinic) -> None:
    found = clinic.broken(_with(clinic, "sagemaker", _Publishing(IMAGE.replace("us-east-1", "eu-west-1"))))

    assert "It lies in eu-west-1, and jobs run in us-east-1." in _only(found).cause


def test_a_pipeline_that_is_not_published(clinic: Clinic) -> None:
    sagemaker = clinic.cloud.client("sagemaker")
    definition = sagemaker.describe_pipeline(PipelineName="rightpack-dev-inference")
    sagemaker.delete_pipeline(PipelineName="rightpack-dev-inference", ClientRequestToken="t" * 32)
    found = clinic.broken()
    sagemaker.create_pipeline(
        **{key: definition[key] for key in ("PipelineName", "PipelineDefinition", "RoleArn")},
        ClientRequestToken="u" * 32,
    )

    assert (_only(found).check, found[0].about) == ("pipeline", "rightpack-dev-inference")
    assert "cdk deploy rightpack-dev-pipelines" in found[0].fix


def test_a_schedule_that_was_switched_off(clinic: Clinic) -> None:
    events, name = clinic.cloud.client("events"), "rightpack-dev-unload-training-weekly"
    events.disable_rule(Name=name)
    found = clinic.broken()
    events.enable_rule(Name=name)

    assert (_only(found).about, found[0].cause) == (name, "It is switched off.")


@pytest.mark.parametrize(
    ("code", "check", "cause"),
    [
        ("ExpiredToken", "credentials", "The AWS credentials have expired."),
        ("SignatureDoesNotMatch", "clock", "AWS refuses our signature: the clock is wrong, or the key."),
    ],
)
def test_credentials_that_are_refused_are_all_that_is_looked_at(
    clinic: Clinic, code: str, check: str, cause: str
) -> None:
    found = examine(_with(clinic, "sts", _Refusing(code)))

    assert [(f.check, f.cause) for f in found] == [(check, cause)]


def test_a_clock_that_is_wrong_although_the_answer_came(clinic: Clinic) -> None:
    found = examine(_with(clinic, "sts", _LongAgo()))

    assert [(f.check, f.status) for f in found] == [("credentials", Status.OK), ("clock", Status.BROKEN)]


def test_what_the_caller_may_not_see_is_not_called_broken(clinic: Clinic) -> None:
    found = examine(_with(clinic, "iam", _Refusing("AccessDenied")))

    assert [f.check for f in found if f.status is Status.UNKNOWN] == ["roles"]
    assert not [f for f in found if f.status is Status.BROKEN]


def _with(clinic: Clinic, service: str, fake: Any) -> Patient:
    """The patient with one service seen through a fake, which asks the real one for what it does not know."""
    fake.real = clinic.cloud.client(service)
    real: Callable[[str], Any] = clinic.cloud.client
    return dataclasses.replace(clinic.patient, client=lambda name: fake if name == service else real(name))


class _Fake:
    real: Any

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class _Refusing(_Fake):
    def __init__(self, code: str) -> None:
        self._code = code

    def _refuse(self, **_arguments: Any) -> Any:
        raise ClientError({"Error": {"Code": self._code, "Message": "no"}}, "GetSomething")

    get_caller_identity = get_role = _refuse


class _LongAgo(_Fake):
    def get_caller_identity(self) -> Any:
        answer = self.real.get_caller_identity()
        answer["ResponseMetadata"]["HTTPHeaders"]["date"] = "Fri, 20 Nov 2020 10:00:00 GMT"
        return answer


class _NoStacks(_Fake):
    exceptions = type("Exceptions", (), {"ClientError": ClientError})

    def describe_stacks(self, StackName: str) -> Any:
        raise ClientError(
            {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}, "Describe"
        )


class _Subscribed(_Fake):
    def __init__(self, subscriptions: list[dict[str, str]]) -> None:
        self._subscriptions = subscriptions

    def get_paginator(self, _operation: str) -> Any:
        return self

    def paginate(self, TopicArn: str) -> Any:
        return [{"Subscriptions": self._subscriptions}]


class _Publishing(_Fake):
    def __init__(self, image: str) -> None:
        self._image = image

    def describe_pipeline(self, PipelineName: str) -> Any:
        answer = self.real.describe_pipeline(PipelineName=PipelineName)
        text = answer["PipelineDefinition"].replace("rightpack-jobs:local", self._image)
        return {**answer, "PipelineDefinition": text}
