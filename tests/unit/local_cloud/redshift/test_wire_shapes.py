"""Every answer has the shape that botocore's own model of the service describes."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from local_cloud.redshift.serverless import RedshiftServerless
from local_cloud.wire import Service
from tests.unit.local_cloud.redshift.conftest import TARGET, FakeHost, Warehouse, ask


def check(service: Service, action: str, request: dict[str, Any]) -> dict[str, Any]:
    """Ask, with request and answer validated against the service's model."""
    model = botocore.session.get_session().get_service_model(service.signing_name).operation_model(action)
    validator = ParamValidator()
    answer = ask(service, action, request)
    for what, shape in ((request, model.input_shape), (answer, model.output_shape)):
        report = validator.validate(what, shape)
        assert not report.has_errors(), report.generate_report()
    return answer


def test_the_data_api_speaks_as_modelled(warehouse: Warehouse) -> None:
    service = warehouse.service
    create = {**TARGET, "Sql": "CREATE TABLE t (x INTEGER, y DECIMAL(5,2))", "WaitTimeSeconds": 30}
    check(service, "ExecuteStatement", create)
    query = {**TARGET, "Sql": "SELECT x, y, :p AS z FROM t", "Parameters": [{"name": "p", "value": "1"}]}
    done = check(service, "ExecuteStatement", {**query, "WaitTimeSeconds": 30, "StatementName": "s"})
    check(service, "DescribeStatement", {"Id": done["Id"]})
    check(service, "GetStatementResult", {"Id": done["Id"]})
    batch = check(
        service, "BatchExecuteStatement", {**TARGET, "Sqls": ["SELECT 1", "SELECT nope"], "WaitTimeSeconds": 30}
    )
    assert check(service, "DescribeStatement", {"Id": batch["Id"]})["Status"] == "FAILED"
    check(service, "DescribeStatement", {"Id": f"{batch['Id']}:2"})
    check(service, "ListStatements", {"Status": "ALL"})
    check(service, "ListDatabases", TARGET)
    check(service, "ListSchemas", TARGET)
    check(service, "ListTables", TARGET)
    check(service, "DescribeTable", {**TARGET, "Table": "t"})


def test_every_operation_exists_in_the_model(warehouse: Warehouse, host: FakeHost) -> None:
    for service in (warehouse.service, RedshiftServerless(host)):
        model = botocore.session.get_session().get_service_model(service.signing_name)
        assert set(service.operations()) <= set(model.operation_names)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_serverless_speaks_as_modelled(host: FakeHost) -> None:
    service = RedshiftServerless(host)
    check(service, "CreateNamespace", {"namespaceName": "rightpack", "dbName": "rightpack"})
    check(service, "CreateWorkgroup", {"namespaceName": "rightpack", "workgroupName": "rightpack-dev"})
    for action, request in (
        ("GetNamespace", {"namespaceName": "rightpack"}),
        ("ListNamespaces", {}),
        ("GetWorkgroup", {"workgroupName": "rightpack-dev"}),
        ("ListWorkgroups", {}),
        ("GetCredentials", {"workgroupName": "rightpack-dev"}),
        ("DeleteWorkgroup", {"workgroupName": "rightpack-dev"}),
        ("DeleteNamespace", {"namespaceName": "rightpack"}),
    ):
        check(service, action, request)
