"""One stage as the commands see it: names and boto3 clients, wherever `AWS_ENDPOINT_URL` or the profile points."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3

from rightpack.data_api import DataApi, Target
from rightpack.layout import Layout
from rightpack.ledger import Ledger
from rightpack.registry import Registry
from rightpack.settings import Settings

DEFAULT_REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Stage:
    """Names, settings and clients of one stage; `overrides` are nested settings that go into every drop."""

    layout: Layout
    settings: Settings
    session: boto3.Session
    overrides: Mapping[str, Any] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def connect(cls, name: str, overrides: Mapping[str, Any] | None = None) -> Stage:
        """Ask the account who we are, and read the stage's settings."""
        session = boto3.Session()
        region = session.region_name or DEFAULT_REGION
        session = boto3.Session(region_name=region)
        account = session.client("sts").get_caller_identity()["Account"]
        settings = Settings.load(name, [overrides or {}])
        return cls(Layout(name, account, region), settings, session, overrides or {})

    def client(self, service: str) -> Any:
        """The boto3 client of a service in the stage's region; making one takes longer than most calls."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service)  # type: ignore[call-overload]
        return self._clients[service]

    @property
    def data_api(self) -> DataApi:
        """The warehouse."""
        return DataApi(self.client("redshift-data"), Target.of(self.settings.warehouse, self.layout))

    @property
    def ledger(self) -> Ledger:
        """The run table."""
        return Ledger(self.client("dynamodb"), self.layout.ledger_table)

    @property
    def registry(self) -> Registry:
        """The model registry."""
        return Registry(self.client("sagemaker"))

    @property
    def schema(self) -> str:
        """Warehouse schema of the stage."""
        return self.settings.warehouse.schema


def today() -> dt.date:
    """Today in UTC."""
    return dt.datetime.now(dt.UTC).date()
