from __future__ import annotations

import json
from typing import Any

import pytest

from rightpack.dispatch import Dispatcher
from rightpack.launch import Launcher, Planner
from rightpack.ledger import Ledger, RunState
from rightpack.notices import Outbox
from rightpack.settings import Settings
from rightpack.trigger import TriggerObject
from tests.unit.rightpack.conftest import (
    LAYOUT,
    FakeClock,
    FakeCloudWatch,
    FakeS3,
    FakeSageMaker,
    FakeSns,
    client_error,
)

KEY = "drops/training/2026-11-20/carton-1/_TRIGGER.json"
SOURCE = TriggerObject(LAYOUT.data_bucket, KEY, "v1")
FOLDER = f"s3://{LAYOUT.data_bucket}/drops/training/2026-11-20/carton-1/"
TRIGGER: dict[str, Any] = {
    "version": 1,
    "pipeline": "training",
    "mode": "weekly",
    "business_date": "2026-11-20",
    "package_type": "carton",
    "data": {"uri": f"{FOLDER}data/", "manifest": f"{FOLDER}data/part_manifest"},
}


@pytest.fixture
def launcher(
    s3: FakeS3, sagemaker: FakeSageMaker, dispatcher: Dispatcher, outbox: Outbox, clock: FakeClock
) -> Launcher:
    s3.put_object(Bucket=LAYOUT.data_bucket, Key=KEY, Body=json.dumps(TRIGGER).encode())
    return Launcher(Planner(LAYOUT, s3, sagemaker, clock), dispatcher.ledger, dispatcher, outbox)


def test_a_trigger_starts_its_pipeline_with_everything_the_steps_need(
    launcher: Launcher, sagemaker: FakeSageMaker, s3: FakeS3
) -> None:
    run = launcher.launch(SOURCE)
    assert run.state is RunState.LAUNCHED
    request = sagemaker.executions[run.execution_arn]
    parameters = {p["Name"]: p["Value"] for p in request["PipelineParameters"]}
    assert request["PipelineName"] == "rightpack-dev-training"
    assert parameters["RunId"] == request["PipelineExecutionDisplayName"] == SOURCE.run_id
    assert parameters["PackageType"] == "carton"
    assert parameters["ModelPackageGroupName"] in sagemaker.groups
    settings_key = parameters["ConfigUri"].removeprefix(f"s3://{LAYOUT.data_bucket}/") + "settings.json"
    assert Settings.from_json(s3.text(settings_key)) == Settings.load("dev")


def test_the_same_object_delivered_five_times_starts_one_execution(
    launcher: Launcher, sagemaker: FakeSageMaker
) -> None:
    runs = [launcher.launch(SOURCE) for _ in range(5)]
    assert {run.execution_arn for run in runs} == set(sagemaker.executions)
    assert sagemaker.starts == 1


def test_a_crash_between_start_and_record_is_healed_by_the_next_delivery(
    launcher: Launcher, sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "launched", _killed)
        with pytest.raises(KeyboardInterrupt):
            launcher.launch(SOURCE)
    assert launcher.ledger.get(SOURCE.run_id).state is RunState.NEW
    assert launcher.launch(SOURCE).state is RunState.LAUNCHED
    assert len(sagemaker.executions) == 1


def test_the_joint_model_has_runs_and_a_group_of_its_own(
    launcher: Launcher, s3: FakeS3, sagemaker: FakeSageMaker
) -> None:
    body = json.dumps({**TRIGGER, "package_type": "every-type"}).encode()
    s3.put_object(Bucket=LAYOUT.data_bucket, Key=KEY, Body=body)
    assert launcher.launch(SOURCE).state is RunState.LAUNCHED
    (request,) = sagemaker.executions.values()
    parameters = {one["Name"]: one["Value"] for one in request["PipelineParameters"]}
    assert parameters["PackageType"] == "every-type"
    assert parameters["ModelPackageGroupName"] == "rightpack-dev-every-type"


