"""The way to the warehouse that the settings choose; drivers are imported only when they are used."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from rightpack.connector_transport import Connection, ConnectorTransport
from rightpack.data_api import DataApi
from rightpack.errors import SettingsError
from rightpack.layout import Layout
from rightpack.settings import Settings
from rightpack.transport import Target, Transport


def transport(settings: Settings, layout: Layout, client: Callable[[str], Any]) -> Transport:
    """The transport of `[warehouse] transport`; `client` makes boto3 clients.

    Raises:
        SettingsError: there is no such transport.
    """
    target = Target.of(settings.warehouse, layout)
    match settings.warehouse.transport:
        case "data-api":
            return DataApi(client("redshift-data"), target)
        case "redshift-connector":
            return connector(target, layout.region)
        case other:
            raise SettingsError(f"warehouse.transport is {other!r}; it can be data-api or redshift-connector.")


def connector(target: Target, region: str) -> ConnectorTransport:
    """The transport over redshift_connector, signed in with this process's own AWS identity."""
    import redshift_connector

    def connect() -> Connection:
        connection: Connection = redshift_connector.connect(
            iam=True,
            iam_disable_cache=True,
            is_serverless=True,
            serverless_work_group=target.workgroup,
            database=target.database,
            region=region,
            sslmode="verify-full",
            application_name="rightpack",
        )
        return connection

    return ConnectorTransport(connect, driver_errors())


def driver_errors() -> tuple[type[Exception], ...]:
    """What redshift_connector raises; one that is cut off in the middle of a message fails to unpack a number."""
    import redshift_connector

    return (redshift_connector.Error, OSError, struct.error)
