"""The function that takes triggers from the queue: a message that cannot be dealt with comes back alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.start_pipeline import handler as start_pipeline
from rightpack.dispatch import Dispatcher
from rightpack.launch import Launcher, Planner
from rightpack.ledger import RunState
from rightpack.notices import Outbox
from rightpack.trigger import TriggerObject
from tests.unit.rightpack.conftest import LAYOUT, FakeClock, FakeS3, FakeSageMaker, client_error

FOLDERS = {name: f"drops/training/2026-11-20/{name}-1/" for name in ("carton", "book-box", "deleted")}


def trigger(name: str) -> bytes:
    data = f"s3://{LAYOUT.data_bucket}/{FOLDERS[name]}data/"
    body = {"version": 1, "pipeline": "training", "mode": "weekly", "business_date": "2026-11-20"}
    return json.dumps(
        {**body, "package_type": name, "data": {"uri": data, "manifest": f"{data}part_manifest"}}
    ).encode()


def announcement(name: str) -> str:
    found = {"key": f"{FOLDERS[name]}_TRIGGER.json", "version-id": "v1"}
    return json.dumps({"detail": {"bucket": {"name": LAYOUT.data_bucket}, "object": found}})


def run_id(name: str) -> str:
    return TriggerObject(LAYOUT.data_bucket, f"{FOLDERS[name]}_TRIGGER.json", "v1").run_id


def batch(*bodies: str) -> dict[str, Any]:
    return {"Records": [{"messageId": f"m{place}", "body": body} for place, body in enumerate(bodies)]}


@pytest.fixture
def launcher(
    s3: FakeS3,
    sagemaker: FakeSageMaker,
    dispatcher: Dispatcher,
    outbox: Outbox,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Launcher:
    for name in ("carton", "book-box"):
        s3.put_object(Bucket=LAYOUT.data_bucket, Key=f"{FOLDERS[name]}_TRIGGER.json", Body=trigger(name))
    made = Launcher(Planner(LAYOUT, s3, sagemaker, clock), dispatcher.ledger, dispatcher, outbox)
    monkeypatch.setattr(start_pipeline, "launcher", lambda: made)
    return made


NO_EVENTS = [
    "",
    "no json",
    "[]",
    "null",
    "{}",
    json.dumps({"detail": {"bucket": {}, "object": {"key": "k", "etag": "e"}}}),
    json.dumps({"detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}}),
    json.dumps({"detail": {"bucket": {"name": "b"}, "object": {"key": 7, "etag": "e"}}}),
    json.dumps({"detail": "s3:TestEvent"}),
    "[" * 100_000,
]


@pytest.mark.parametrize("body", NO_EVENTS, ids=lambda body: body[:40])
def test_a_message_that_is_no_event_comes_back_alone_with_its_reason(
    launcher: Launcher, body: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = start_pipeline.handler(batch(announcement("carton"), body, announcement("book-box")), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert {launcher.ledger.get(run_id(name)).state for name in ("carton", "book-box")} == {RunState.LAUNCHED}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (told,) = (line for line in lines if line["outcome"] == "retry")
    assert (told["message"], told["fault"]) == ("m1", "data")
    assert told["reason"].startswith("TriggerError: The message")


def test_a_trigger_that_was_deleted_is_quarantined_and_the_others_go_on(launcher: Launcher) -> None:
    answer = start_pipeline.handler(batch(announcement("deleted"), announcement("carton")), None)
    assert answer == {"batchItemFailures": []}
    refused = launcher.ledger.get(run_id("deleted"))
    assert refused.state is RunState.REFUSED
    assert "was deleted before it was read" in refused.reason
    assert launcher.ledger.get(run_id("carton")).state is RunState.LAUNCHED


def only_for(key: str, original: Callable[..., Any], error: Exception) -> Callable[..., Any]:
    """`original`, but reading this object raises."""

    def asked(**query: Any) -> Any:
        if query["Key"] == key:
            raise error
        return original(**query)

    return asked


@pytest.mark.parametrize("error", [client_error("AccessDenied"), ZeroDivisionError("ours"), OSError("no route")])
def test_whatever_one_trigger_raises_the_others_of_the_batch_go_on(
    launcher: Launcher, s3: FakeS3, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(s3, "get_object", only_for(f"{FOLDERS['carton']}_TRIGGER.json", s3.get_object, error))
    answer = start_pipeline.handler(batch(announcement("carton"), announcement("book-box")), None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert launcher.ledger.find(run_id("carton")) is None
    assert launcher.ledger.get(run_id("book-box")).state is RunState.LAUNCHED
