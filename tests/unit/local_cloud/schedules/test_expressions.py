from __future__ import annotations

import datetime as dt

import pytest

from local_cloud.schedules.expressions import next_time
from local_cloud.wire import AwsError

FRIDAY = "2026-11-20T12:30:00"


def epoch(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()


def following(expression: str, after: str = FRIDAY, zone: str = "UTC") -> str:
    found = next_time(expression, epoch(after), anchor=epoch("2026-11-20T00:00:00"), zone=zone)
    return "" if found is None else dt.datetime.fromtimestamp(found, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("cron(0 3 ? * MON *)", "2026-11-23T03:00:00"),
        ("cron(0 3 ? * 2 *)", "2026-11-23T03:00:00"),
        ("cron(0 5 * * ? *)", "2026-11-21T05:00:00"),
        ("cron(0 6 1 * ? *)", "2026-12-01T06:00:00"),
        ("cron(31 12 * * ? *)", "2026-11-20T12:31:00"),
        ("cron(30 12 * * ? *)", "2026-11-21T12:30:00"),
        ("cron(0/15 * * * ? *)", "2026-11-20T12:45:00"),
        ("cron(0 8-10 ? * MON-FRI *)", "2026-11-23T08:00:00"),
        ("cron(0 18 ? * SAT,SUN *)", "2026-11-21T18:00:00"),
        ("cron(0 0 L * ? *)", "2026-11-30T00:00:00"),
        ("cron(0 0 LW * ? *)", "2026-11-30T00:00:00"),
        ("cron(0 0 15W 8 ? *)", "2027-08-16T00:00:00"),
        ("cron(0 0 ? * 2#1 *)", "2026-12-07T00:00:00"),
        ("cron(0 0 ? * FRIL *)", "2026-11-27T00:00:00"),
        ("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00"),
        ("cron(0 0 1 JAN ? 2030)", "2030-01-01T00:00:00"),
        ("cron(0 0 1 JAN ? 2020)", ""),
        ("rate(5 minutes)", "2026-11-20T12:35:00"),
        ("rate(1 day)", "2026-11-21T00:00:00"),
        ("at(2026-11-21T01:02:03)", "2026-11-21T01:02:03"),
        ("at(2026-11-19T01:02:03)", ""),
    ],
)
def test_schedules_are_due_when_aws_says_so(expression: str, expected: str) -> None:
    assert following(expression) == expected


def test_a_time_zone_moves_with_summer_time() -> None:
    daily = "cron(0 3 * * ? *)"

    assert following(daily, "2026-07-01T00:00:00", "Europe/Berlin") == "2026-07-01T01:00:00"
    assert following(daily, "2026-12-01T00:00:00", "Europe/Berlin") == "2026-12-01T02:00:00"


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 3 * * MON *)",
        "cron(0 3 ? * ? *)",
        "cron(60 3 * * ? *)",
        "cron(0 3 * *)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(0 days)",
        "every day",
        "at(tomorrow)",
    ],
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(AwsError, match="not valid"):
        following(expression)


def test_an_unknown_time_zone_is_refused() -> None:
    with pytest.raises(AwsError, match="Mars/Olympus"):
        following("cron(0 3 * * ? *)", zone="Mars/Olympus")
