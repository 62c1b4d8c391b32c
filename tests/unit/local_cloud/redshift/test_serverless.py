from __future__ import annotations

import pytest

from local_cloud.redshift.serverless import RedshiftServerless
from local_cloud.wire import AwsError, Json
from tests.unit.local_cloud.redshift.conftest import FakeHost, ask


@pytest.fixture
def serverless(host: FakeHost) -> RedshiftServerless:
    service = RedshiftServerless(host)
    ask(service, "CreateNamespace", {"namespaceName": "rightpack", "dbName": "rightpack", "iamRoles": ["arn:r"]})
    ask(service, "CreateWorkgroup", {"workgroupName": "rightpack-dev", "namespaceName": "rightpack", "baseCapacity": 8})
    return service


def code(service: RedshiftServerless, action: str, request: Json) -> str:
    with pytest.raises(AwsError) as caught:
        ask(service, action, request)
    return caught.value.code


def test_a_namespace_keeps_what_it_was_created_with(serverless: RedshiftServerless) -> None:
    namespace = ask(serverless, "GetNamespace", {"namespaceName": "rightpack"})["namespace"]
    assert (namespace["dbName"], namespace["iamRoles"], namespace["status"]) == ("rightpack", ["arn:r"], "AVAILABLE")
    assert namespace["namespaceArn"].startswith("arn:aws:redshift-serverless:us-east-1:123456789012:namespace/")
    assert len(ask(serverless, "ListNamespaces", {})["namespaces"]) == 1


def test_a_workgroup_has_an_arn_with_an_id_and_an_endpoint(serverless: RedshiftServerless) -> None:
    workgroup = ask(serverless, "GetWorkgroup", {"workgroupName": "rightpack-dev"})["workgroup"]
    assert workgroup["workgroupArn"].endswith(f":workgroup/{workgroup['workgroupId']}")
    assert workgroup["endpoint"]["address"].startswith("rightpack-dev.123456789012.us-east-1.")
    assert (workgroup["baseCapacity"], workgroup["namespaceName"]) == (8, "rightpack")
    assert serverless.name_of(workgroup["workgroupArn"]) == "rightpack-dev"


def test_lists_have_pages(serverless: RedshiftServerless) -> None:
    ask(serverless, "CreateNamespace", {"namespaceName": "second"})
    ask(serverless, "CreateWorkgroup", {"workgroupName": "second", "namespaceName": "second"})
    first = ask(serverless, "ListWorkgroups", {"maxResults": 1})
    second = ask(serverless, "ListWorkgroups", {"maxResults": 1, "nextToken": first["nextToken"]})
    names = [page["workgroups"][0]["workgroupName"] for page in (first, second)]
    assert (names, "nextToken" in second) == (["rightpack-dev", "second"], False)


def test_credentials_are_for_the_caller_and_expire(serverless: RedshiftServerless) -> None:
    request = {"workgroupName": "rightpack-dev", "durationSeconds": 900}
    answer = ask(serverless, "GetCredentials", request, "arn:aws:iam::123456789012:user/ann")
    assert answer["dbUser"] == "IAM:ann"
    assert answer["dbPassword"]
    assert code(serverless, "GetCredentials", {**request, "durationSeconds": 5}) == "ValidationException"


def test_conflicts_and_unknown_names_are_errors(serverless: RedshiftServerless) -> None:
    used = {"workgroupName": "rightpack-two", "namespaceName": "rightpack"}
    assert code(serverless, "CreateNamespace", {"namespaceName": "rightpack"}) == "ConflictException"
    assert code(serverless, "CreateNamespace", {"namespaceName": "Not Valid"}) == "ValidationException"
    assert code(serverless, "CreateWorkgroup", used) == "ConflictException"
    assert code(serverless, "CreateWorkgroup", {**used, "namespaceName": "none"}) == "ResourceNotFoundException"
    assert code(serverless, "DeleteNamespace", {"namespaceName": "rightpack"}) == "ConflictException"
    assert code(serverless, "GetCredentials", {"workgroupName": "none"}) == "ResourceNotFoundException"


def test_what_is_deleted_is_gone(serverless: RedshiftServerless) -> None:
    ask(serverless, "DeleteWorkgroup", {"workgroupName": "rightpack-dev"})
    ask(serverless, "DeleteNamespace", {"namespaceName": "rightpack"})
    assert code(serverless, "GetWorkgroup", {"workgroupName": "rightpack-dev"}) == "ResourceNotFoundException"
    assert ask(serverless, "ListNamespaces", {})["namespaces"] == []
