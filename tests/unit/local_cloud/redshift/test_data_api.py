"""The API around the SQL: requests, states, results, tokens, events, lists."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.runner import Faults
from local_cloud.redshift.serverless import RedshiftServerless
from local_cloud.redshift.service import RedshiftData
from local_cloud.redshift.statements import StatementStore
from local_cloud.redshift.submissions import read_submission
from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.redshift.conftest import ROLE, TARGET, FakeHost, Warehouse, ask, session_of

SLOW = "SELECT COUNT(*) FROM t a, t b, t c, t d WHERE a.x + b.x + c.x + d.x = -1"


def wait_for(go: threading.Event) -> Callable[[str], None]:
    def hook(_name: str) -> None:
        assert go.wait(30)

    return hook


def refused(warehouse: Warehouse, action: str, **request: Any) -> AwsError:
    with pytest.raises(AwsError) as caught:
        warehouse.ask(action, **request)
    return caught.value


def test_a_statement_goes_its_way_and_tells_what_it_did(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    answer = warehouse.submit("INSERT INTO t VALUES (1), (2)", StatementName="fill")
    assert answer["Status"] == "FINISHED"
    assert (answer["ResultRows"], answer["HasResultSet"], answer["QueryString"]) == (
        2,
        False,
        "INSERT INTO t VALUES (1), (2)",
    )
    assert (answer["WorkgroupName"], answer["Database"]) == ("rightpack-dev", "rightpack")
    assert 0 < answer["Duration"] < 60e9
    assert answer["UpdatedAt"] >= answer["CreatedAt"]
    assert "Error" not in answer


def test_a_statement_is_asynchronous(warehouse: Warehouse, faults: Faults) -> None:
    go = threading.Event()
    faults.before_run = wait_for(go)
    submitted = warehouse.ask("ExecuteStatement", Sql="SELECT 1", **TARGET)
    state = warehouse.ask("DescribeStatement", Id=submitted["Id"])["Status"]
    assert state in ("SUBMITTED", "PICKED", "STARTED")
    assert refused(warehouse, "GetStatementResult", Id=submitted["Id"]).code == "ResourceNotFoundException"
    go.set()
    assert warehouse.describe(submitted["Id"])["Status"] == "FINISHED"


def test_waiting_answers_with_the_end(warehouse: Warehouse) -> None:
    answer = warehouse.ask("ExecuteStatement", Sql="SELECT 1", WaitTimeSeconds=30, **TARGET)
    assert (answer["Status"], answer["HasResultSet"]) == ("FINISHED", True)
    assert "WaitTimeSeconds" in refused(warehouse, "DescribeStatement", Id=answer["Id"], WaitTimeSeconds=31).message


def test_a_failed_statement_has_an_error_and_no_result(warehouse: Warehouse) -> None:
    answer = warehouse.submit("SELECT nope")
    assert (answer["Status"], answer["Error"]) == ("FAILED", 'ERROR: column "nope" does not exist')
    assert refused(warehouse, "GetStatementResult", Id=answer["Id"]).code == "ResourceNotFoundException"


def test_every_type_has_its_cell(warehouse: Warehouse) -> None:
    answer = warehouse.result(
        """SELECT 1::SMALLINT AS a, 2::BIGINT AS b, 1.50::DECIMAL(5,2) AS c, 0.5::REAL AS d, TRUE AS e,
                  'x'::VARCHAR(4) AS f, CAST('2024-01-02' AS DATE) AS g, CAST('2024-01-02 03:04:05' AS TIMESTAMP) AS h,
                  NULL::INTEGER AS i"""
    )
    assert answer["Records"] == [
        [
            {"longValue": 1},
            {"longValue": 2},
            {"stringValue": "1.50"},
            {"doubleValue": 0.5},
            {"booleanValue": True},
            {"stringValue": "x"},
            {"stringValue": "2024-01-02"},
            {"stringValue": "2024-01-02 03:04:05"},
            {"isNull": True},
        ]
    ]
    types = [column["typeName"] for column in answer["ColumnMetadata"]]
    assert types == ["int2", "int8", "numeric", "float4", "bool", "varchar", "date", "timestamp", "int4"]
    assert [answer["ColumnMetadata"][2][key] for key in ("name", "precision", "scale")] == ["c", 5, 2]


def test_results_come_in_pages(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    query = "SELECT a.x + 10 * b.x + 100 * c.x + 1000 * d.x FROM t a, t b, t c, t d WHERE d.x < 2 ORDER BY 1"
    statement = warehouse.run(query)["Id"]
    seen, token, pages = [], None, 0
    while pages == 0 or token:
        answer = warehouse.ask("GetStatementResult", Id=statement, **({"NextToken": token} if token else {}))
        seen += [record[0]["longValue"] for record in answer["Records"]]
        token, pages = answer.get("NextToken"), pages + 1
        assert answer["TotalNumRows"] == 2000
    assert (seen, pages) == (list(range(2000)), 2)
    assert "NextToken" in refused(warehouse, "GetStatementResult", Id=statement, NextToken="x").message


def test_an_empty_result_is_a_result(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    answer = warehouse.result("SELECT x FROM t")
    assert (answer["Records"], answer["TotalNumRows"], answer["ColumnMetadata"][0]["name"]) == ([], 0, "x")


def test_a_batch_has_numbered_parts_with_results_of_their_own(warehouse: Warehouse) -> None:
    answer = warehouse.batch("SELECT 1", "CREATE TABLE t (x INTEGER)", "SELECT 3")
    parts = answer["SubStatements"]
    assert [part["Id"] for part in parts] == [f"{answer['Id']}:{number}" for number in (1, 2, 3)]
    assert [part["HasResultSet"] for part in parts] == [True, False, True]
    assert (answer["HasResultSet"], "QueryString" in answer) == (True, False)
    assert warehouse.ask("GetStatementResult", Id=parts[2]["Id"])["Records"] == [[{"longValue": 3}]]
    assert warehouse.ask("DescribeStatement", Id=parts[1]["Id"])["QueryString"] == "CREATE TABLE t (x INTEGER)"
    assert refused(warehouse, "GetStatementResult", Id=answer["Id"]).code == "ValidationException"
    assert refused(warehouse, "GetStatementResult", Id=parts[1]["Id"]).code == "ResourceNotFoundException"
    assert refused(warehouse, "DescribeStatement", Id=f"{answer['Id']}:4").code == "ResourceNotFoundException"


def test_parameters_are_values_in_every_statement_of_a_batch(warehouse: Warehouse) -> None:
    parameters = [{"name": "n", "value": "2"}, {"name": "t", "value": "it's \\ :n"}]
    answer = warehouse.batch("SELECT 5 WHERE 2 = :n", "SELECT :t || ':n'", Parameters=parameters)
    assert answer["Status"] == "FINISHED", answer
    assert answer["QueryParameters"] == parameters
    records = [warehouse.ask("GetStatementResult", Id=f"{answer['Id']}:{n}")["Records"][0][0] for n in (1, 2)]
    assert records == [{"longValue": 5}, {"stringValue": "it's \\ :n:n"}]


def test_a_parameter_is_no_identifier(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    answer = warehouse.submit("SELECT * FROM :t", Parameters=[{"name": "t", "value": "t"}])
    assert answer["Status"] == "FAILED"


ONE = {"Sql": "SELECT :a", **TARGET}


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"Sql": "SELECT 1", "Database": "d"}, "Either ClusterIdentifier or WorkgroupName needs to be specified"),
        ({**TARGET, "Sql": "SELECT 1", "ClusterIdentifier": "c"}, "Only one of ClusterIdentifier and WorkgroupName"),
        ({**TARGET, "Sql": "SELECT 1", "DbUser": "u"}, "DbUser cannot be specified with WorkgroupName"),
        ({"WorkgroupName": "w", "Sql": "SELECT 1"}, "Database is required"),
        ({**TARGET, "Sql": "SELECT 1", "Database": "../../etc"}, "Database is required and must be a database name"),
        ({"ClusterIdentifier": "../x", "Database": "d", "Sql": "SELECT 1"}, "is not a cluster identifier"),
        ({**TARGET, "Sql": " "}, "must not be empty"),
        ({**TARGET, "Sql": "SELECT '" + "x" * 100_000 + "'"}, "larger than 100kB"),
        ({**TARGET, "Sql": "SELECT 1", "ClientToken": "x" * 65}, "ClientToken must have 1 to 64 characters"),
        ({**ONE, "Parameters": [{"name": "a", "value": ""}]}, "value of the parameter a"),
        ({**ONE, "Parameters": [{"name": "a", "value": "1"}, {"name": "b", "value": "1"}]}, "parameter b is not used"),
        ({**ONE, "Parameters": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}, "different names"),
        ({**TARGET, "Sql": "SELECT ':a'", "Parameters": [{"name": "a", "value": "1"}]}, "parameter a is not used"),
    ],
)
def test_requests_that_break_a_rule_are_refused(warehouse: Warehouse, request_: dict[str, Any], reason: str) -> None:
    error = refused(warehouse, "ExecuteStatement", **request_)
    assert error.code == "ValidationException"
    assert reason in error.message


def test_a_batch_holds_one_to_forty_statements(warehouse: Warehouse) -> None:
    for sqls in ([], ["SELECT 1"] * 41):
        assert "1 to 40" in refused(warehouse, "BatchExecuteStatement", Sqls=sqls, **TARGET).message
    assert warehouse.batch(*["SELECT 1"] * 40)["Status"] == "FINISHED"


@pytest.mark.parametrize("extra", [{"SessionKeepAliveSeconds": 60}, {"ResultFormat": "CSV"}, {"SessionId": "x"}])
def test_what_is_not_simulated_is_refused(warehouse: Warehouse, extra: dict[str, Any]) -> None:
    with pytest.raises(NotSimulatedError):
        warehouse.ask("ExecuteStatement", Sql="SELECT 1", **TARGET, **extra)
    assert "GetStatementResultV2" not in warehouse.service.operations()


def test_the_same_token_runs_once(warehouse: Warehouse) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    first = warehouse.submit("INSERT INTO t VALUES (1)", ClientToken="token")
    second = warehouse.submit("INSERT INTO t VALUES (1)", ClientToken="token")
    assert first["Id"] == second["Id"]
    assert warehouse.rows("SELECT COUNT(*) FROM t") == [(1,)]
    other = refused(warehouse, "ExecuteStatement", Sql="SELECT 2", ClientToken="token", **TARGET)
    assert other.code == "ValidationException"


def test_a_token_lives_eight_hours_and_a_statement_a_day() -> None:
    now = [1000.0]
    store = StatementStore(clock=lambda: now[0])
    request = {"Sql": "SELECT 1", "ClientToken": "t", **TARGET}
    submission = read_submission(request, str, batch=False)
    first, _ = store.add(submission, "me")
    now[0] += 8 * 3600 - 1
    assert store.add(submission, "me") == (first, False)
    now[0] += 2
    second, new = store.add(submission, "me")
    assert (new, second.id != first.id) == (True, True)


def test_events_come_after_the_state_for_those_who_asked(warehouse: Warehouse, host: FakeHost) -> None:
    states = []

    def emit(source: str, detail_type: str, detail: Any, **_: Any) -> None:
        status = warehouse.ask("DescribeStatement", Id=detail["statementId"])["Status"]
        states.append((source, detail_type, detail["state"], status, detail["statementName"], detail["rows"]))

    host.emit = emit  # type: ignore[method-assign]
    warehouse.submit("SELECT 1 UNION ALL SELECT 2", WithEvent=True, StatementName="two")
    warehouse.submit("SELECT 1 / 0", WithEvent=True)
    warehouse.submit("SELECT 1")
    kind = ("aws.redshift-data", "Redshift Data Statement Status Change")
    assert states == [(*kind, "FINISHED", "FINISHED", "two", 2), (*kind, "FAILED", "FAILED", "", -1)]


def test_an_event_names_the_role(warehouse: Warehouse, host: FakeHost) -> None:
    principal = session_of("unload")
    submitted = warehouse.ask("ExecuteStatement", principal, Sql="SELECT current_user", WithEvent=True, **TARGET)
    warehouse.describe(submitted["Id"])
    detail = host.events[0][2]
    assert detail["principal"] == "arn:aws:iam::123456789012:role/unload"
    assert warehouse.ask("GetStatementResult", Id=submitted["Id"])["Records"] == [[{"stringValue": "IAMR:unload"}]]


def test_a_statement_is_seen_by_its_role_only_and_by_root(warehouse: Warehouse) -> None:
    mine = warehouse.ask("ExecuteStatement", session_of("loader", "a"), Sql="SELECT 1", **TARGET)["Id"]
    warehouse.describe(mine)
    assert warehouse.ask("DescribeStatement", session_of("loader", "b"), Id=mine)["Id"] == mine
    with pytest.raises(AwsError) as caught:
        warehouse.ask("DescribeStatement", session_of("other"), Id=mine)
    assert caught.value.code == "ResourceNotFoundException"
    assert warehouse.ask("ListStatements", session_of("other"))["Statements"] == []
    assert len(warehouse.ask("ListStatements")["Statements"]) == 1


def test_lists_filter_by_state_name_and_database_newest_first(warehouse: Warehouse) -> None:
    for name in ("load-1", "load-2", "other"):
        warehouse.submit("SELECT 1", StatementName=name)
    warehouse.submit("SELECT nope", StatementName="load-3")
    listed = warehouse.ask("ListStatements", StatementName="load-", Status="FINISHED")["Statements"]
    assert [statement["StatementName"] for statement in listed] == ["load-2", "load-1"]
    assert len(warehouse.ask("ListStatements")["Statements"]) == 4
    assert warehouse.ask("ListStatements", Database="elsewhere")["Statements"] == []
    first = warehouse.ask("ListStatements", MaxResults=3)
    rest = warehouse.ask("ListStatements", MaxResults=3, NextToken=first["NextToken"])
    assert (len(first["Statements"]), len(rest["Statements"]), "NextToken" in rest) == (3, 1, False)
    assert refused(warehouse, "ListStatements", Status="DONE").code == "ValidationException"


def test_credentials_are_never_shown(warehouse: Warehouse) -> None:
    keys = ROLE.replace(
        "IAM_ROLE 'arn:aws:iam::123456789012:role/warehouse'", "ACCESS_KEY_ID 'AKIA' SECRET_ACCESS_KEY 'hush'"
    )
    answer = warehouse.submit(f"UNLOAD ('SELECT 1') TO 's3://bucket/x' {keys} FORMAT PARQUET")
    shown = str(answer) + str(warehouse.ask("ListStatements"))
    assert answer["Status"] == "FINISHED"
    assert "hush" not in shown
    assert "AKIA" not in shown


def test_a_running_statement_can_be_cancelled(warehouse: Warehouse, host: FakeHost) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    for _ in range(2):
        warehouse.run("INSERT INTO t SELECT a.x FROM t a, t b")
    slow = warehouse.ask("ExecuteStatement", Sql=SLOW, WithEvent=True, **TARGET)["Id"]
    assert warehouse.ask("CancelStatement", Id=slow) == {"Status": True}
    answer = warehouse.describe(slow)
    assert (answer["Status"], answer["Error"]) == ("ABORTED", "ERROR: Query cancelled on user's request")
    assert host.events[-1][2]["state"] == "ABORTED"


def test_cancelling_before_the_start_runs_nothing(warehouse: Warehouse, faults: Faults) -> None:
    warehouse.run("CREATE TABLE t (x INTEGER)")
    go = threading.Event()
    faults.before_run = wait_for(go)
    batch = warehouse.ask("BatchExecuteStatement", Sqls=["INSERT INTO t VALUES (1)", "SELECT 1"], **TARGET)["Id"]
    assert refused(warehouse, "CancelStatement", Id=f"{batch}:1").code == "ValidationException"
    warehouse.ask("CancelStatement", Id=batch)
    go.set()
    answer = warehouse.describe(batch)
    assert [answer["Status"], *(part["Status"] for part in answer["SubStatements"])] == ["ABORTED"] * 3
    assert warehouse.rows("SELECT COUNT(*) FROM t") == [(0,)]


def test_what_has_ended_cannot_be_cancelled(warehouse: Warehouse) -> None:
    ended = warehouse.submit("SELECT 1")["Id"]
    error = refused(warehouse, "CancelStatement", Id=ended)
    assert "already in FINISHED state" in error.message
    assert refused(warehouse, "CancelStatement", Id="00000000-0000-0000-0000-000000000000").code == (
        "ResourceNotFoundException"
    )


def test_closing_ends_what_is_running(host: FakeHost) -> None:
    service = RedshiftData(host)
    warehouse = Warehouse(service)
    warehouse.run("CREATE TABLE t (x INTEGER)", "INSERT INTO t VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
    for _ in range(2):
        warehouse.run("INSERT INTO t SELECT a.x FROM t a, t b")
    slow = warehouse.ask("ExecuteStatement", Sql=SLOW, **TARGET)["Id"]
    service.close()
    assert warehouse.ask("DescribeStatement", Id=slow)["Status"] == "ABORTED"


def test_too_large_a_result_fails(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_cloud.redshift.runner.MAX_RESULT_BYTES", 20)
    assert warehouse.submit("SELECT 'short'")["Status"] == "FINISHED"
    assert "exceeded size limit" in warehouse.error("SELECT 'much longer than before'")


def test_faults_can_strike_before_and_after(warehouse: Warehouse, faults: Faults) -> None:
    def strike(name: str) -> None:
        raise SqlError(f"struck {name}")

    warehouse.run("CREATE TABLE t (x INTEGER)")
    faults.before_run = strike
    assert warehouse.submit("INSERT INTO t VALUES (1)", StatementName="a")["Error"] == "ERROR: struck a"
    faults.before_run, faults.after_commit = (lambda _name: None), strike
    assert warehouse.submit("INSERT INTO t VALUES (2)", StatementName="b")["Status"] == "FAILED"
    faults.after_commit = lambda _name: None
    assert warehouse.rows("SELECT x FROM t") == [(2,)]


def test_with_redshift_serverless_only_its_workgroups_exist(host: FakeHost) -> None:
    serverless = RedshiftServerless(host)
    service = RedshiftData(host, workgroups=serverless)
    warehouse = Warehouse(service)
    assert "endpoint doesn't exist" in refused(warehouse, "ExecuteStatement", Sql="SELECT 1", **TARGET).message
    ask(serverless, "CreateNamespace", {"namespaceName": "rightpack"})
    created = ask(serverless, "CreateWorkgroup", {"namespaceName": "rightpack", "workgroupName": "rightpack-dev"})
    warehouse.run("CREATE TABLE t (x INTEGER)")
    by_arn = Warehouse(service, {"WorkgroupName": created["workgroup"]["workgroupArn"], "Database": "rightpack"})
    assert by_arn.rows("SELECT COUNT(*) FROM t") == [(0,)]
    service.close()
