"""Calls of roles on a running cloud that carries out what policies deny."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud
from local_cloud.iam.authority import Mode
from local_cloud.iam.evaluation import Need

BUCKET = "shop"
Client = Callable[[str], Any]


def statement(effect: str, action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust(service: str) -> str:
    return policy({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}})


MAY = policy(
    statement("Allow", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/drops/*", Sid="Read"),
    statement("Allow", "s3:ListBucket", f"arn:aws:s3:::{BUCKET}", Condition={"StringLike": {"s3:prefix": "drops/*"}}),
    statement("Allow", ["dynamodb:PutItem", "dynamodb:Scan"], "arn:aws:dynamodb:*:*:table/runs", Sid="Runs"),
    statement(
        "Allow", "cloudwatch:PutMetricData", "*", Condition={"StringEquals": {"cloudwatch:namespace": "rightpack"}}
    ),
    statement(
        "Allow", "iam:PassRole", "*", Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    ),
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(services=[], retry_seconds=(0.0, 0.0), iam=Mode.ENFORCE) as running:
        s3 = running.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        for key in ("drops/a", "config/a"):
            s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        keys = [{"AttributeName": "id", "AttributeType": "S"}]
        running.client("dynamodb").create_table(
            TableName="runs",
            AttributeDefinitions=keys,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        iam = running.client("iam")
        iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust("lambda.amazonaws.com"))
        iam.put_role_policy(RoleName="reader", PolicyName="may", PolicyDocument=MAY)
        yield running


@pytest.fixture
def client(cloud: LocalCloud) -> Client:
    session = cloud.client("sts").assume_role(RoleArn="arn:aws:iam::123456789012:role/reader", RoleSessionName="test")[
        "Credentials"
    ]

    def make(service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]  # the stubs want a literal
            service,
            endpoint_url=cloud.url,
            region_name="us-east-1",
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
        )

    return make


def code_of(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def test_a_role_reads_what_its_policy_names_and_nothing_else(client: Client) -> None:
    s3 = client("s3")

    assert s3.get_object(Bucket=BUCKET, Key="drops/a")["Body"].read() == b"x"
    assert s3.head_object(Bucket=BUCKET, Key="drops/a")["ContentLength"] == 1
    assert code_of(s3.get_object, Bucket=BUCKET, Key="config/a") == "AccessDenied"
    assert code_of(s3.put_object, Bucket=BUCKET, Key="drops/a", Body=b"") == "AccessDenied"


def test_conditions_see_the_request(client: Client) -> None:
    s3, cloudwatch = client("s3"), client("cloudwatch")
    data = [{"MetricName": "Rows", "Value": 1.0}]

    assert code_of(s3.list_objects_v2, Bucket=BUCKET, Prefix="drops/") == ""
    assert code_of(s3.list_objects_v2, Bucket=BUCKET, Prefix="config/") == "AccessDenied"
    assert code_of(cloudwatch.put_metric_data, Namespace="rightpack", MetricData=data) == ""
    assert code_of(cloudwatch.put_metric_data, Namespace="other", MetricData=data) == "AccessDeniedException"


def test_each_protocol_refuses_in_its_own_shape(client: Client) -> None:
    assert code_of(client("dynamodb").get_item, TableName="runs", Key={"id": {"S": "1"}}) == "AccessDeniedException"
    assert code_of(client("sns").publish, TopicArn="arn:aws:sns:us-east-1:123456789012:t", Message="m") == (
        "AuthorizationError"
    )
    assert code_of(client("lambda").invoke, FunctionName="f") == "AccessDeniedException"


def test_everybody_may_ask_who_he_is(client: Client) -> None:
    assert client("sts").get_caller_identity()["Arn"].endswith(":assumed-role/reader/test")


def test_a_role_without_leave_takes_on_no_other_role(client: Client) -> None:
    arn = "arn:aws:iam::123456789012:role/reader"

    assert code_of(client("sts").assume_role, RoleArn=arn, RoleSessionName="again") == "AccessDenied"


def test_an_operation_that_nobody_has_mapped_is_denied_loudly(client: Client) -> None:
    with pytest.raises(ClientError, match="does not simulate the permissions of"):
        client("events").put_rule(Name="r", ScheduleExpression="rate(1 day)")


def test_a_policy_that_is_not_understood_is_no_licence(cloud: LocalCloud, client: Client) -> None:
    strange = policy(statement("Allow", "ssm:GetParameter", "*", Condition={"StringEquals": {"ec2:Region": "a"}}))
    iam = cloud.client("iam")
    assert code_of(iam.put_role_policy, RoleName="reader", PolicyName="strange", PolicyDocument=strange) == (
        "NotSimulatedException"
    )
    assert code_of(client("ssm").get_parameter, Name="/a") == "AccessDeniedException"


def test_a_service_takes_on_only_roles_that_trust_it(cloud: LocalCloud) -> None:
    from local_cloud.wire import AwsError

    role = "arn:aws:iam::123456789012:role/reader"
    with pytest.raises(
        AwsError, match=r"Service: sagemaker.amazonaws.com is not authorized to perform: sts:AssumeRole"
    ):
        cloud.objects_as(role, service="sagemaker.amazonaws.com")

    assert cloud.objects_as(role, service="lambda.amazonaws.com").read(BUCKET, "drops/a") == b"x"


def test_what_a_service_does_for_a_role_is_judged_too(cloud: LocalCloud) -> None:
    from local_cloud.wire import AwsError

    objects = cloud.objects_as("arn:aws:iam::123456789012:role/reader", service="lambda.amazonaws.com")
    with pytest.raises(AwsError, match="s3:DeleteObject"):
        objects.delete(BUCKET, "drops/a")


def test_a_rule_reaches_only_a_queue_whose_policy_lets_it_in(cloud: LocalCloud) -> None:
    sqs, events = cloud.client("sqs"), cloud.client("events")
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:123456789012:inbox"
    rule = events.put_rule(Name="hear", EventPattern=json.dumps({"source": ["shop"]}))["RuleArn"]
    events.put_targets(Rule="hear", Targets=[{"Id": "1", "Arn": arn}])

    def received() -> int:
        events.put_events(Entries=[{"Source": "shop", "DetailType": "d", "Detail": "{}"}])
        return len(sqs.receive_message(QueueUrl=url).get("Messages", []))

    assert received() == 0
    let_in = {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    sqs.set_queue_attributes(
        QueueUrl=url, Attributes={"Policy": policy(statement("Allow", "sqs:SendMessage", arn, **let_in))}
    )
    assert received() == 1


def test_the_report_lists_denials_and_what_was_never_used(cloud: LocalCloud, client: Client) -> None:
    cloud.client("dynamodb")
    client("dynamodb").put_item(TableName="runs", Item={"id": {"S": "1"}})
    code_of(client("s3").get_object, Bucket=BUCKET, Key="secret")

    with urllib.request.urlopen(f"{cloud.url}/_local/iam") as answer:
        report = json.load(answer)

    unused = {(entry["statement"], entry["action"]) for entry in report["unused"] if entry["role"] == "reader"}
    denied = {(entry["principal"], entry["action"], entry["resource"]) for entry in report["denials"]}
    assert ("Runs", "dynamodb:Scan") in unused
    assert ("Runs", "dynamodb:PutItem") not in unused
    assert ("reader", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/secret") in denied
    assert report["mode"] == "enforce"


def test_simulation_asks_the_same_policies(cloud: LocalCloud) -> None:
    found = cloud.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/reader",
        ActionNames=["s3:GetObject", "iam:PassRole"],
        ResourceArns=[f"arn:aws:s3:::{BUCKET}/drops/a"],
        ContextEntries=[
            {
                "ContextKeyName": "iam:PassedToService",
                "ContextKeyType": "string",
                "ContextKeyValues": ["sagemaker.amazonaws.com"],
            }
        ],
    )["EvaluationResults"]
    without = cloud.client("iam").simulate_principal_policy(
        PolicySourceArn="arn:aws:iam::123456789012:role/reader", ActionNames=["iam:PassRole"]
    )["EvaluationResults"]

    assert [result["EvalDecision"] for result in found] == ["allowed", "allowed"]
    assert [result["EvalDecision"] for result in without] == ["implicitDeny"]


def test_record_mode_lists_what_it_lets_pass() -> None:
    from local_cloud.iam.authority import Authority

    authority = Authority(Mode.RECORD)
    authority.require("anonymous", Need("s3:GetObject", "arn:aws:s3:::nowhere/a"))

    [denial] = authority.record.denials()
    assert (denial["principal"], denial["action"], denial["calls"]) == ("anonymous", "s3:GetObject", 1)
