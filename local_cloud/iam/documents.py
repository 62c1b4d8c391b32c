"""Policies are read when they are given, so that one that cannot be carried out is refused at once."""

from __future__ import annotations

from collections.abc import Iterator

from local_cloud.iam.policies import statements
from local_cloud.wire import Call, Json

_MEMBERS = ("PolicyDocument", "AssumeRolePolicyDocument", "Policy")

#: Operations with a policy among their members; those of buckets and functions are read at their first use.
WITH_POLICIES = (
    ("iam", "PutRolePolicy"),
    ("iam", "CreatePolicy"),
    ("iam", "CreatePolicyVersion"),
    ("iam", "CreateRole"),
    ("iam", "UpdateAssumeRolePolicy"),
    ("sqs", "CreateQueue"),
    ("sqs", "SetQueueAttributes"),
    ("sns", "CreateTopic"),
    ("sns", "SetTopicAttributes"),
)


def check_documents(_call: Call, request: Json) -> None:
    """Read the policies of a request; raises `AwsError` for one that is malformed or not understood."""
    for text in _documents(request):
        statements(text)


def _documents(request: Json) -> Iterator[str]:
    attributes = request.get("Attributes")
    places = [request, attributes if isinstance(attributes, dict) else {}]
    for place in places:
        yield from (str(place[name]) for name in _MEMBERS if place.get(name))
    if request.get("AttributeName") == "Policy" and request.get("AttributeValue"):
        yield str(request["AttributeValue"])
