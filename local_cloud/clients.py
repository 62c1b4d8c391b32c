"""boto3 clients of the cloud for itself: one session, no configuration of the user's, and nothing retried."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from local_cloud.account import ADMIN_KEY, ADMIN_SECRET, REGION

_CONFIG = Config(retries={"total_max_attempts": 1}, max_pool_connections=32, read_timeout=900)
_ADMIN = {"AWS_ACCESS_KEY_ID": ADMIN_KEY, "AWS_SECRET_ACCESS_KEY": ADMIN_SECRET}


class Clients:
    """Clients are made once per service and identity; a session per thread would cost a gigabyte of service models."""

    def __init__(self, url: str) -> None:
        self._url, self._lock = url, threading.Lock()
        self._session = boto3.session.Session(botocore_session=_bare_session())
        self._made: dict[tuple[str, str], Any] = {}

    def admin(self, service: str) -> Any:
        """A client with the account's administrator key."""
        return self.of(service, _ADMIN)

    def of(self, service: str, credentials: Mapping[str, str]) -> Any:
        """A client for credentials in the shape of environment variables."""
        key = (service, credentials["AWS_ACCESS_KEY_ID"])
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(service, credentials)
            return self._made[key]

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._made.values():
                client.close()
            self._made.clear()

    def _make(self, service: str, credentials: Mapping[str, str]) -> Any:
        make: Any = self._session.client  # the stubs want a literal for each of four hundred services
        return make(
            service,
            region_name=REGION,
            endpoint_url=self._url,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
            config=_CONFIG,
        )


def _bare_session() -> botocore.session.Session:
    """A session blind to the profiles and files of whoever runs the cloud."""
    nothing = {"profile": (None, None, None, None)}
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    return botocore.session.Session(session_vars=nothing | files)
