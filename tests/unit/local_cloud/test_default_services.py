"""SageMaker and Redshift as they come with the cloud, reached through a template and through boto3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud

DEFINITION = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "RunId", "Type": "String"}],
    "Steps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": {"Get": "Parameters.RunId"}}}],
}
TEMPLATE = """
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: pipelines, AssumeRolePolicyDocument: {Version: 2012-10-17, Statement: []}}
  Group:
    Type: AWS::SageMaker::ModelPackageGroup
    Properties: {ModelPackageGroupName: padded-mailer, ModelPackageGroupDescription: d, Tags: [{Key: a, Value: b}]}
  Inline:
    Type: AWS::SageMaker::Pipeline
    Properties:
      PipelineName: inline
      PipelineDescription: first
      RoleArn: !GetAtt Role.Arn
      PipelineDefinition: {PipelineDefinitionBody: 'DEFINITION'}
  Stored:
    Type: AWS::SageMaker::Pipeline
    Properties:
      PipelineName: stored
      RoleArn: !GetAtt Role.Arn
      PipelineDefinition: {PipelineDefinitionS3Location: {Bucket: definitions, Key: stored.json}}
  Namespace: {Type: AWS::RedshiftServerless::Namespace, Properties: {NamespaceName: warehouse, DbName: rightpack}}
  Workgroup:
    Type: AWS::RedshiftServerless::Workgroup
    Properties: {WorkgroupName: warehouse, NamespaceName: !Ref Namespace, BaseCapacity: "8"}
Outputs:
  Group: {Value: !Ref Group}
  Workgroup: {Value: !GetAtt Workgroup.Workgroup.WorkgroupArn}
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud() as running:
        running.client("s3").create_bucket(Bucket="definitions")
        running.objects.write("definitions", "stored.json", json.dumps(DEFINITION).encode())
        yield running


def test_pipelines_groups_and_warehouse_of_a_template_work(cloud: LocalCloud, deploy: Callable[..., Any]) -> None:
    template = TEMPLATE.replace("DEFINITION", json.dumps(DEFINITION))
    stack = deploy("ml", template)
    sagemaker = cloud.client("sagemaker")

    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.outputs}
    assert outputs["Group"] == "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/padded-mailer"
    workgroup = cloud.client("redshift-serverless").get_workgroup(workgroupName="warehouse")["workgroup"]
    assert outputs["Workgroup"] == workgroup["workgroupArn"]
    described = [sagemaker.describe_pipeline(PipelineName=name)["PipelineDefinition"] for name in ("inline", "stored")]
    assert [json.loads(text) for text in described] == [DEFINITION, DEFINITION]

    deploy("ml", template.replace("PipelineDescription: first", "PipelineDescription: second"))
    assert sagemaker.describe_pipeline(PipelineName="inline")["PipelineDescription"] == "second"

    cloud.delete("ml")
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_pipeline(PipelineName="inline")


def test_statement_of_the_data_api_runs(cloud: LocalCloud, eventually: Any) -> None:
    data = cloud.client("redshift-data")
    answer = data.execute_statement(WorkgroupName="anywhere", Database="rightpack", Sql="select 1 as one")
    eventually(lambda: data.describe_statement(Id=answer["Id"])["Status"] == "FINISHED")

    assert data.get_statement_result(Id=answer["Id"])["Records"] == [[{"longValue": 1}]]


def test_failed_execution_is_an_event_that_rules_hear(cloud: LocalCloud, eventually: Any) -> None:
    role = cloud.client("iam").create_role(
        RoleName="own", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}'
    )
    queue = cloud.client("sqs").create_queue(QueueName="executions")["QueueUrl"]
    events = cloud.client("events")
    pattern = {"source": ["aws.sagemaker"], "detail": {"currentPipelineExecutionStatus": ["Failed"]}}
    events.put_rule(Name="failed", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="failed", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:executions"}])
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_pipeline(
        PipelineName="own", PipelineDefinition=json.dumps(DEFINITION), RoleArn=role["Role"]["Arn"]
    )

    started = sagemaker.start_pipeline_execution(
        PipelineName="own", PipelineParameters=[{"Name": "RunId", "Value": "r1"}]
    )

    messages = eventually(lambda: cloud.client("sqs").receive_message(QueueUrl=queue).get("Messages"))
    detail = json.loads(messages[0]["Body"])["detail"]
    assert detail["pipelineExecutionArn"] == started["PipelineExecutionArn"]
