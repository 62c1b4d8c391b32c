"""The project's own entry path, from a template deployed for real: object, event, queue, function, table, mail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import LocalCloud

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Data:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: !Sub "flow-${Stage}-${AWS::AccountId}"
      VersioningConfiguration: {Status: Enabled}
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  DataPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Data
      PolicyDocument:
        Version: 2012-10-17
        Statement:
          - Effect: Deny
            Principal: "*"
            Action: "s3:*"
            Resource: "*"
            Condition: {Bool: {"aws:SecureTransport": "false"}}
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: flow-dead}}
  Triggers:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: flow-triggers
      VisibilityTimeout: 1
      RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 2}
  TriggersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref Triggers]
      PolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: sqs:SendMessage, Resource: "*"}]
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventPattern:
        source: [aws.s3]
        detail-type: [Object Created]
        detail: {bucket: {name: [!Ref Data]}, object: {key: [{wildcard: "drops/*/_TRIGGER.json"}]}}
      Targets: [{Id: queue, Arn: !GetAtt Triggers.Arn}]
  Runs:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: flow-runs
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: run_id, AttributeType: S}]
      KeySchema: [{AttributeName: run_id, KeyType: HASH}]
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      ManagedPolicyArns: ["arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: 2012-10-17
            Statement: [{Effect: Allow, Action: "dynamodb:PutItem", Resource: !GetAtt Runs.Arn}]
  Starter:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: flow-starter
      Runtime: python3.12
      Handler: handler.handler
      Role: !GetAtt Role.Arn
      Timeout: 20
      Code: {S3Bucket: !Sub "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}", S3Key: lambdas.zip}
      Environment: {Variables: {TABLE: !Ref Runs}}
  Source:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Triggers.Arn
      FunctionName: !Ref Starter
      BatchSize: 5
      FunctionResponseTypes: [ReportBatchItemFailures]
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: flow-notices}}
  Mail: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: email, Endpoint: ops@example.com}}
  DeadLetters:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: flow-dead-letters
      AlarmDescription: A trigger could not be dealt with.
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt Dead.QueueName}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
      TreatMissingData: notBreaching
      AlarmActions: [!Ref Topic]
Outputs:
  Queue: {Value: !Ref Triggers, Export: {Name: flow-queue}}
  Function: {Value: !GetAtt Starter.Arn}
"""

HANDLER = """
import json, os, boto3
table = boto3.client("dynamodb")
def handler(event, context):
    failed = []
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        print("trigger", detail["object"]["key"])
        if "poison" in detail["object"]["key"]:
            failed.append({"itemIdentifier": record["messageId"]})
        else:
            item = {"run_id": {"S": detail["object"]["key"]}, "detail": {"S": json.dumps(detail)}}
            table.put_item(TableName=os.environ["TABLE"], Item=item)
    return {"batchItemFailures": failed}
"""

BUCKET = "flow-dev-123456789012"


@pytest.fixture(scope="module")
def stack(cloud: LocalCloud, zipped: Callable[[str], bytes], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("flow")
    (folder / "flow.template.yaml").write_text(TEMPLATE)
    (folder / "lambdas.zip").write_bytes(zipped(HANDLER))
    return cloud.deploy(folder / "flow.template.yaml", assets={"lambdas.zip": folder / "lambdas.zip"})


def _detail(cloud: LocalCloud, key: str) -> Any:
    item = cloud.client("dynamodb").get_item(TableName="flow-runs", Key={"run_id": {"S": key}}).get("Item")
    return item and json.loads(item["detail"]["S"])


@pytest.mark.usefixtures("stack")
def test_trigger_object_reaches_the_table_through_event_queue_and_function(cloud: LocalCloud, eventually: Any) -> None:
    key = "drops/a/_TRIGGER.json"
    put = cloud.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"{}")
    cloud.client("s3").put_object(Bucket=BUCKET, Key="drops/a/data/part_0.parquet", Body=b"x")

    detail = eventually(lambda: _detail(cloud, key))

    assert detail["bucket"] == {"name": BUCKET}
    assert detail["reason"] == "PutObject"
    assert detail["object"]["etag"] == put["ETag"].strip('"')
    assert detail["object"]["version-id"] == put["VersionId"]
    assert detail["object"]["size"] == 2
    assert cloud.client("dynamodb").scan(TableName="flow-runs", Select="COUNT")["Count"] >= 1


