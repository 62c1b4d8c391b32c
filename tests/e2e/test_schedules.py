"""The schedules of the deployed templates on a clock that is moved: drops, triggers, runs, and ages that ring.

The templates of storage, warehouse and platform are the committed ones, and what policies deny is denied. The three
pipelines take their own parameters and have nothing to do, so that a run takes no time.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra import lambda_package
from local_cloud.cloud import LocalCloud
from local_cloud.iam.authority import Mode
from pipelines.render import DEFINITIONS
from rightpack.cli import control, facts, upload, weeks
from rightpack.cli.embedded import CREDENTIALS, TEMPLATES
from rightpack.cli.stage import Stage
from rightpack.layout import TRIGGER_NAME, PipelineKind, Stack, drop_prefix, stack_name
from rightpack.ledger import Run, RunState
from tests.e2e.waiting import looked_for

PRODUCTS = 60
UNLOADS = ("training-weekly", "inference-daily", "inference-monthly", "topics-monthly")
DONE = {"Type": "Equals", "LeftValue": "done", "RightValue": "done"}
IDLE = {"Name": "Idle", "Type": "Condition", "Arguments": {"Conditions": [DONE], "IfSteps": [], "ElseSteps": []}}


@dataclass
class Month:
    """What came of five weeks: when schedules fired, the runs, what rang when, and what people got to read."""

    start: dt.datetime
    targets: tuple[str, ...]
    fired: list[tuple[str, dt.datetime]] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    ringing: dict[str, set[str]] = field(default_factory=dict)
    mail: list[str] = field(default_factory=list)
    denials: list[Any] = field(default_factory=list)

    def when(self, schedule: str) -> list[dt.datetime]:
        return [moment for name, moment in self.fired if name == f"rightpack-dev-unload-{schedule}"]

    def runs_of(self, pipeline: str, mode: str) -> list[Run]:
        return [run for run in self.runs if (run.pipeline, run.mode) == (pipeline, mode)]


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    root = tmp_path_factory.mktemp("month")
    package = root / "lambdas.zip"
    lambda_package.build(package)
    with LocalCloud(root / "cloud", iam=Mode.ENFORCE) as cloud, pytest.MonkeyPatch.context() as patch:
        for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": cloud.url}.items():
            patch.setenv(name, value)
        for stack in (Stack.STORAGE, Stack.WAREHOUSE, Stack.PLATFORM):
            cloud.deploy(TEMPLATES / f"{stack_name('dev', stack)}.template.json", assets={"lambdas.zip": package})
        stage = Stage.connect("dev")
        _publish_idle_pipelines(stage)
        _fill_shop(stage, root)
        played = _play(stage)
        played.mail = [path.read_text() for path in sorted(cloud.mail.glob("*.txt"))]
        played.denials = cloud.iam_report()["denials"]
        yield played


def _publish_idle_pipelines(stage: Stage) -> None:
    for kind in PipelineKind:
        definition = json.loads((DEFINITIONS / f"{kind.value}.json").read_text())
        stage.client("sagemaker").create_pipeline(
            PipelineName=stage.layout.pipeline(kind),
            PipelineDefinition=json.dumps({**definition, "Steps": [IDLE]}),
            RoleArn=f"arn:aws:iam::{stage.layout.account}:role/{stage.layout.named('pipeline')}",
        )


def _fill_shop(stage: Stage, root: Path) -> None:
    upload.migrate(stage)
    shop = weeks.catalogue(stage.settings, seed=7, products=PRODUCTS)
    weeks.load_week(stage, weeks.write_week(shop, 0, root / "week", stage.settings))


def _play(stage: Stage) -> Month:
    """A monthly and a daily drop on the first, a weekly one on Monday, then silence; topics never get their turn."""
    first = _first_of_a_month()
    month = Month(first, stage.settings.targets)
    _only(stage)
    _move(month, first - dt.timedelta(hours=12))
    _look(stage, month, "before")
    _only(stage, "inference-daily", "inference-monthly")
    _move(month, first + dt.timedelta(hours=7))
    _await(stage, month, 2)
    _only(stage, "training-weekly")
    _move(month, first + dt.timedelta(days=7))
    _await(stage, month, 2 + len(month.targets))
    _only(stage)
    _move(month, first + dt.timedelta(days=17))
    _look(stage, month, "a missed week")
    _move(month, first + dt.timedelta(days=35))
    _look(stage, month, "a missed month")
    return month


def _first_of_a_month() -> dt.datetime:
    """The next one that is more than a day away."""
    day = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0) + dt.timedelta(days=2)
    while day.day != 1:
        day += dt.timedelta(days=1)
    return day


def _only(stage: Stage, *names: str) -> None:
    """Switch off all schedules but these; `_look` calls the reconciler, which comes every five minutes otherwise."""
    events = stage.client("events")
    for name in ("reconcile", *(f"unload-{name}" for name in UNLOADS)):
        switch = events.enable_rule if name.removeprefix("unload-") in names else events.disable_rule
        switch(Name=stage.layout.named(name))


def _move(month: Month, to: dt.datetime) -> None:
    now = dt.datetime.fromisoformat(control.ask("_local/clock")["now"])
    found = control.ask(f"_local/clock/advance/{(to - now).total_seconds():.0f}")
    month.fired += [(item["schedule"], dt.datetime.fromisoformat(item["time"])) for item in found["fired"]]


def _look(stage: Stage, month: Month, name: str) -> None:
    answer = stage.client("lambda").invoke(FunctionName=stage.layout.function("reconcile"), Payload=b"{}")
    assert "FunctionError" not in answer, answer["Payload"].read()
    month.ringing[name] = {alarm["name"].removeprefix("rightpack-dev-") for alarm in facts.alarms(stage)}


def _await(stage: Stage, month: Month, count: int) -> None:
    def ended() -> bool:
        month.runs = [run for kind in PipelineKind for run in stage.ledger.recent(kind.value)]
        return len([run for run in month.runs if not run.open]) == count

    looked_for(ended)


def test_weekly_daily_and_monthly_schedules_fire_at_their_hours(month: Month) -> None:
    [weekly] = month.when("training-weekly")
    first = [(name, moment - month.start) for name, moment in month.fired if name.endswith(("daily", "monthly"))]

    assert f"{weekly:%a %H:%M}" == "Mon 03:00"
    assert first == [
        ("rightpack-dev-unload-inference-daily", dt.timedelta(hours=5)),
        ("rightpack-dev-unload-inference-monthly", dt.timedelta(hours=6)),
    ]


@pytest.mark.parametrize(
    ("pipeline", "mode"), [("training", "weekly"), ("inference", "daily"), ("inference", "monthly")]
)
def test_each_of_them_has_its_rows_dropped_its_trigger_written_and_its_runs_made(
    month: Month, pipeline: str, mode: str
) -> None:
    [fired] = month.when(f"{pipeline}-{mode}")
    runs = month.runs_of(pipeline, mode)
    folder = drop_prefix(PipelineKind(pipeline), fired.date().isoformat(), "")

    assert sorted(run.package_type for run in runs) == (sorted(month.targets) if mode == "weekly" else [""])
    for run in runs:
        assert run.state is RunState.COMPLETED, run.reason
        assert run.business_date == fired.date().isoformat()
        assert f"/{folder.rstrip('/')}/" in run.trigger_uri
        assert run.trigger_uri.endswith(f"/{TRIGGER_NAME}")


def test_nothing_rings_in_a_stage_that_is_new(month: Month) -> None:
    assert {name for name in month.ringing["before"] if name.startswith("stale-")} == set()


def test_a_missed_week_raises_the_alarm_of_age_and_people_can_read_of_it(month: Month) -> None:
    assert "stale-training-weekly" in month.ringing["a missed week"]
    [mail, *_] = [text for text in month.mail if 'ALARM: "rightpack-dev-stale-training-weekly"' in text]
    assert "No weekly training run has succeeded for 192 hours" in mail


def test_a_schedule_that_never_ran_at_all_rings_when_its_period_has_passed(month: Month) -> None:
    assert month.runs_of("topics", "monthly") == []
    assert "stale-topics-monthly" not in month.ringing["a missed week"]
    assert "stale-topics-monthly" in month.ringing["a missed month"]


def test_none_of_it_lacked_a_permission(month: Month) -> None:
    assert month.denials == []
