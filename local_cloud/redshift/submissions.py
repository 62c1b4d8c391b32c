"""What ExecuteStatement and BatchExecuteStatement ask for, checked against the documented rules."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local_cloud.redshift.database import Target
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.parameters import used_names
from local_cloud.wire import AwsError, Json, NotSimulatedError

MAX_STATEMENTS = 40
MAX_QUERY_BYTES = 100_000
_LENGTHS = {"ClientToken": (1, 64), "StatementName": (0, 2048)}
_DATABASE = re.compile(r"[a-zA-Z0-9_-]{1,127}")
_CLUSTER = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")

Resolve = Callable[[str], str]  # name or ARN of a workgroup to its name; raises AwsError if it does not exist


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to run SQL; `atomic` puts a batch into one transaction."""

    target: Target
    sqls: tuple[str, ...]
    batch: bool = False
    atomic: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    with_event: bool = False
    token: str | None = None
    fingerprint: str = ""
    echoed: Mapping[str, str] = field(default_factory=dict)


def invalid(message: str) -> AwsError:
    """The error of a request that breaks a rule."""
    return AwsError("ValidationException", message)


def read_target(request: Json, resolve: Resolve) -> Target:
    """The workgroup or cluster and the database that a request names."""
    workgroup, cluster = request.get("WorkgroupName"), request.get("ClusterIdentifier")
    if not workgroup and not cluster:
        raise invalid("Either ClusterIdentifier or WorkgroupName needs to be specified.")
    if workgroup and cluster:
        raise invalid("Only one of ClusterIdentifier and WorkgroupName can be specified.")
    if workgroup and request.get("DbUser"):
        raise invalid("DbUser cannot be specified with WorkgroupName: the user comes from the IAM identity.")
    if request.get("SecretArn") and request.get("DbUser"):
        raise invalid("Only one of SecretArn and DbUser can be specified.")
    database = request.get("Database") or ""
    if not _DATABASE.fullmatch(database):
        raise invalid(f"Database is required and must be a database name, not {database!r}.")
    if workgroup:
        return Target("workgroup", resolve(workgroup), database.lower())
    if not _CLUSTER.fullmatch(str(cluster)):
        raise invalid(f"ClusterIdentifier {cluster!r} is not a cluster identifier.")
    return Target("cluster", str(cluster), database.lower())


def read_submission(request: Json, resolve: Resolve, *, batch: bool) -> Submission:
    """Check a request to run SQL.

    Raises:
        AwsError: ValidationException with the rule that is broken; NotSimulatedException for sessions and CSV results.
    """
    _check_simulated(request)
    sqls = _sqls(request, batch=batch)
    for key, (least, most) in _LENGTHS.items():
        if key in request and not least <= len(request[key]) <= most:
            raise invalid(f"{key} must have {least} to {most} characters, not {len(request[key])}.")
    mode = request.get("ExecutionMode", "TRANSACTION")
    if mode not in ("TRANSACTION", "AUTO_COMMIT"):
        raise invalid(f"ExecutionMode must be TRANSACTION or AUTO_COMMIT, not {mode!r}.")
    echoed = ("Database", "WorkgroupName", "ClusterIdentifier", "DbUser", "SecretArn")
    return Submission(
        read_target(request, resolve),
        sqls,
        batch,
        atomic=batch and mode == "TRANSACTION",
        parameters=_parameters(request, sqls),
        name=request.get("StatementName", ""),
        with_event=bool(request.get("WithEvent")),
        token=request.get("ClientToken"),
        fingerprint=_fingerprint(request),
        echoed={key: request[key] for key in echoed if request.get(key)},
    )


def _check_simulated(request: Json) -> None:
    if request.get("SessionId") or request.get("SessionKeepAliveSeconds"):
        raise NotSimulatedError("sessions of the Redshift Data API (SessionId, SessionKeepAliveSeconds)")
    if request.get("ResultFormat", "JSON") != "JSON":
        raise NotSimulatedError("results of the Redshift Data API in CSV")


def _sqls(request: Json, *, batch: bool) -> tuple[str, ...]:
    sqls = tuple(request.get("Sqls") or ()) if batch else (request.get("Sql") or "",)
    if not 1 <= len(sqls) <= MAX_STATEMENTS:
        raise invalid(f"Sqls must hold 1 to {MAX_STATEMENTS} statements, not {len(sqls)}.")
    if not all(isinstance(sql, str) and sql.strip() for sql in sqls):
        raise invalid("SQL statements must not be empty.")
    if sum(len(sql.encode()) for sql in sqls) > MAX_QUERY_BYTES:
        raise invalid("Cannot process query string larger than 100kB.")
    return sqls


def _parameters(request: Json, sqls: tuple[str, ...]) -> dict[str, str]:
    given = request.get("Parameters") or []
    parameters = {str(entry.get("name") or ""): entry.get("value") for entry in given}
    if len(parameters) != len(given) or not all(re.fullmatch(r"[0-9a-zA-Z_]+", name) for name in parameters):
        raise invalid("Parameters must have different names of letters, digits and underscores.")
    for name, value in parameters.items():
        if not isinstance(value, str) or not value:
            raise invalid(f"The value of the parameter {name} must be a text of at least one character.")
    if unused := set(parameters) - _used(sqls) if parameters else set():
        raise invalid(f"The parameter {min(unused)} is not used by any statement.")
    return {name: str(value) for name, value in parameters.items()}


def _used(sqls: tuple[str, ...]) -> set[str]:
    try:
        return {name for sql in sqls for name in used_names(sql)}
    except SqlError as error:
        raise invalid(f"The parameters cannot be found: {error.message}.") from error


def _fingerprint(request: Json) -> str:
    relevant = {key: value for key, value in request.items() if key not in ("ClientToken", "WaitTimeSeconds")}
    return hashlib.sha256(json.dumps(relevant, sort_keys=True).encode()).hexdigest()