def test_a_trigger_that_was_deleted_before_it_was_read_is_recorded_with_that_reason(
    launcher: Launcher, s3: FakeS3, sagemaker: FakeSageMaker, sns: FakeSns
) -> None:
    s3.objects.clear()
    runs = [launcher.launch(SOURCE) for _ in range(2)]
    assert {run.state for run in runs} == {RunState.REFUSED}
    assert json.loads(s3.text(f"quarantine/{SOURCE.run_id}/reason.json"))["reason"] == (
        f"s3://{SOURCE.bucket}/{SOURCE.key} (version v1) was deleted before it was read."
    )
    assert (sagemaker.starts, len(sns.messages)) == (0, 1)


def _killed(*_args: object, **_options: object) -> bool:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"{}", "version"),
        (json.dumps({**TRIGGER, "package_type": "cartoon"}).encode(), "Did you mean 'carton'"),
        (json.dumps({**TRIGGER, "settings": {"splt": {}}}).encode(), "Did you mean 'split'"),
    ],
)
def test_a_trigger_that_cannot_be_used_is_quarantined_once_with_its_reason(
    launcher: Launcher, s3: FakeS3, cloudwatch: FakeCloudWatch, sns: FakeSns, body: bytes, words: str
) -> None:
    s3.put_object(Bucket=LAYOUT.data_bucket, Key=KEY, Body=body)
    runs = [launcher.launch(SOURCE) for _ in range(3)]
    assert {run.state for run in runs} == {RunState.REFUSED}
    reason = json.loads(s3.text(f"quarantine/{SOURCE.run_id}/reason.json"))
    assert words in reason["reason"]
    assert s3.objects[LAYOUT.data_bucket, f"quarantine/{SOURCE.run_id}/trigger.json"] == body
    assert runs[-1].quarantine == f"s3://{LAYOUT.data_bucket}/quarantine/{SOURCE.run_id}/reason.json"
    assert cloudwatch.total("TriggerQuarantined") == 1
    assert len(sns.messages) == 1
    assert words in sns.messages[0][1]


@pytest.mark.parametrize(
    ("code", "cause"), [("ThrottlingException", "throttling"), ("InternalFailure", "platform"), ("Unheard", "")]
)
def test_a_refusal_that_may_pass_leaves_the_run_waiting_and_any_other_ends_it(
    launcher: Launcher, sagemaker: FakeSageMaker, clock: FakeClock, code: str, cause: str
) -> None:
    sagemaker.refuse = lambda: client_error(code)
    run = launcher.launch(SOURCE)
    assert (run.state, run.cause) == ((RunState.NEW, cause) if cause else (RunState.FAILED, "ours"))
    sagemaker.refuse = lambda: None
    launcher.dispatcher.fill()
    assert launcher.ledger.get(SOURCE.run_id).state is run.state
    clock.forward(seconds=61)
    launcher.dispatcher.fill()
    assert launcher.ledger.get(SOURCE.run_id).state is (RunState.LAUNCHED if cause else RunState.FAILED)


def test_with_all_slots_taken_a_run_keeps_its_place_and_starts_when_one_is_free(
    launcher: Launcher, sagemaker: FakeSageMaker
) -> None:
    sagemaker.quota = 1
    sagemaker.executions = {"somebody's": {"PipelineExecutionStatus": "Executing"}}
    run = launcher.launch(SOURCE)
    assert (run.state, run.queue, run.tries) == (RunState.NEW, "new/scheduled", 0)
    sagemaker.quota = 2
    assert launcher.dispatcher.fill() == [SOURCE.run_id]
    assert launcher.ledger.get(SOURCE.run_id).state is RunState.LAUNCHED


def test_equal_settings_share_one_file_so_steps_can_be_cached(launcher: Launcher, s3: FakeS3) -> None:
    launcher.launch(SOURCE)
    launcher.launch(TriggerObject(LAYOUT.data_bucket, KEY, "v2"))
    assert sum(key.startswith("config/") for _, key in s3.objects) == 1
