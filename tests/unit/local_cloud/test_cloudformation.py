from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import DeploymentError, LocalCloud

Deploy = Callable[..., Any]

TABLE = """
Resources:
  Runs:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: {name}
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}, {{AttributeName: day, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
      GlobalSecondaryIndexes:
        - IndexName: by-day
          KeySchema: [{{AttributeName: day, KeyType: HASH}}]
          Projection: {{ProjectionType: ALL}}
  {more}
"""
QUEUE = "Extra: {Type: AWS::SQS::Queue, Properties: {QueueName: %s}}"


def _events(cloud: LocalCloud, stack: str) -> list[tuple[str, str, str]]:
    events = cloud.client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [(e["LogicalResourceId"], e["ResourceStatus"], e.get("ResourceStatusReason", "")) for e in reversed(events)]


def test_update_adds_and_removes_resources_and_keeps_data(cloud: LocalCloud, deploy: Deploy) -> None:
    deploy("keep", TABLE.format(name="keep", more=QUEUE % "keep-first"))
    cloud.client("dynamodb").put_item(TableName="keep", Item={"id": {"S": "a"}})

    stack = deploy("keep", TABLE.format(name="keep", more=QUEUE % "keep-second"))

    assert stack.status == "UPDATE_COMPLETE"
    assert cloud.client("dynamodb").get_item(TableName="keep", Key={"id": {"S": "a"}})["Item"] == {"id": {"S": "a"}}
    queues = [url.rsplit("/", 1)[-1] for url in cloud.client("sqs").list_queues(QueueNamePrefix="keep-")["QueueUrls"]]
    assert queues == ["keep-second"]


def test_deploying_the_same_template_again_changes_nothing(cloud: LocalCloud, deploy: Deploy) -> None:
    template = TABLE.format(name="same", more="")
    deploy("same", template)

    assert deploy("same", template).status == "CREATE_COMPLETE"
    with pytest.raises(ClientError, match="No updates are to be performed"):
        cloud.client("cloudformation").update_stack(StackName="same", TemplateBody=template)


def test_property_that_nobody_carries_out_fails_the_deployment_and_leaves_nothing(
    cloud: LocalCloud, deploy: Deploy
) -> None:
    template = """
Resources:
  First: {Type: AWS::SQS::Queue, Properties: {QueueName: strict-first}}
  Data:
    Type: AWS::S3::Bucket
    DependsOn: First
    Properties:
      BucketName: strict-bucket
      WebsiteConfiguration: {IndexDocument: x}
      NotificationConfiguration: {QueueConfigurations: []}
"""
    with pytest.raises(DeploymentError) as failure:
        deploy("strict", template)

    message = str(failure.value)
    assert "ROLLBACK_COMPLETE" in message
    assert "Data (AWS::S3::Bucket)" in message
    assert "['NotificationConfiguration.QueueConfigurations', 'WebsiteConfiguration']" in message
    assert "strict-bucket" not in {bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]}
    assert "QueueUrls" not in cloud.client("sqs").list_queues(QueueNamePrefix="strict-")


def test_property_left_alone_for_a_reason_is_accepted(deploy: Deploy) -> None:
    template = """
Resources:
  Data:
    Type: AWS::S3::Bucket
    Properties: {BucketName: lenient-bucket, PublicAccessBlockConfiguration: {BlockPublicAcls: true}}
"""
    assert deploy("lenient", template).status == "CREATE_COMPLETE"


def test_failed_resource_and_its_reason_are_in_the_events(cloud: LocalCloud) -> None:
    template = {
        "Resources": {
            "Sub": {
                "Type": "AWS::SNS::Subscription",
                "Properties": {
                    "TopicArn": "arn:aws:sns:us-east-1:123456789012:absent",
                    "Protocol": "email",
                    "Endpoint": "a@b.example",
                },
            }
        }
    }
    cloud.client("cloudformation").create_stack(StackName="failing", TemplateBody=json.dumps(template))

    events = _events(cloud, "failing")

    ((name, _, reason),) = [event for event in events if event[1] == "CREATE_FAILED"]
    assert name == "Sub"
    assert "Topic does not exist" in reason
    assert events[-1][:2] == ("failing", "ROLLBACK_COMPLETE")


