"""Fixtures of the tests that reach the embedded Redshift as a product would: through boto3 and the genuine drivers."""

from __future__ import annotations

import gc
import itertools
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redshift_connector

from local_cloud.account import admin_environment
from local_cloud.cloud import LocalCloud
from local_cloud.redshift.account import RedshiftAccount
from local_cloud.redshift.pgwire.certificate import authority
from local_cloud.redshift.runner import Faults

WORKGROUP = "rightpack-dev"
BUCKET = "warehouse-files"
ROLE = "arn:aws:iam::123456789012:role/warehouse"
_NUMBERS = itertools.count(1)


def no_fault(_name: str) -> None:
    """Let everything go well."""


@dataclass(frozen=True)
class Account:
    """A cloud with a workgroup and a bucket, and what can go wrong in it."""

    cloud: LocalCloud
    faults: Faults

    def client(self, service: str) -> Any:
        return self.cloud.client(service)

    def put(self, key: str, body: bytes) -> None:
        self.cloud.objects.write(BUCKET, key, body)

    def password(self) -> dict[str, Any]:
        """Where the workgroup answers and a password for it, as options of the driver."""
        serverless = self.client("redshift-serverless")
        endpoint = serverless.get_workgroup(workgroupName=WORKGROUP)["workgroup"]["endpoint"]
        found = serverless.get_credentials(workgroupName=WORKGROUP, dbName="rightpack")
        place = {"host": endpoint["address"], "port": endpoint["port"]}
        return {**place, "user": found["dbUser"], "password": found["dbPassword"], "sslmode": "verify-full"}

    def connect(self, database: str) -> Any:
        """A connection of the genuine driver; its own way to a password costs it two new boto3 clients."""
        return redshift_connector.connect(database=database, **self.password())


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    faults = Faults()
    redshift = RedshiftAccount(faults)
    services = [redshift.data_api, redshift.serverless, redshift.clusters]
    root: Path = tmp_path_factory.mktemp("cloud")
    with pytest.MonkeyPatch.context() as patch, LocalCloud(root, services=services) as cloud:
        for name, value in admin_environment(cloud.url).items():
            patch.setenv(name, value)
        patch.setenv("SSL_CERT_FILE", str(authority(root)))
        serverless = cloud.client("redshift-serverless")
        serverless.create_namespace(namespaceName="rightpack")
        serverless.create_workgroup(workgroupName=WORKGROUP, namespaceName="rightpack")
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        yield Account(cloud, faults)
    _forget_clients()


def _forget_clients() -> None:
    """Collect the boto3 clients that the driver made for a password and never closed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def faults(account: Account) -> Iterator[Faults]:
    """What happens around the transactions of one test."""
    yield account.faults
    account.faults.before_run = account.faults.after_commit = no_fault


@pytest.fixture
def database() -> str:
    """The name of a database that nobody has used."""
    return f"db{next(_NUMBERS)}"


@pytest.fixture
def connection(account: Account, database: str) -> Iterator[Any]:
    connection = account.connect(database)
    yield connection
    connection.close()
