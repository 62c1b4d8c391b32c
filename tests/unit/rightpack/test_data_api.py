from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from rightpack.data_api import DataApi, StatementError, Target
from rightpack.errors import ConflictError, PlatformError


@dataclass
class FakeRedshift:
    answers: list[dict[str, str]]
    requests: list[dict[str, Any]] = field(default_factory=list)
    pages: list[dict[str, Any]] = field(default_factory=list)

    def execute_statement(self, **request: Any) -> dict[str, str]:
        self.requests.append(request)
        return {"Id": "s1"}

    batch_execute_statement = execute_statement

    def describe_statement(self, *, Id: str) -> dict[str, str]:
        return self.answers.pop(0)

    def get_paginator(self, _name: str) -> FakeRedshift:
        return self

    def paginate(self, *, Id: str) -> Iterator[dict[str, Any]]:
        yield from self.pages


def api(client: FakeRedshift, slept: list[float] | None = None) -> DataApi:
    return DataApi(client, Target("w", "d"), sleep=(slept if slept is not None else []).append)


def test_several_statements_go_as_one_batch_and_one_as_itself() -> None:
    client = FakeRedshift([{"Status": "FINISHED"}] * 2)
    api(client).run(["a", "b"], token="t")
    api(client).run(["a"], token="t")
    assert client.requests[0]["Sqls"] == ["a", "b"]
    assert client.requests[1]["Sql"] == "a"


def test_waiting_polls_ever_more_slowly_until_the_end() -> None:
    client, slept = FakeRedshift([{"Status": "STARTED"}] * 30 + [{"Status": "FINISHED"}]), list[float]()
    api(client, slept).wait("s1")
    assert slept == sorted(slept)
    assert max(slept) <= 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"Status": "FAILED", "Error": "ERROR:1023 Serializable isolation violation"}, ConflictError),
        ({"Status": "FAILED", "Error": "relation x does not exist"}, StatementError),
        ({"Status": "ABORTED"}, PlatformError),
    ],
)
def test_an_end_that_is_not_finished_says_what_kind_it_is(answer: dict[str, str], error: type[Exception]) -> None:
    with pytest.raises(error, match="s1"):
        api(FakeRedshift([answer])).wait("s1")


def test_rows_come_from_all_pages_with_nulls_as_none() -> None:
    columns = [{"name": "a"}, {"name": "b"}]
    page_1 = {"ColumnMetadata": columns, "Records": [[{"longValue": 1}, {"isNull": True}]]}
    page_2 = {"ColumnMetadata": columns, "Records": [[{"longValue": 2}, {"stringValue": "x"}]]}
    client = FakeRedshift([{"Status": "FINISHED"}], pages=[page_1, page_2])
    assert api(client).rows("q") == [{"a": 1, "b": None}, {"a": 2, "b": "x"}]


def test_more_statements_than_a_batch_holds_are_refused() -> None:
    with pytest.raises(ValueError, match="41 statements"):
        api(FakeRedshift([])).start(["x"] * 41, token="t")


def test_an_answer_that_does_not_come_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: Any, **__: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://redshift-data")

    client = FakeRedshift([])
    monkeypatch.setattr(client, "describe_statement", lost)
    with pytest.raises(PlatformError, match="s1: no answer"):
        api(client).run(["a"], token="t")
    monkeypatch.setattr(client, "execute_statement", lost)
    with pytest.raises(PlatformError, match="t: no answer"):
        api(client).run(["a"], token="t")


@pytest.mark.parametrize("reason", ["FATAL: terminating connection due to administrator command", "cluster restarting"])
def test_a_failure_that_says_nothing_about_the_statement_is_no_refusal(reason: str) -> None:
    with pytest.raises(PlatformError, match="ended as FAILED"):
        api(FakeRedshift([{"Status": "FAILED", "Error": reason}])).wait("s1")