def test_failed_update_goes_back_to_what_was(cloud: LocalCloud, deploy: Deploy) -> None:
    good = "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: back, VisibilityTimeout: 10}}\n"
    bad = """
Resources:
  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: back, VisibilityTimeout: 20}}
  P: {Type: AWS::SSM::Parameter, DependsOn: Q, Properties: {Name: /back/p, Type: String, Value: v, Policies: x}}
"""
    deploy("back", good)

    with pytest.raises(DeploymentError, match=r"UPDATE_ROLLBACK_COMPLETE.*P \(AWS::SSM::Parameter\)"):
        deploy("back", bad)

    url = f"{cloud.url}/123456789012/back"
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    assert attributes["Attributes"] == {"VisibilityTimeout": "10"}
    with pytest.raises(ClientError, match="ParameterNotFound"):
        cloud.client("ssm").get_parameter(Name="/back/p")
    assert deploy("back", good.replace("10", "11")).status == "UPDATE_COMPLETE"


def test_type_that_is_not_known_is_refused_by_name(deploy: Deploy) -> None:
    with pytest.raises(DeploymentError, match="AWS::EC2::VPC"):
        deploy("vpc", "Resources: {V: {Type: 'AWS::EC2::VPC'}}")


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("Resources: {}", "At least one Resources member"),
        ("{", "Template format error"),
        (
            "Transform: AWS::Serverless\nResources: {Q: {Type: 'AWS::SQS::Queue'}}",
            "template sections \\['Transform'\\]",
        ),
        ("Resources: {Q: {Properties: {}}}", "have no Type"),
        ("Resources: {Q: {Type: 'AWS::SQS::Queue', DependsOn: Nobody}}", "depends on \\['Nobody'\\]"),
        ("Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref Nobody}}}", "Nobody"),
        (
            "Resources: {T: {Type: 'AWS::SNS::Topic'}, Q: {Type: 'AWS::SQS::Queue', Properties: {Tags: !GetAtt T.X}}}",
            "has no attribute X",
        ),
        (
            "Resources: {Q: {Type: 'AWS::SQS::Queue', Properties: {QueueName: '{{resolve:ssm:x}}'}}}",
            "dynamic reference",
        ),
        ("Parameters: {P: {Type: String}}\nResources: {Q: {Type: 'AWS::SQS::Queue'}}", "\\['P'\\] must have values"),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', DependsOn: B}, B: {Type: 'AWS::SNS::Topic', DependsOn: A}}",
            "Circular dependency between resources: \\['A', 'B'\\]",
        ),
    ],
)
def test_nonsense_is_refused_with_its_reason(deploy: Deploy, template: str, reason: str) -> None:
    with pytest.raises(DeploymentError, match=reason):
        deploy("nonsense", template)


INTRINSICS = """
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
  Names: {Type: CommaDelimitedList, Default: "a, b,c"}
Mappings: {Sizes: {dev: {timeout: "7"}, prod: {timeout: "70"}}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Condition IsProd]
  Both: !And [!Condition IsDev, !Or [!Condition IsProd, !Equals [a, a]]]
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !FindInMap [Sizes, !Ref Stage, timeout]
      DelaySeconds: !If [IsProd, 5, !Ref "AWS::NoValue"]
  OnlyProd: {Type: AWS::SQS::Queue, Condition: IsProd, Properties: {QueueName: only-prod}}
  Value:
    Type: AWS::SSM::Parameter
    Properties:
      Name: !Sub "/intrinsics/${Stage}"
      Type: String
      Value: !Join
        - "|"
        - - !Sub ["${Own}-${Queue.QueueName}-${!Literal}", {Own: !Select [1, !Ref Names]}]
          - !Select [2, !Split [":", !GetAtt Queue.Arn]]
          - !If [Both, yes-both, no]
          - !Base64 x
          - Fn::ToJsonString: {n: 1, q: !Ref AWS::Region}
Outputs:
  Value: {Value: !GetAtt Value.Value}
  Hidden: {Condition: IsProd, Value: x}
"""


