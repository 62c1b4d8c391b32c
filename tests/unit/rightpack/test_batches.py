"""Batches: from a file to runs that all end, each launched once, with one notice."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from rightpack.batch_file import BatchFile
from rightpack.batches import Batches
from rightpack.errors import SettingsError
from rightpack.ledger import Ledger, Run, RunState
from rightpack.reconcile import Reconciler
from rightpack.settings import Launching
from rightpack.trends import trends
from tests.unit.rightpack.conftest import FakeClock, FakeSageMaker, FakeSns
from tests.unit.rightpack.test_reconcile import run_of

TRAINED = ("carton", "paper-bag")
EAGER = Launching(concurrent=20, reserved=4, first_wait_seconds=0, longest_wait_seconds=0, retries=20)
MANY = 60


def file_of(**raw: Any) -> BatchFile:
    return BatchFile.of(raw, name="sweep", trained=TRAINED)


def submit(batches: Batches, file: BatchFile) -> Run:
    """Queue every variant, as the command does, without drops and settings."""
    batch = batches.open(file)
    for variant in file.variants:
        batches.ledger.claim(batches.member(batch, variant, run_of(0, policy=EAGER)))
    return batch


def test_a_sweep_is_every_combination_for_every_package_type() -> None:
    file = file_of(sweep={"training.architecture": ["lightgbm", "ordinal"], "split.salt": ["a", "b", "c"]})
    assert len(file.variants) == 12
    assert file.variants[0].settings["training"] == {"architecture": "lightgbm"}
    assert file.variants[0].label == "architecture=lightgbm, salt=a"


def test_nothing_of_a_batch_is_approved_unless_the_file_says_so() -> None:
    assert file_of().variants[0].settings["gate"] == {"criteria": []}
    assert "gate" not in file_of(approve=True).variants[0].settings


def test_the_same_file_is_the_same_batch_and_another_content_another() -> None:
    assert file_of(seeds=3).batch_id == file_of(seeds=3).batch_id
    assert file_of(seeds=3).batch_id != file_of(seeds=4).batch_id


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"package_types": ["cartn"]}, "Did you mean 'carton'"),
        ({"sweep": {"training": {"seed": 1}}}, "sweep.training must be a list"),
        ({"sweep": {"training.seed": []}}, "not empty"),
        ({"seeds": 99999}, "1 to 10000"),
        ({"sweep": {"training.seed": [1, 1]}}, "same run twice"),
        ({"name": "No Good"}, "not a usable name"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_its_key(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        file_of(**raw)


def test_the_same_file_twice_queues_nothing_twice(batches: Batches, ledger: Ledger) -> None:
    first = submit(batches, file_of(seeds=3, package_types=["carton"]))
    submit(batches, file_of(seeds=3, package_types=["carton"]))
    assert len(ledger.of_batch(first.run_id)) == 3


def test_a_batch_that_was_submitted_in_part_stays_open_until_the_rest_has_come(
    batches: Batches, ledger: Ledger
) -> None:
    file = file_of(seeds=3, package_types=["carton"])
    batch = batches.open(file)
    ledger.claim(replace(batches.member(batch, file.variants[0], run_of(0)), state=RunState.COMPLETED, queue=""))
    assert batches.close() == []


def test_a_cancelled_batch_starts_nothing_more_and_is_told_once(
    batches: Batches, reconciler: Reconciler, ledger: Ledger, sagemaker: FakeSageMaker, sns: FakeSns
) -> None:
    batch = submit(batches, file_of(seeds=8, package_types=["carton"]))
    reconciler.dispatcher.fill()
    _, flying = batches.cancel(batch.run_id, who="me")
    assert len(flying) == sagemaker.starts == 3  # four slots, one of them reserved
    for run in flying:
        sagemaker.executions[run.execution_arn]["PipelineExecutionStatus"] = "Stopped"
    for _ in range(3):
        reconciler.reconcile()
    assert {run.state for run in ledger.of_batch(batch.run_id)} == {RunState.STOPPED}
    assert sagemaker.starts == 3
    assert [subject for subject, _ in sns.messages] == ["rightpack: Batch sweep has ended"]


def test_many_runs_with_transient_failures_all_end_and_none_is_launched_twice(
    batches: Batches, reconciler: Reconciler, ledger: Ledger, sagemaker: FakeSageMaker, sns: FakeSns, clock: FakeClock
) -> None:
    batch = submit(batches, file_of(seeds=MANY, package_types=["carton"]))
    busy = replace(reconciler, dispatcher=replace(reconciler.dispatcher, policy=EAGER))
    sagemaker.quota = 20
    failures = 0
    for tick in range(100):
        busy.reconcile()
        assert len(sagemaker.running()) <= 16  # four slots are reserved
        for arn in sagemaker.running():
            failed = hashlib.sha256(f"{arn}{tick}".encode()).digest()[0] < 77  # three of ten
            failures += failed
            status = {"PipelineExecutionStatus": "Failed" if failed else "Succeeded", "LastModifiedTime": clock()}
            sagemaker.executions[arn] |= {**status, "FailureReason": "InternalServerError: again" if failed else ""}
        clock.forward(seconds=30)
        if not ledger.get(batch.run_id).open:
            break
    runs = ledger.of_batch(batch.run_id)
    assert Counter(run.state for run in runs) == {RunState.COMPLETED: MANY}
    assert sagemaker.starts == MANY == len(sagemaker.executions)
    assert sum(run.retries for run in runs) == len(sagemaker.retries) == failures
    assert failures > MANY // 5
    assert [subject for subject, _ in sns.messages] == ["rightpack: Batch sweep has ended"]
    found = trends(runs)
    assert found["causes"] == [{"cause": "platform", "tried_again": failures, "failures": 0}]
    assert json.loads(json.dumps(found))["pipelines"][0]["completed"] == MANY
