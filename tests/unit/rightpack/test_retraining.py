from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws

from rightpack.errors import PlatformError
from rightpack.layout import drift_request_key
from rightpack.retraining import Request, Retraining
from tests.unit.rightpack.conftest import LAYOUT, Exceptions, client_error

DAY = dt.date(2026, 11, 20)


@dataclass
class FakeFunctions:
    """Asynchronous calls that were made; `refuse` makes the service refuse them."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    refuse: bool = False
    exceptions = Exceptions

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        if self.refuse:
            raise client_error("TooManyRequestsException")
        assert (FunctionName, InvocationType) == ("rightpack-dev-unload", "Event")
        self.calls.append(json.loads(Payload))


class Racing:
    """S3 of a monitor that is overtaken: `before_write` happens between its look and its write."""

    def __init__(self, s3: Any, before_write: Callable[[], Any]) -> None:
        self._s3, self._before_write = s3, before_write

    def __getattr__(self, name: str) -> Any:
        return getattr(self._s3, name)

    def put_object(self, **request: Any) -> Any:
        self._before_write()
        return self._s3.put_object(**request)


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=LAYOUT.artefact_bucket)
        yield client


def request(package_type: str = "carton", *, after: int = 0) -> Request:
    return Request(package_type, DAY + dt.timedelta(days=after), f"inference-{after}", "price has moved")


def test_drift_asks_for_the_drop_of_one_training(s3: Any) -> None:
    functions = FakeFunctions()
    assert Retraining(s3, functions, LAYOUT).ask(request(), 7)
    assert functions.calls == [
        {"pipeline": "training", "mode": "weekly", "business_date": "2026-11-20", "package_types": ["carton"]}
    ]


def test_what_was_asked_for_is_remembered_with_its_reason(s3: Any) -> None:
    Retraining(s3, FakeFunctions(), LAYOUT).ask(request(), 7)
    body = s3.get_object(Bucket=LAYOUT.artefact_bucket, Key=drift_request_key("carton"))["Body"].read()
    assert json.loads(body) == {
        "business_date": "2026-11-20",
        "run_id": "inference-0",
        "reason": "price has moved",
    }


def test_within_the_cool_down_nothing_is_asked_for_again(s3: Any) -> None:
    functions = FakeFunctions()
    retraining = Retraining(s3, functions, LAYOUT)
    assert [retraining.ask(request(after=days), 7) for days in (0, 0, 6, 7, 8)] == [True, False, False, True, False]
    assert len(functions.calls) == 2


def test_package_types_cool_down_on_their_own(s3: Any) -> None:
    retraining = Retraining(s3, FakeFunctions(), LAYOUT)
    assert retraining.ask(request("carton"), 7)
    assert retraining.ask(request("book-box"), 7)


@pytest.mark.parametrize("earlier", [False, True])
def test_of_two_monitors_at_the_same_time_only_one_asks(s3: Any, earlier: bool) -> None:
    functions = FakeFunctions()
    first = Retraining(s3, functions, LAYOUT)
    if earlier:
        first.ask(request(), 7)
    late = Retraining(Racing(s3, lambda: first.ask(request(after=10), 7)), functions, LAYOUT)
    assert not late.ask(request(after=10), 7)
    assert len(functions.calls) == 1 + earlier


def test_a_request_that_could_not_be_made_is_made_by_the_next_monitor(s3: Any) -> None:
    functions = FakeFunctions(refuse=True)
    retraining = Retraining(s3, functions, LAYOUT)
    with pytest.raises(PlatformError, match="rightpack-dev-unload could not be asked"):
        retraining.ask(request(), 7)
    functions.refuse = False
    assert retraining.ask(request(after=1), 7)


def test_trouble_with_the_memory_is_not_mistaken_for_a_faster_monitor(s3: Any) -> None:
    def refused() -> None:
        raise client_error("AccessDenied")

    retraining = Retraining(Racing(s3, refused), FakeFunctions(), LAYOUT)
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        retraining.ask(request(), 7)
