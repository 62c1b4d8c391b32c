"""A minimal Redshift Serverless: namespaces and workgroups by name, and passwords that the wire protocol checks."""

from __future__ import annotations

import datetime as dt
import re
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from local_cloud.host import Host
from local_cloud.redshift.pgwire.logins import Logins
from local_cloud.redshift.pgwire.server import HOST, WireServer
from local_cloud.redshift.results import window
from local_cloud.redshift.statements import database_user, identity
from local_cloud.wire import AwsError, Call, Json, Operation

_NAME = re.compile(r"[a-z0-9-]{3,64}")
_NAMESPACE_FIELDS = ("adminUsername", "dbName", "defaultIamRoleArn", "iamRoles", "kmsKeyId", "logExports")
_WORKGROUP_FIELDS = ("baseCapacity", "configParameters", "enhancedVpcRouting", "maxCapacity", "publiclyAccessible",
                     "securityGroupIds", "subnetIds")  # fmt: skip
_DEFAULT_SECONDS, _SHORTEST, _LONGEST = 900, 900, 3600
_PORT = 5439


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")


class RedshiftServerless:
    """The service `redshift-serverless`, kept in memory; the data of a workgroup lives with `RedshiftData`.

    With `wire`, the endpoints of the workgroups are there to be connected to; without, they are names only.
    """

    KEPT = ("_namespaces", "_workgroups")

    def __init__(self, host: Host, wire: WireServer | None = None) -> None:
        self._host = host
        self._wire = wire
        self._lock = threading.Lock()
        self._namespaces: dict[str, dict[str, Any]] = {}
        self._workgroups: dict[str, dict[str, Any]] = {}

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "redshift-serverless"

    def operations(self) -> Mapping[str, Operation]:
        """The operations that are simulated."""
        return {
            "CreateNamespace": self._create_namespace,
            "GetNamespace": self._get_namespace,
            "ListNamespaces": self._list_namespaces,
            "DeleteNamespace": self._delete_namespace,
            "CreateWorkgroup": self._create_workgroup,
            "GetWorkgroup": self._get_workgroup,
            "ListWorkgroups": self._list_workgroups,
            "DeleteWorkgroup": self._delete_workgroup,
            "GetCredentials": self._get_credentials,
        }

    def parts(self) -> dict[str, object]:
        """What holds the state: the workgroups' data is in files anyway."""
        return {"redshift-serverless": self}

    def after_restart(self) -> None:
        """The endpoints are new ones after a restart."""
        for name, workgroup in self._workgroups.items():
            workgroup.update(self._endpoint(name))

    def name_of(self, workgroup: str) -> str:
        """The name of a workgroup given by name or ARN; raises the Data API's error if there is none."""
        for name, found in self._workgroups.items():
            if workgroup in (name, found["workgroupArn"]):
                return name
        raise AwsError("ValidationException", f"Redshift endpoint doesn't exist in this region: workgroup {workgroup}.")

    def _arn(self, kind: str, identifier: str) -> str:
        return f"arn:aws:redshift-serverless:{self._host.region}:{self._host.account}:{kind}/{identifier}"

    def _create_namespace(self, _call: Call, request: Json) -> Json:
        name, identifier = _new_name(request, "namespaceName", self._namespaces), str(uuid.uuid4())
        namespace = {
            "namespaceName": name,
            "namespaceId": identifier,
            "namespaceArn": self._arn("namespace", identifier),
            "dbName": "dev",
            "status": "AVAILABLE",
            "creationDate": _now(),
            "iamRoles": [],
        } | {key: request[key] for key in _NAMESPACE_FIELDS if key in request}
        with self._lock:
            self._namespaces[name] = namespace
        return {"namespace": namespace}

    def _get_namespace(self, _call: Call, request: Json) -> Json:
        return {"namespace": _found(self._namespaces, request, "namespaceName")}

    def _list_namespaces(self, _call: Call, request: Json) -> Json:
        listed, more = _listed(self._namespaces, request)
        return {"namespaces": listed, **more}

    def _delete_namespace(self, _call: Call, request: Json) -> Json:
        namespace = _found(self._namespaces, request, "namespaceName")
        name = namespace["namespaceName"]
        if users := [w["workgroupName"] for w in self._workgroups.values() if w["namespaceName"] == name]:
            raise AwsError("ConflictException", f"The namespace {name} is used by the workgroup {users[0]}.")
        with self._lock:
            del self._namespaces[name]
        return {"namespace": namespace | {"status": "DELETING"}}

    def _create_workgroup(self, _call: Call, request: Json) -> Json:
        name, identifier = _new_name(request, "workgroupName", self._workgroups), str(uuid.uuid4())
        namespace = _found(self._namespaces, request, "namespaceName")["namespaceName"]
        if any(workgroup["namespaceName"] == namespace for workgroup in self._workgroups.values()):
            raise AwsError("ConflictException", f"The namespace {namespace} already has a workgroup.")
        workgroup = {
            "workgroupName": name,
            "workgroupId": identifier,
            "workgroupArn": self._arn("workgroup", identifier),
            "namespaceName": namespace,
            "status": "AVAILABLE",
            "creationDate": _now(),
            "baseCapacity": 128,
            **self._endpoint(name),
        } | {key: request[key] for key in _WORKGROUP_FIELDS if key in request}
        with self._lock:
            self._workgroups[name] = workgroup
        return {"workgroup": workgroup}

    def _endpoint(self, name: str) -> Json:
        address, port = f"{name}.{self._host.account}.{self._host.region}.redshift-serverless.amazonaws.com", _PORT
        if self._wire is not None:
            address, port = HOST, self._wire.port
        return {"port": port, "endpoint": {"address": address, "port": port}}

    def _get_workgroup(self, _call: Call, request: Json) -> Json:
        return {"workgroup": _found(self._workgroups, request, "workgroupName")}

    def _list_workgroups(self, _call: Call, request: Json) -> Json:
        listed, more = _listed(self._workgroups, request)
        return {"workgroups": listed, **more}

    def _delete_workgroup(self, _call: Call, request: Json) -> Json:
        workgroup = _found(self._workgroups, request, "workgroupName")
        with self._lock:
            del self._workgroups[workgroup["workgroupName"]]
        return {"workgroup": workgroup | {"status": "DELETING"}}

    def _get_credentials(self, call: Call, request: Json) -> Json:
        name = _found(self._workgroups, request, "workgroupName")["workgroupName"]
        seconds = request.get("durationSeconds", _DEFAULT_SECONDS)
        if not _SHORTEST <= seconds <= _LONGEST:
            raise AwsError("ValidationException", f"durationSeconds must be {_SHORTEST} to {_LONGEST}, not {seconds}.")
        logins = self._wire.logins if self._wire else Logins()
        login = logins.issue(database_user(identity(call.principal)), "workgroup", name, seconds=seconds)
        return {
            "dbUser": login.user,
            "dbPassword": login.password,
            "expiration": login.expires,
            "nextRefreshTime": login.expires,
        }


def _new_name(request: Json, key: str, taken: Mapping[str, Any]) -> str:
    name = request.get(key) or ""
    if not _NAME.fullmatch(name):
        raise AwsError("ValidationException", f"{key} must have 3 to 64 of a-z, 0-9 and hyphen, not {name!r}.")
    if name in taken:
        raise AwsError("ConflictException", f"{key.removesuffix('Name')} {name} already exists.")
    return name


def _found(known: Mapping[str, dict[str, Any]], request: Json, key: str) -> dict[str, Any]:
    name = request.get(key) or ""
    if name not in known:
        raise AwsError("ResourceNotFoundException", f"Serverless {key.removesuffix('Name')} {name} not found.")
    return known[name]


def _listed(known: Mapping[str, dict[str, Any]], request: Json) -> tuple[list[Json], Json]:
    page = {"MaxResults": request.get("maxResults"), "NextToken": request.get("nextToken")}
    listed, more = window(list(known.values()), page, most=100)
    return listed, {"nextToken": more["NextToken"]} if more else {}
