from __future__ import annotations

from dataclasses import replace

from rightpack.ledger import RunState
from rightpack.trends import seconds_of, trends, waited
from tests.unit.rightpack.test_reconcile import run_of

RUN = replace(
    run_of(0),
    state=RunState.COMPLETED,
    launched_at="2026-11-20T12:01:00.000+00:00",
    ended_at="2026-11-20T12:11:00.000+00:00",
    instance_seconds=500.0,
)
FAILED = replace(RUN, run_id="b", state=RunState.FAILED, cause="data", created_at="2026-11-09T12:00:00.000+00:00")


def test_durations_waits_failure_rates_and_cost_come_from_the_records() -> None:
    found = trends([RUN, FAILED, replace(RUN, run_id="c", troubles="platform,capacity,platform")])
    [training] = found["pipelines"]
    assert (training["runs"], training["failed"], training["failure_rate"]) == (3, 1, 0.3333)
    assert training["seconds"] == {"median": 600.0, "p90": 600.0}
    assert training["waited"]["median"] == 60.0
    assert [(week["week"], week["instance_seconds"]) for week in found["weeks"]] == [
        ("2026-W46", 500.0),
        ("2026-W47", 1000.0),
    ]
    assert found["causes"] == [
        {"cause": "capacity", "tried_again": 1, "failures": 0},
        {"cause": "data", "tried_again": 0, "failures": 1},
        {"cause": "platform", "tried_again": 2, "failures": 0},
    ]


def test_a_run_that_never_started_has_no_duration_and_no_wait() -> None:
    assert seconds_of(run_of(0)) is None
    assert waited(run_of(0)) is None
    assert trends([]) == {"pipelines": [], "weeks": [], "causes": []}
