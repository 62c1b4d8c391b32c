"""`rightpack submit`, `batch` and `fill` as a person types them, on fakes of what they call."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from rightpack.cli.main import typer_app
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.ledger import Ledger, Run, RunState, stamp
from rightpack.settings import Settings
from rightpack.trigger import TriggerObject
from tests.unit.rightpack.conftest import LAYOUT, START, FakeS3, FakeSageMaker, client_error
from tests.unit.rightpack.test_launch import KEY, SOURCE, TRIGGER

BATCH = 'package_types = ["carton"]\nseeds = 3\n'


@dataclass
class Bucket(FakeS3):
    """Objects that can be looked for."""

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, str]:
        if (Bucket, Key) not in self.objects:
            raise client_error("404")
        return {"VersionId": "v1"}


@dataclass
class Functions:
    """The unload function makes a drop whose run ends as `days` says, and none where it says nothing."""

    s3: Bucket
    ledger: Ledger
    days: dict[str, RunState] = field(default_factory=dict)
    called: list[tuple[str, str]] = field(default_factory=list)  # function, business date

    def invoke(self, *, FunctionName: str, Payload: bytes, **_how: str) -> dict[str, Any]:
        asked = json.loads(Payload)
        day = asked.get("business_date", "")
        self.called.append((FunctionName.removeprefix("rightpack-dev-"), day))
        if not day:
            return {}
        prefix = f"drops/inference/{day}/d/"
        if day in self.days:
            self.s3.put_object(Bucket=LAYOUT.data_bucket, Key=f"{prefix}_TRIGGER.json", Body=b"{}")
            run_id = TriggerObject(LAYOUT.data_bucket, f"{prefix}_TRIGGER.json", "v1").run_id
            moment = stamp(START)
            self.ledger.claim(Run(run_id, "inference", self.days[day], moment, moment, mode="daily", business_date=day))
        else:
            manifest = json.dumps({"entries": [], "meta": {"record_count": 0}}).encode()
            self.s3.put_object(Bucket=LAYOUT.data_bucket, Key=f"{prefix}data/part_manifest", Body=manifest)
        return {"Payload": io.BytesIO(json.dumps({"drops": [{"prefix": prefix, "statement": "s"}]}).encode())}

    @staticmethod
    def describe_statement(*, Id: str) -> dict[str, str]:
        return {"Id": Id, "Status": "FINISHED"}

    @staticmethod
    def get_caller_identity() -> dict[str, str]:
        return {"Arn": "arn:aws:iam::1:user/ada"}


@pytest.fixture
def functions(ledger: Ledger, sagemaker: FakeSageMaker, monkeypatch: pytest.MonkeyPatch) -> Functions:
    """A stage whose services are fakes; a training drop of cartons has run in it."""
    made = Functions(Bucket(), ledger)
    clients = {"s3": made.s3, "sagemaker": sagemaker, **dict.fromkeys(("lambda", "redshift-data", "sts"), made)}
    clients["dynamodb"] = boto3.client("dynamodb", region_name="us-east-1")
    stage = Stage(LAYOUT, Settings.load("dev"), boto3.Session(region_name="us-east-1"), _clients=clients)
    monkeypatch.setattr(Stage, "connect", lambda *_: stage)
    made.s3.put_object(Bucket=LAYOUT.data_bucket, Key=KEY, Body=json.dumps(TRIGGER).encode())
    return made


@pytest.fixture
def dropped(functions: Functions, ledger: Ledger) -> Run:
    """The run of that drop."""
    moment, uri = stamp(START), f"s3://{LAYOUT.data_bucket}/{KEY}"
    run = Run(SOURCE.run_id, "training", RunState.COMPLETED, moment, moment, uri, "v1")
    return ledger.claim(replace(run, package_type="carton", business_date="2026-11-20", parameters="{}"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sweep.toml"
    path.write_text(BATCH)
    return path


def typed(*words: object) -> Result:
    return CliRunner().invoke(typer_app, [str(word) for word in words])


def told(*words: object) -> Any:
    return json.loads(typed(*words, "--json", "-").stdout)


def submitted(file: Path, ledger: Ledger) -> tuple[str, list[Run]]:
    """The batch that the file is queued as, and its runs."""
    batch = told("submit", file)["batch"]
    return batch, ledger.of_batch(batch)


def test_submit_queues_every_run_once_and_asks_for_the_first_start(
    dropped: Run, functions: Functions, file: Path, ledger: Ledger
) -> None:
    batch, runs = submitted(file, ledger)
    assert {run.variant for run in runs} == {"seed=1", "seed=2", "seed=3"}
    assert {(run.state, run.queue) for run in runs} == {(RunState.NEW, f"new/{batch}")}
    assert functions.called == [("reconcile", "")]
    again = typed("submit", file)
    assert f"rightpackbatchshow{batch}" in "".join(again.stdout.split())  # lines are as long as the terminal is wide
    assert ledger.of_batch(batch) == runs


def test_a_batch_without_a_drop_to_train_on_says_how_to_make_one(
    functions: Functions, file: Path, ledger: Ledger
) -> None:
    refusal = typed("submit", file).exception
    assert isinstance(refusal, SettingsError)
    assert "rightpack drop training --package-type carton" in str(refusal)
    assert (ledger.recent("training"), functions.called) == ([], [])


def test_of_a_batch_with_one_impossible_run_nothing_is_queued(dropped: Run, file: Path, ledger: Ledger) -> None:
    file.write_text('package_types = ["carton"]\n[sweep]\n"training.seed" = [1, 2, "three"]\n')
    assert isinstance(typed("submit", file).exception, SettingsError)
    assert ledger.recent("training") == [dropped]


def test_batch_show_has_the_best_run_first(dropped: Run, functions: Functions, file: Path, ledger: Ledger) -> None:
    batch, runs = submitted(file, ledger)
    for run, auc in zip(runs, (0.7, 0.9), strict=False):
        evaluation = json.dumps({"decision": {"status": "Rejected"}, "metrics": {"roc_auc": auc}}).encode()
        functions.s3.put_object(Bucket="b", Key=f"{run.run_id}/evaluation.json", Body=evaluation)
        ledger.launched(run.run_id, f"arn:{run.run_id}", now=START)
        ledger.finish(run.run_id, RunState.COMPLETED, now=START, report=f"s3://b/{run.run_id}/report.html")
    found = told("batch", "show", batch)
    assert [row["roc_auc"] for row in found["runs"]] == [0.9, 0.7, None]
    assert (found["expected"], found["states"]) == (3, {"Completed": 2, "New": 1})
    assert "3of3runs:2Completed,1New" in "".join(typed("batch", "show", batch).stdout.split())


def test_batch_cancel_stops_what_waits_and_batch_list_tells_it(dropped: Run, file: Path, ledger: Ledger) -> None:
    batch, _ = submitted(file, ledger)
    typed("batch", "cancel", batch)
    assert {run.state for run in ledger.of_batch(batch)} == {RunState.STOPPED}
    assert [(row["batch"], row["state"]) for row in told("batch", "list")] == [(batch, "Stopped")]
    assert "ada" in ledger.get(batch).reason


def test_a_batch_that_is_not_there_is_refused_by_name(functions: Functions) -> None:
    assert "'batch-x'" in str(typed("batch", "show", "batch-x").exception)


def filled(first: str, last: str) -> tuple[int, list[tuple[str, str]]]:
    """Exit code, and what became of which day."""
    done = typed("fill", "--from", first, "--to", last, "--mode", "daily", "--json", "-")
    return done.exit_code, [(row["date"], row["status"]) for row in json.loads(done.stdout)]


def test_fill_drops_missing_days_in_order_and_leaves_the_others_alone(functions: Functions) -> None:
    functions.days = dict.fromkeys(("2026-11-17", "2026-11-19"), RunState.COMPLETED)
    days = [("2026-11-17", "Completed"), ("2026-11-18", "nothing to do"), ("2026-11-19", "Completed")]
    assert filled("2026-11-17", "2026-11-19") == (0, days)
    assert functions.called == [("unload", day) for day, _ in days]
    assert filled("2026-11-17", "2026-11-17") == (0, [("2026-11-17", "done before")])


def test_fill_ends_at_the_first_day_that_fails(functions: Functions) -> None:
    functions.days = {"2026-11-17": RunState.COMPLETED, "2026-11-18": RunState.FAILED, "2026-11-19": RunState.COMPLETED}
    assert filled("2026-11-17", "2026-11-19") == (1, [("2026-11-17", "Completed"), ("2026-11-18", "Failed")])
    assert ("unload", "2026-11-19") not in functions.called


def test_fill_refuses_days_that_go_backwards(functions: Functions) -> None:
    refusal = typed("fill", "--from", "2026-11-19", "--to", "2026-11-17").exception
    assert "--to 2026-11-17 is before --from 2026-11-19" in str(refusal)
    assert functions.called == []
