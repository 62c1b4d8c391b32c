"""The Redshift Data API: asynchronous statements, run for real on DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from local_cloud.host import Host, ObjectStore
from local_cloud.redshift.browsing import Browser
from local_cloud.redshift.database import Databases
from local_cloud.redshift.pgwire.server import WireServer
from local_cloud.redshift.results import page, window
from local_cloud.redshift.runner import Faults, Runner, cancel, rows_of
from local_cloud.redshift.serverless import RedshiftServerless
from local_cloud.redshift.statements import Part, Statement, StatementStore, Status
from local_cloud.redshift.submissions import invalid, read_submission
from local_cloud.wire import AwsError, Call, Json, NotSimulatedError, Operation

_SERVICE = "redshift.amazonaws.com"  # whom the roles of COPY and UNLOAD must trust
_LONGEST_WAIT = 30
_PAGE = 100


def _objects_of(host: Host, role: str) -> ObjectStore:
    return host.objects_as(role, service=_SERVICE) if role else host.objects


class RedshiftData:
    """The service `redshift-data`. With `workgroups`, statements for a workgroup that does not exist are refused.

    `wire` serves the same databases to the drivers of PostgreSQL's protocol, under the same faults.
    """

    def __init__(
        self, host: Host, *, workgroups: RedshiftServerless | None = None, faults: Faults | None = None
    ) -> None:
        faults = faults or Faults()
        self._workgroups = workgroups
        self._databases = Databases(host.root / "redshift", partial(_objects_of, host), host.region)
        self._store = StatementStore()
        self._runner = Runner(host, self._databases, store=self._store, faults=faults)
        self.wire = WireServer(host.root, self._databases, faults=faults)
        self._browser = Browser(self._databases, self._resolve)

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "redshift-data"

    def operations(self) -> Mapping[str, Operation]:
        """The operations that are simulated."""
        return {
            "ExecuteStatement": self._execute,
            "BatchExecuteStatement": self._batch_execute,
            "DescribeStatement": self._describe,
            "GetStatementResult": self._result,
            "ListStatements": self._list,
            "CancelStatement": self._cancel,
            "ListDatabases": self._browser.list_databases,
            "ListSchemas": self._browser.list_schemas,
            "ListTables": self._browser.list_tables,
            "DescribeTable": self._browser.describe_table,
        }

    def close(self) -> None:
        """Stop what is running and close the databases."""
        self._runner.close()
        self.wire.close()
        self._databases.close()

    def _resolve(self, workgroup: str) -> str:
        if self._workgroups is not None:
            return self._workgroups.name_of(workgroup)
        if workgroup.startswith("arn:"):
            raise NotSimulatedError("a workgroup given by its ARN, without Redshift Serverless")
        return workgroup

    def _execute(self, call: Call, request: Json) -> Json:
        return self._submit(call, request, batch=False)

    def _batch_execute(self, call: Call, request: Json) -> Json:
        return self._submit(call, request, batch=True)

    def _submit(self, call: Call, request: Json, *, batch: bool) -> Json:
        seconds = _wait_seconds(request)
        submission = read_submission(request, self._resolve, batch=batch)
        statement, new = self._store.add(submission, call.principal)
        if new:
            self._runner.start(statement)
        answer: Json = {"Id": statement.id, "CreatedAt": statement.created, **submission.echoed}
        if seconds:
            statement.ended.wait(seconds)
            answer |= {"Status": statement.status, "HasResultSet": any(part.has_result for part in statement.parts)}
        return answer

    def _find(self, call: Call, request: Json) -> tuple[Statement, Part | None]:
        statement, part = self._store.get(request.get("Id") or "", call.principal)
        if seconds := _wait_seconds(request):
            statement.ended.wait(seconds)
        return statement, part

    def _describe(self, call: Call, request: Json) -> Json:
        statement, part = self._find(call, request)
        return _part_answer(part) if part else _statement_answer(statement)

    def _result(self, call: Call, request: Json) -> Json:
        statement, part = self._find(call, request)
        if part is None and statement.submission.batch:
            raise invalid(f"{statement.id} is a batch: ask for the result of a sub-statement, as {statement.id}:1.")
        chosen = part or statement.last_part
        if statement.status is not Status.FINISHED or chosen.outcome is None or chosen.outcome.result is None:
            message = "Query does not have result. Please check query status with DescribeStatement."
            raise AwsError("ResourceNotFoundException", message)
        return page(chosen.outcome.result, request.get("NextToken"))

    def _list(self, call: Call, request: Json) -> Json:
        status, prefix = request.get("Status", "ALL"), request.get("StatementName", "")
        if status != "ALL" and status not in set(Status):
            raise invalid(f"Status {status!r} is unknown.")
        if request.get("RoleLevel") is False:
            raise NotSimulatedError("ListStatements of one session only (RoleLevel false)")
        target = [(key, request[key]) for key in ("Database", "WorkgroupName", "ClusterIdentifier") if request.get(key)]
        found = [
            _summary(statement)
            for statement in self._store.newest_first(call.principal)
            if status in ("ALL", statement.status)
            and statement.submission.name.startswith(prefix)
            and all(statement.submission.echoed.get(key) == value for key, value in target)
        ]
        listed, more = window(found, request, most=_PAGE)
        return {"Statements": listed, **more}

    def _cancel(self, call: Call, request: Json) -> Json:
        statement, part = self._find(call, request)
        if part is not None and statement.submission.batch:
            raise invalid("A sub-statement cannot be cancelled; cancel the batch.")
        if not statement.status.active:
            raise invalid(
                f"Could not cancel a query that is already in {statement.status} state with ID: {statement.id}"
            )
        cancel(statement)
        return {"Status": True}


def _wait_seconds(request: Json) -> int:
    seconds = request.get("WaitTimeSeconds") or 0
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise invalid(f"WaitTimeSeconds must be 1 to {_LONGEST_WAIT}, not {seconds}.")
    return int(seconds)


def _part_answer(part: Part) -> Json:
    result = part.outcome.result if part.outcome else None
    answer = {
        "Id": part.id,
        "QueryString": part.sql,
        "Status": part.status,
        "CreatedAt": part.created,
        "UpdatedAt": part.updated,
        "Duration": part.nanoseconds,
        "RedshiftQueryId": part.query_id,
        "HasResultSet": part.has_result,
        "ResultRows": rows_of(part),
        "ResultSize": result.size if result else -1,
    }
    return answer | ({"Error": part.error} if part.error else {})


def _statement_answer(statement: Statement) -> Json:
    submission, last = statement.submission, statement.last_part
    answer = _part_answer(last) | {
        "Id": statement.id,
        "Status": statement.status,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "Duration": statement.nanoseconds,
        "HasResultSet": any(part.has_result for part in statement.parts),
        "RedshiftPid": 1073,
        "ResultFormat": "JSON",
        **submission.echoed,
    }
    answer.pop("Error", None)
    if statement.error:
        answer["Error"] = statement.error
    if submission.parameters:
        answer["QueryParameters"] = [{"name": name, "value": value} for name, value in submission.parameters.items()]
    if submission.batch:
        del answer["QueryString"]
        answer["SubStatements"] = [_part_answer(part) for part in statement.parts]
        answer["ExecutionMode"] = "TRANSACTION" if submission.atomic else "AUTO_COMMIT"
    return answer


def _summary(statement: Statement) -> Json:
    queries = [part.sql for part in statement.parts]
    text = {"QueryStrings": queries} if statement.submission.batch else {"QueryString": queries[0]}
    return {
        "Id": statement.id,
        "Status": statement.status,
        "StatementName": statement.submission.name,
        "CreatedAt": statement.created,
        "UpdatedAt": statement.updated,
        "IsBatchStatement": statement.submission.batch,
        "ResultFormat": "JSON",
        **text,
    }
