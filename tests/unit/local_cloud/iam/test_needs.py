from __future__ import annotations

from typing import Any

import pytest

from local_cloud.iam import objects
from local_cloud.iam.evaluation import Need
from local_cloud.iam.needs import of_operation, of_request
from local_cloud.inbound import parse
from local_cloud.wire import NotSimulatedError

HERE = "us-east-1:123456789012"


def s3(method: str, path: str, query: str = "", **headers: str) -> list[Need]:
    return objects.needs({"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **headers})


def pairs(needs: list[Need]) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in needs]


@pytest.mark.parametrize(
    ("method", "path", "query", "action", "resource"),
    [
        ("GET", "/shop/a/b", "", "s3:GetObject", "shop/a/b"),
        ("HEAD", "/shop/a/b", "", "s3:GetObject", "shop/a/b"),
        ("GET", "/shop/a", "versionId=3", "s3:GetObjectVersion", "shop/a"),
        ("HEAD", "/shop/a", "versionId=3", "s3:GetObjectVersion", "shop/a"),
        ("PUT", "/shop/a", "", "s3:PutObject", "shop/a"),
        ("PUT", "/shop/a", "partNumber=1&uploadId=x", "s3:PutObject", "shop/a"),
        ("POST", "/shop/a", "uploads", "s3:PutObject", "shop/a"),
        ("POST", "/shop/a", "uploadId=x", "s3:PutObject", "shop/a"),
        ("GET", "/shop/a", "uploadId=x", "s3:ListMultipartUploadParts", "shop/a"),
        ("DELETE", "/shop/a", "uploadId=x", "s3:AbortMultipartUpload", "shop/a"),
        ("DELETE", "/shop/a", "", "s3:DeleteObject", "shop/a"),
        ("DELETE", "/shop/a", "versionId=3", "s3:DeleteObjectVersion", "shop/a"),
        ("GET", "/shop/a", "tagging", "s3:GetObjectTagging", "shop/a"),
        ("GET", "/shop", "list-type=2&prefix=a", "s3:ListBucket", "shop"),
        ("GET", "/shop", "versions&prefix=a", "s3:ListBucketVersions", "shop"),
        ("HEAD", "/shop", "", "s3:ListBucket", "shop"),
        ("GET", "/shop", "location", "s3:GetBucketLocation", "shop"),
        ("POST", "/shop", "delete", "s3:DeleteObject", "shop/*"),
    ],
)
def test_requests_to_s3_need_the_action_that_aws_documents(
    method: str, path: str, query: str, action: str, resource: str
) -> None:
    assert pairs(s3(method, path, query)) == [(action, f"arn:aws:s3:::{resource}")]


def test_listing_tells_its_prefix_to_the_conditions() -> None:
    [need] = s3("GET", "/shop", "list-type=2&prefix=drops%2Fa")

    assert need.context == (("s3:prefix", ("drops/a",)),)


def test_a_copy_reads_its_source() -> None:
    found = s3("PUT", "/shop/to", HTTP_X_AMZ_COPY_SOURCE="/other/from%2Fhere")

    assert pairs(found)[1] == ("s3:GetObject", "arn:aws:s3:::other/from/here")


def test_what_nobody_has_looked_up_is_refused() -> None:
    with pytest.raises(NotSimulatedError, match="accelerate"):
        s3("GET", "/shop", "accelerate")


@pytest.mark.parametrize(
    ("service", "operation", "request_", "expected"),
    [
        ("sts", "GetCallerIdentity", {}, []),
        (
            "dynamodb",
            "Query",
            {"TableName": "runs", "IndexName": "by-date"},
            [("dynamodb:Query", f"arn:aws:dynamodb:{HERE}:table/runs/index/by-date")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"ConditionCheck": {"TableName": "a"}}, {"Put": {"TableName": "b"}}]},
            [
                ("dynamodb:ConditionCheckItem", f"arn:aws:dynamodb:{HERE}:table/a"),
                ("dynamodb:PutItem", f"arn:aws:dynamodb:{HERE}:table/b"),
            ],
        ),
        (
            "sqs",
            "DeleteMessageBatch",
            {"QueueUrl": "http://127.0.0.1:1/123456789012/q"},
            [("sqs:DeleteMessage", f"arn:aws:sqs:{HERE}:q")],
        ),
        (
            "sagemaker",
            "CreateModelPackage",
            {"ModelPackageGroupName": "box"},
            [
                ("sagemaker:CreateModelPackage", f"arn:aws:sagemaker:{HERE}:model-package-group/box"),
                ("sagemaker:CreateModelPackage", f"arn:aws:sagemaker:{HERE}:model-package/box/1"),
            ],
        ),
        (
            "sagemaker",
            "CreateTrainingJob",
            {"TrainingJobName": "j", "RoleArn": "arn:aws:iam::123456789012:role/job", "Tags": [{"Key": "a"}]},
            [
                ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:{HERE}:training-job/j"),
                ("iam:PassRole", "arn:aws:iam::123456789012:role/job"),
                ("sagemaker:AddTags", f"arn:aws:sagemaker:{HERE}:training-job/j"),
            ],
        ),
        (
            "redshift-data",
            "ExecuteStatement",
            {"WorkgroupName": "w"},
            [
                ("redshift-data:ExecuteStatement", f"arn:aws:redshift-serverless:{HERE}:workgroup/w"),
                ("redshift-serverless:GetCredentials", f"arn:aws:redshift-serverless:{HERE}:workgroup/w"),
            ],
        ),
        ("ssm", "PutParameter", {"Name": "/a/b"}, [("ssm:PutParameter", f"arn:aws:ssm:{HERE}:parameter/a/b")]),
        ("lambda", "Invoke", {"FunctionName": "f"}, [("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:f")]),
    ],
)
def test_operations_need_their_action_on_their_resource(
    service: str, operation: str, request_: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert pairs(of_operation(service, operation, request_)) == expected


def test_a_role_that_is_passed_on_is_passed_to_a_service() -> None:
    request = {"ModelName": "m", "ExecutionRoleArn": "arn:aws:iam::123456789012:role/job"}
    passing = of_operation("sagemaker", "CreateModel", request)[1]

    assert passing.context == (("iam:passedtoservice", ("sagemaker.amazonaws.com",)),)


def test_an_operation_without_a_line_in_the_table_is_refused() -> None:
    with pytest.raises(NotSimulatedError, match="CreateCluster"):
        of_operation("sagemaker", "CreateCluster", {})


def test_rest_requests_are_found_in_the_services_own_model() -> None:
    from io import BytesIO

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/2015-03-31/functions/unload/invocations",
        "HTTP_AUTHORIZATION": "AWS4-HMAC-SHA256 Credential=AKIA/20261121/us-east-1/lambda/aws4_request, x",
        "wsgi.input": BytesIO(b"{}"),
        "CONTENT_LENGTH": "2",
    }

    assert pairs(of_request(parse(environ))) == [("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:unload")]
