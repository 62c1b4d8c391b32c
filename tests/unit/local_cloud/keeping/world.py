"""A cloud with something in every service, and what a person would look at in it."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from local_cloud.cloud import LocalCloud

TEMPLATE = """
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: kept-bucket, VersioningConfiguration: {Status: Enabled}}
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: work, VisibilityTimeout: 900}}
  Topic: {Type: AWS::SNS::Topic, Properties: {TopicName: notices}}
  Mail: {Type: AWS::SNS::Subscription, Properties: {TopicArn: !Ref Topic, Protocol: email, Endpoint: a@example.com}}
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {Version: 2012-10-17, Statement: []}}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: ledger
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: worker
      AssumeRolePolicyDocument:
        Version: 2012-10-17
        Statement: [{Effect: Allow, Action: "sts:AssumeRole", Principal: {Service: lambda.amazonaws.com}}]
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: 2012-10-17
            Statement: [{Effect: Allow, Action: ["sqs:*", "logs:*", "dynamodb:*"], Resource: "*"}]
  Function:
    Type: AWS::Lambda::Function
    Properties:
      FunctionName: worker
      Runtime: python3.12
      Handler: handler.handler
      Timeout: 60
      Role: !GetAtt Role.Arn
      Environment: {Variables: {QUEUE_URL: !Ref Queue}}
      Code: {S3Bucket: cdk-hnb659fds-assets-123456789012-us-east-1, S3Key: code.zip}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: too-many
      Namespace: shop
      MetricName: Returns
      Statistic: Sum
      Period: 604800
      EvaluationPeriods: 1
      Threshold: 1
      ComparisonOperator: GreaterThanThreshold
      AlarmActions: [!Ref Topic]
  Weekly:
    Type: AWS::Events::Rule
    Properties: {Name: weekly, ScheduleExpression: "rate(7 days)", State: ENABLED}
Outputs:
  QueueUrl: {Value: !Ref Queue}
"""
HANDLER = """
import os
def handler(event, context):
    if event == "where":
        return os.environ["QUEUE_URL"]
    import boto3, time
    while os.path.exists(event.get("while", "")):
        time.sleep(0.02)
    for record in event["Records"]:
        item = {"id": {"S": record["body"]}, "received": {"S": record["attributes"]["ApproximateReceiveCount"]}}
        boto3.client("dynamodb").put_item(TableName="ledger", Item=item)
"""


WHAT: dict[str, dict[str, Any]] = {
    "s3 list_object_versions": {"Bucket": "kept-bucket"},
    "s3 head_object": {"Bucket": "kept-bucket", "Key": "a/b"},
    "s3 get_bucket_versioning": {"Bucket": "kept-bucket"},
    "sns list_subscriptions": {},
    "dynamodb scan": {"TableName": "ledger"},
    "dynamodb describe_table": {"TableName": "ledger"},
    "ssm get_parameter": {"Name": "/kept"},
    "iam get_role_policy": {"RoleName": "worker", "PolicyName": "own"},
    "lambda get_function_configuration": {"FunctionName": "worker"},
    "logs get_log_events": {"logGroupName": "g", "logStreamName": "s"},
    "cloudwatch describe_alarms": {},
    "cloudwatch describe_alarm_history": {},
    "cloudformation describe_stacks": {},
    "cloudformation list_stack_resources": {"StackName": "main"},
    "events list_rules": {},
    "kms list_keys": {},
}


def packed(source: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("handler.py", source)
    return made.getvalue()


class World:
    """A folder, and what one cloud after the other says of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "main.template.yaml"
        self.template.write_text(TEMPLATE)
        self.code = folder / "code.zip"
        self.code.write_bytes(packed(HANDLER))
        self.seen: dict[str, Any] = {}

    def cloud(self) -> LocalCloud:
        return LocalCloud(self.folder / "cloud", services=[], retry_seconds=(0.0, 0.0), keep=True)

    def deploy(self, cloud: LocalCloud) -> Any:
        return cloud.deploy(self.template, assets={"code.zip": self.code})


def use(world: World, cloud: LocalCloud) -> None:
    """Leave something in every service."""
    client, seen = cloud.client, world.seen
    world.deploy(cloud)
    for body in (b"one", b"three", b"z" * 6_000_000):
        client("s3").put_object(Bucket="kept-bucket", Key="a/b", Body=body, Metadata={"who": "me"})
    client("s3").put_object(Bucket="kept-bucket", Key="gone", Body=b"x")
    client("s3").delete_object(Bucket="kept-bucket", Key="gone")
    url = client("sqs").get_queue_url(QueueName="work")["QueueUrl"]
    client("sqs").send_message(QueueUrl=url, MessageBody="a message")
    client("dynamodb").put_item(TableName="ledger", Item={"id": {"S": "run-1"}, "n": {"N": "1"}})
    client("ssm").put_parameter(Name="/kept", Value="value", Type="String")
    key = client("kms").list_keys()["Keys"][0]["KeyId"]
    seen["secret"] = client("kms").encrypt(KeyId=key, Plaintext=b"plain")["CiphertextBlob"]
    client("logs").create_log_group(logGroupName="g")
    client("logs").create_log_stream(logGroupName="g", logStreamName="s")
    client("logs").put_log_events(
        logGroupName="g", logStreamName="s", logEvents=[{"timestamp": 1_800_000_000_000, "message": "a line"}]
    )
    client("cloudwatch").put_metric_data(Namespace="shop", MetricData=[{"MetricName": "Returns", "Value": 5.0}])
    cloud.advance(3 * 86_400)
    seen["facts"] = facts(cloud)
    seen["url"] = cloud.url


def facts(cloud: LocalCloud) -> dict[str, Any]:
    """What a person would look at; addresses without their port."""
    found = {}
    for what, arguments in WHAT.items():
        service, operation = what.split()
        answer = getattr(cloud.client(service), operation)(**arguments)
        answer.pop("ResponseMetadata")
        found[what] = json.loads(json.dumps(answer, default=str).replace(cloud.url, "URL"))
    return found