@pytest.mark.usefixtures("stack")
def test_multipart_upload_raises_one_event(cloud: LocalCloud, eventually: Any, tmp_path: Path) -> None:
    key = "drops/multipart/_TRIGGER.json"
    s3 = cloud.client("s3")
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=b"{}")
    parts = {"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=parts)

    detail = eventually(lambda: _detail(cloud, key))

    assert detail["reason"] == "CompleteMultipartUpload"
    lines = eventually(lambda: _log(cloud, "trigger " + key))
    assert len(lines) == 1


def _log(cloud: LocalCloud, text: str) -> list[str]:
    found = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/flow-starter")["events"]
    return [event["message"] for event in found if event["message"] == text]


@pytest.mark.usefixtures("stack")
def test_in_process_write_raises_the_same_event_as_http(cloud: LocalCloud, eventually: Any) -> None:
    cloud.objects.write(BUCKET, "drops/own/_TRIGGER.json", b"{}")

    assert eventually(lambda: _detail(cloud, "drops/own/_TRIGGER.json"))["reason"] == "PutObject"


@pytest.mark.usefixtures("stack")
def test_poison_trigger_ends_as_a_dead_letter_an_alarm_and_a_mail(cloud: LocalCloud, eventually: Any) -> None:
    cloud.client("s3").put_object(Bucket=BUCKET, Key="drops/poison/_TRIGGER.json", Body=b"{}")

    mail = eventually(lambda: sorted(cloud.mail.glob("*flow-dead-letters*")))[0].read_text()

    assert mail.startswith("To: ops@example.com\nFrom: arn:aws:sns:us-east-1:123456789012:flow-notices\n")
    assert 'Subject: ALARM: "flow-dead-letters" in US East (N. Virginia)' in mail
    assert '"AlarmDescription": "A trigger could not be dealt with."' in mail
    alarm = cloud.client("cloudwatch").describe_alarms(AlarmNames=["flow-dead-letters"])["MetricAlarms"][0]
    assert alarm["StateValue"] == "ALARM"
    queue = cloud.client("sqs").get_queue_url(QueueName="flow-dead")["QueueUrl"]
    message = cloud.client("sqs").receive_message(QueueUrl=queue)["Messages"][0]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "drops/poison/_TRIGGER.json"


def test_stack_is_visible_through_the_api(cloud: LocalCloud, stack: Any) -> None:
    described = cloud.client("cloudformation").describe_stacks(StackName="flow")["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    assert described["StackId"] == stack.id
    assert described["StackStatus"] == "CREATE_COMPLETE"
    assert outputs["Function"] == "arn:aws:lambda:us-east-1:123456789012:function:flow-starter"
    assert outputs["Queue"] == f"{cloud.url}/123456789012/flow-triggers"
    listed = cloud.client("cloudformation").list_stack_resources(StackName="flow")["StackResourceSummaries"]
    assert {item["LogicalResourceId"]: item["ResourceStatus"] for item in listed}["Rule"] == "CREATE_COMPLETE"
    assert cloud.client("cloudformation").list_exports()["Exports"] == [
        {"Name": "flow-queue", "Value": outputs["Queue"]}
    ]


@pytest.mark.usefixtures("stack")
def test_what_the_template_says_is_what_the_services_have(cloud: LocalCloud) -> None:
    table = cloud.client("dynamodb")
    recovery = table.describe_continuous_backups(TableName="flow-runs")["ContinuousBackupsDescription"]
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=f"{cloud.url}/123456789012/flow-triggers", AttributeNames=["All"]
    )

    assert cloud.client("s3").get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert "aws:SecureTransport" in cloud.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"]
    assert recovery["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert attributes["Attributes"]["VisibilityTimeout"] == "1"
    assert "events.amazonaws.com" in attributes["Attributes"]["Policy"]
    assert json.loads(attributes["Attributes"]["RedrivePolicy"])["maxReceiveCount"] == 2


@pytest.mark.usefixtures("stack")
def test_function_uses_its_own_role_and_every_call_is_observed(cloud: LocalCloud, eventually: Any) -> None:
    seen: list[tuple[str, str, str, int]] = []
    cloud.observe(lambda call, status: seen.append((call.principal.split("/")[-1], call.service, call.action, status)))
    cloud.client("s3").put_object(Bucket=BUCKET, Key="drops/observed/_TRIGGER.json", Body=b"{}")
    eventually(lambda: _detail(cloud, "drops/observed/_TRIGGER.json"))

    assert ("flow-starter", "dynamodb", "PutItem", 200) in seen
    assert ("event-source-mapping", "sqs", "ReceiveMessage", 200) in seen
