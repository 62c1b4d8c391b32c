"""The world of a chaos run: one embedded cloud in this process, with a small shop whose first cycle went well."""

from __future__ import annotations

import datetime as dt
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra import lambda_package
from local_cloud.cloud import LocalCloud
from local_cloud.faults.processes import ProcessFaults
from local_cloud.iam.authority import Mode
from local_cloud.redshift.account import RedshiftAccount
from local_cloud.redshift.runner import injected
from local_cloud.sagemaker.execution import FINAL
from local_cloud.sagemaker.options import Options
from local_cloud.sagemaker.service import SageMaker
from local_cloud.sagemaker.warm.image import WarmImage, warm_image
from rightpack.cli import upload, weeks
from rightpack.cli.embedded import CREDENTIALS, TEMPLATES
from rightpack.cli.stage import Stage
from rightpack.data_api import DataApi, Target
from rightpack.layout import Stack, stack_name
from rightpack.ledger import NOTICE, RETRY, Ledger

PRODUCTS = 300
TYPES = ("carton", "padded-mailer")
OVERRIDES: dict[str, Any] = {
    "training": {"architecture": "logistic", "minimum_rows": 20},
    "gate": {"criteria": [{"metric": "roc_auc", "floor": 0.0}]},
    "damage_model": {"enabled": False},
}
VISIBILITY_SECONDS = 5
LONGEST_WAIT = 240.0
POLL_SECONDS = 0.1
PATIENT = Config(retries={"mode": "standard", "total_max_attempts": 8})  # outlasts a restart of the gateway
LONG_AGO = "2026-01-01T00:00:00.000+00:00"


@dataclass(frozen=True, slots=True)
class World:
    """A running cloud and the stage in it; its clients call with the administrator's key, at which no fault aims."""

    cloud: LocalCloud
    sagemaker: SageMaker
    image: WarmImage | None  #: where jobs start warm
    stage: Stage
    root: Path
    first_day: dt.date  #: on which there is enough to learn from

    def client(self, service: str) -> Any:
        """A client, made once: a new one costs more than a call."""
        return _client(self.stage.session, service)

    @property
    def ledger(self) -> Ledger:
        """The run table."""
        return Ledger(self.client("dynamodb"), self.stage.layout.ledger_table)

    def let_time_pass(self) -> None:
        """What waits for minutes in the ledger has waited; nobody is still telling what nobody runs to tell."""
        for run in self.ledger.queued(RETRY):
            self._age(run.run_id, "next_try_at")
        telling = [run for run in self.ledger.queued(NOTICE) if run.notice_at]
        if not self.cloud.functions_busy:  # asked after what is being told: whoever tells it has died
            for run in telling:
                self._age(run.run_id, "notice_at")

    def _age(self, run_id: str, member: str) -> None:
        self.client("dynamodb").update_item(
            TableName=self.stage.layout.ledger_table,
            Key={"run_id": {"S": run_id}},
            UpdateExpression="SET #m = :t",
            ConditionExpression="attribute_exists(#m)",
            ExpressionAttributeNames={"#m": member},
            ExpressionAttributeValues={":t": {"S": LONG_AGO}},
        )

    def busy(self) -> bool:
        """Whether something runs that will change the ledger yet; looked up inside, as it is asked all the time."""
        running = list(self.sagemaker._executions._executions.values())
        return self.cloud.functions_busy or any(execution.status not in FINAL for execution in running)

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Rows of the warehouse."""
        target = Target.of(self.stage.settings.warehouse, self.stage.layout)
        return DataApi(self.client("redshift-data"), target).rows(query)


@cache
def _client(session: boto3.Session, service: str) -> Any:
    return session.client(service, config=PATIENT)  # type: ignore[call-overload]


def until(condition: Callable[[], Any], what: str, timeout: float = LONGEST_WAIT) -> Any:
    """Wait for a condition; TimeoutError says what did not come."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come within {timeout:.0f} s")
        time.sleep(POLL_SECONDS)
    return found


def _brief(stop: threading.Event, seconds: float) -> None:
    """Minutes between retries are milliseconds here."""
    stop.wait(min(seconds, 60.0) / 1000)


@contextmanager
def world() -> Iterator[World]:
    """Start the cloud, deploy the product, load the shop."""
    _remember_modules()
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        yield from _running(Path(folder))


def _running(root: Path) -> Iterator[World]:
    faults, made = ProcessFaults(), list[SageMaker]()
    options = Options(max_parallel_jobs=4, stop_grace=2.0, bind_mounts=False, pause=_brief, faults=faults)
    image = warm_image(options.image_path)

    def sagemaker(host: Any) -> SageMaker:
        made.append(SageMaker(host, options))
        return made[0]

    redshift = RedshiftAccount(injected(faults))
    services = [sagemaker, redshift.data_api, redshift.serverless, redshift.clusters]
    retries = (0.1, 0.2)
    with LocalCloud(root / "cloud", services=services, faults=faults, retry_seconds=retries, iam=Mode.ENFORCE) as cloud:
        os.environ.update({**CREDENTIALS, "AWS_ENDPOINT_URL": cloud.url})
        package = root / "lambdas.zip"
        lambda_package.build(package)
        for stack in Stack:
            template = TEMPLATES / f"{stack_name('dev', stack)}.template.json"
            cloud.deploy(template, assets={"lambdas.zip": package})
        _mute_alarms(cloud)
        stage = Stage.connect("dev", OVERRIDES)
        _hasten(stage)
        upload.migrate(stage)
        shop = weeks.catalogue(stage.settings, seed=7, products=PRODUCTS)
        weeks.load_week(stage, weeks.write_week(shop, 0, root / "week", stage.settings))
        yield World(cloud, made[0], image, stage, root, weeks.last_day(shop, 0))


def _remember_modules() -> None:
    """moto looks through its folder on every request to find the service it is for."""
    import moto.backends

    found = tuple(moto.backends.list_of_moto_modules())
    moto.backends.list_of_moto_modules = lambda: iter(found)  # type: ignore[assignment]


def _mute_alarms(cloud: LocalCloud) -> None:
    """Some fifty alarms look at all data points of every metric that is put, and are not what a seed is about."""
    alarms: Any = cloud._running.alarms
    alarms.look = alarms.look_for = lambda *_: None


def _hasten(stage: Stage) -> None:
    """Let a message that was not dealt with come back in seconds, and seldom give up on it."""
    sqs = stage.client("sqs")
    for url in sqs.list_queues()["QueueUrls"]:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)})


def say(text: str) -> None:
    """One line for whoever watches."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
