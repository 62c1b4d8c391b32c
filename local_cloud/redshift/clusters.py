"""Provisioned Redshift as far as a driver needs it: where a cluster answers, and passwords for it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

from local_cloud.redshift.pgwire.server import HOST, WireServer
from local_cloud.redshift.statements import database_user, identity
from local_cloud.wire import AwsError, Call, Json, Operation

_CLUSTER = re.compile(r"[a-z](-?[a-z0-9])*")
_DEFAULT_SECONDS, _SHORTEST, _LONGEST = 900, 900, 3600


class RedshiftClusters:
    """The service `redshift`: every well-formed name is a cluster, as it is for the Data API here."""

    def __init__(self, wire: WireServer) -> None:
        self._wire = wire

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "redshift"

    def operations(self) -> Mapping[str, Operation]:
        """The operations that are simulated."""
        return {
            "DescribeClusters": self._describe,
            "GetClusterCredentials": self._credentials,
            "GetClusterCredentialsWithIAM": self._credentials_of_identity,
        }

    def _describe(self, _call: Call, request: Json) -> Json:
        name = _cluster(request)
        endpoint = {"Address": HOST, "Port": self._wire.port}
        return {
            "Clusters": [
                {"ClusterIdentifier": name, "ClusterStatus": "available", "DBName": "dev", "Endpoint": endpoint}
            ]
        }

    def _credentials(self, _call: Call, request: Json) -> Json:
        user = request.get("DbUser") or ""
        if not user:
            raise AwsError("InvalidParameterValue", "DbUser is required.")
        return self._issue(f"IAMA:{user}" if request.get("AutoCreate") == "true" else f"IAM:{user}", request)

    def _credentials_of_identity(self, call: Call, request: Json) -> Json:
        return self._issue(database_user(identity(call.principal)), request)

    def _issue(self, user: str, request: Json) -> Json:
        seconds = int(request.get("DurationSeconds") or _DEFAULT_SECONDS)
        if not _SHORTEST <= seconds <= _LONGEST:
            raise AwsError("InvalidParameterValue", f"DurationSeconds must be {_SHORTEST} to {_LONGEST}.")
        login = self._wire.logins.issue(user, "cluster", _cluster(request), seconds=seconds)
        expires = dt.datetime.fromtimestamp(login.expires, dt.UTC)
        return {"DbUser": login.user, "DbPassword": login.password, "Expiration": expires}


def _cluster(request: Json) -> str:
    name = str(request.get("ClusterIdentifier") or "")
    if not _CLUSTER.fullmatch(name):
        raise AwsError("ClusterNotFound", f"Cluster {name!r} not found.", 404)
    return name
