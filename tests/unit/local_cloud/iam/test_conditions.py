from __future__ import annotations

from typing import Any

import pytest

from local_cloud.iam.conditions import conditions
from local_cloud.wire import AwsError, NotSimulatedError

ARN = "arn:aws:events:us-east-1:123456789012:rule/dropped"
CONTEXT = {
    "aws:sourcearn": (ARN,),
    "aws:securetransport": ("true",),
    "aws:sourceip": ("127.0.0.1",),
    "aws:currenttime": ("2026-11-21T10:00:00Z",),
    "s3:max-keys": ("10",),
    "s3:prefix": ("drops/training/",),
    "aws:calledvia": ("athena.amazonaws.com", "glue.amazonaws.com"),
}


def holds(operator: str, key: str, wanted: Any) -> bool:
    return all(condition.holds(CONTEXT) for condition in conditions({operator: {key: wanted}}))


@pytest.mark.parametrize(
    ("operator", "key", "wanted", "expected"),
    [
        ("StringEquals", "s3:prefix", "drops/training/", True),
        ("StringEquals", "S3:Prefix", ["else", "drops/training/"], True),
        ("StringEquals", "s3:prefix", "Drops/training/", False),
        ("StringEqualsIgnoreCase", "s3:prefix", "DROPS/training/", True),
        ("StringNotEquals", "s3:prefix", ["a", "drops/training/"], False),
        ("StringNotEquals", "s3:prefix", ["a", "b"], True),
        ("StringLike", "s3:prefix", "drops/*", True),
        ("StringLike", "s3:prefix", "config/*", False),
        ("StringNotLike", "s3:prefix", "config/*", True),
        ("ArnEquals", "aws:SourceArn", "arn:aws:events:*:123456789012:rule/*", True),
        ("ArnLike", "aws:SourceArn", "arn:aws:events:*:999999999999:rule/*", False),
        ("ArnLike", "aws:SourceArn", "arn:*", False),
        ("ArnNotLike", "aws:SourceArn", "arn:aws:sns:*:*:*", True),
        ("Bool", "aws:SecureTransport", False, False),
        ("Bool", "aws:SecureTransport", "True", True),
        ("NumericLessThanEquals", "s3:max-keys", "10", True),
        ("NumericGreaterThan", "s3:max-keys", 10, False),
        ("NumericEquals", "s3:max-keys", "ten", False),
        ("DateLessThan", "aws:CurrentTime", "2027-01-01T00:00:00Z", True),
        ("DateGreaterThan", "aws:CurrentTime", "2027-01-01T00:00:00Z", False),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8", True),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("Null", "aws:SourceAccount", "true", True),
        ("Null", "aws:SourceArn", "true", False),
        ("ForAnyValue:StringEquals", "aws:CalledVia", "glue.amazonaws.com", True),
        ("ForAllValues:StringLike", "aws:CalledVia", "*.amazonaws.com", True),
        ("ForAllValues:StringEquals", "aws:CalledVia", "glue.amazonaws.com", False),
    ],
)
def test_operators_compare_as_iam_does(operator: str, key: str, wanted: Any, expected: bool) -> None:
    assert holds(operator, key, wanted) is expected


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        ("StringEquals", False),
        ("StringEqualsIfExists", True),
        ("StringNotEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringNotEquals", False),
        ("ForAllValues:StringEquals", True),
    ],
)
def test_a_key_that_the_request_lacks_counts_as_iam_counts_it(operator: str, expected: bool) -> None:
    assert holds(operator, "aws:SourceAccount", "123456789012") is expected


def test_every_key_of_every_operator_must_hold() -> None:
    both = {"StringLike": {"s3:prefix": "drops/*"}, "Bool": {"aws:SecureTransport": "false"}}

    assert not all(condition.holds(CONTEXT) for condition in conditions(both))


@pytest.mark.parametrize("operator", ["BinaryEquals", "StringMatches", "ForEach:StringEquals", "stringequals"])
def test_an_operator_that_is_not_known_is_refused(operator: str) -> None:
    with pytest.raises(NotSimulatedError, match=operator):
        conditions({operator: {"s3:prefix": "a"}})


def test_a_key_that_no_request_here_has_is_refused_rather_than_missing() -> None:
    with pytest.raises(NotSimulatedError, match="ec2:Region"):
        conditions({"StringNotEquals": {"ec2:Region": "us-east-1"}})


def test_a_condition_that_is_no_block_is_malformed() -> None:
    with pytest.raises(AwsError, match="no block"):
        conditions(["StringEquals"])