def test_intrinsic_functions(cloud: LocalCloud, deploy: Deploy) -> None:
    stack = deploy("intrinsics", INTRINSICS)

    name = stack.resources["Queue"].attributes["QueueName"]
    assert name.startswith("intrinsics-Queue-")
    value = f'b-{name}-${{Literal}}|sqs|yes-both|eA==|{{"n":1,"q":"us-east-1"}}'
    assert cloud.client("ssm").get_parameter(Name="/intrinsics/dev")["Parameter"]["Value"] == value
    assert stack.outputs == [{"OutputKey": "Value", "OutputValue": value}]
    attributes = cloud.client("sqs").get_queue_attributes(
        QueueUrl=stack.resources["Queue"].physical_id, AttributeNames=["All"]
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "7"
    assert "OnlyProd" not in stack.resources


def test_parameter_decides_what_there_is(deploy: Deploy) -> None:
    with pytest.raises(DeploymentError, match="Parameter Stage must be one of"):
        deploy("staged", INTRINSICS, parameters={"Stage": "test"})

    stack = deploy("staged", INTRINSICS.replace("/intrinsics/", "/staged/"), parameters={"Stage": "prod"})

    assert "OnlyProd" in stack.resources


def test_output_of_one_stack_is_imported_by_another(cloud: LocalCloud, deploy: Deploy) -> None:
    deploy(
        "giver", "Resources: {T: {Type: 'AWS::SNS::Topic'}}\nOutputs: {T: {Value: !Ref T, Export: {Name: the-topic}}}"
    )
    taker = """
Resources:
  P: {Type: AWS::SSM::Parameter, Properties: {Name: /taken, Type: String, Value: !ImportValue the-topic}}
"""
    deploy("taker", taker)

    assert ":sns:" in cloud.client("ssm").get_parameter(Name="/taken")["Parameter"]["Value"]


def test_delete_removes_all_but_what_is_retained(cloud: LocalCloud, deploy: Deploy) -> None:
    deploy(
        "leaving",
        """
Resources:
  Kept: {Type: AWS::SQS::Queue, DeletionPolicy: Retain, Properties: {QueueName: leaving-kept}}
  Gone: {Type: AWS::SQS::Queue, Properties: {QueueName: leaving-gone}}
""",
    )

    cloud.delete("leaving")

    urls = cloud.client("sqs").list_queues(QueueNamePrefix="leaving-")["QueueUrls"]
    assert [url.rsplit("/", 1)[-1] for url in urls] == ["leaving-kept"]
    with pytest.raises(ClientError, match="does not exist"):
        cloud.client("cloudformation").describe_stacks(StackName="leaving")


def test_bucket_with_objects_resists_its_deletion(cloud: LocalCloud, deploy: Deploy) -> None:
    deploy("full", "Resources: {B: {Type: 'AWS::S3::Bucket', Properties: {BucketName: full-bucket}}}")
    cloud.objects.write("full-bucket", "k", b"x")

    with pytest.raises(DeploymentError, match=r"DELETE_FAILED.*'B'"):
        cloud.delete("full")

    cloud.objects.delete("full-bucket", "k")
    cloud.delete("full")


def test_assets_and_bootstrap_version_are_where_cdk_puts_them(
    cloud: LocalCloud, deploy: Deploy, tmp_path: Path
) -> None:
    (tmp_path / "code").write_text("zip")
    template = """
Parameters:
  BootstrapVersion: {Type: "AWS::SSM::Parameter::Value<String>", Default: /cdk-bootstrap/hnb659fds/version}
Rules: {CheckBootstrapVersion: {Assertions: []}}
Resources:
  P:
    Type: AWS::SSM::Parameter
    Properties: {Name: /asset/v, Type: String, Value: !Sub "cdk-hnb659fds-assets-${BootstrapVersion}"}
"""
    deploy("assets", template, assets={"code.zip": tmp_path / "code"})
    deploy("assets", template, assets={"code.zip": tmp_path / "code"})

    assert cloud.objects.read("cdk-hnb659fds-assets-123456789012-us-east-1", "code.zip") == b"zip"


EVERYTHING = Path(__file__).with_name("everything.template.yaml")


def test_every_type_is_created_updated_and_deleted(cloud: LocalCloud, deploy: Deploy) -> None:
    template = EVERYTHING.read_text()
    stack = deploy("everything", template)
    created = {name: resource.status for name, resource in stack.resources.items()}
    assert set(created.values()) == {"CREATE_COMPLETE"}
    first = {"alarm": 5.0, "retention": 30, "index": ["by-day"], "lifecycle": 7, "targets": ["q"]}
    assert first.items() <= _seen(cloud).items()
    lasting = {"dashboard": True, "rotation": True, "secret": {"user": "etl"}, "encryption": "aws:kms"}
    assert lasting.items() <= _seen(cloud).items()

    for old, new in (("InDays: 30", "InDays: 60"), ("ionInDays: 7", "ionInDays: 9"), ("Threshold: 5", "Threshold: 6")):
        template = template.replace(old, new)
    stack = deploy("everything", template.replace("# update: ", ""))

    updated = {name for name, resource in stack.resources.items() if resource.status == "UPDATE_COMPLETE"}
    assert stack.status == "UPDATE_COMPLETE"
    assert {"Alarm", "Table", "Rule", "Role", "Policy", "Managed", "Group", "Bucket", "Schedule", "Topic"} <= updated
    second = {"alarm": 6.0, "retention": 60, "index": ["by-day", "by-type"], "lifecycle": 9, "targets": ["q", "t"]}
    assert (second | lasting).items() <= _seen(cloud).items()

    cloud.delete("everything")

    assert stack.status == "DELETE_COMPLETE"


def _seen(cloud: LocalCloud) -> dict[str, Any]:
    client = cloud.client
    key = client("kms").describe_key(KeyId="alias/everything")["KeyMetadata"]["KeyId"]
    secret = json.loads(client("secretsmanager").get_secret_value(SecretId="everything/secret")["SecretString"])
    encryption = client("s3").get_bucket_encryption(Bucket="everything-bucket")["ServerSideEncryptionConfiguration"]
    return {
        "alarm": client("cloudwatch").describe_alarms(AlarmNames=["everything"])["MetricAlarms"][0]["Threshold"],
        "dashboard": "widgets" in client("cloudwatch").get_dashboard(DashboardName="everything")["DashboardBody"],
        "rotation": client("kms").get_key_rotation_status(KeyId=key)["KeyRotationEnabled"],
        "secret": {"user": secret["user"]} if len(secret["password"]) == 32 else secret,
        "retention": client("logs").describe_log_groups(logGroupNamePrefix="/everything")["logGroups"][0][
            "retentionInDays"
        ],
        "index": sorted(
            index["IndexName"]
            for index in client("dynamodb").describe_table(TableName="everything")["Table"]["GlobalSecondaryIndexes"]
        ),
        "lifecycle": client("s3").get_bucket_lifecycle_configuration(Bucket="everything-bucket")["Rules"][0][
            "Expiration"
        ]["Days"],
        "targets": sorted(
            target["Id"] for target in client("events").list_targets_by_rule(Rule="everything")["Targets"]
        ),
        "encryption": encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"],
    }
