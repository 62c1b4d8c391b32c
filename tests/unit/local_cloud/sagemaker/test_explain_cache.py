"""Why a step hit or missed, told from the service's own answers; and the documented cache keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name

from local_cloud.sagemaker.caching import StepCache
from rightpack.cache_reasons import Difference, Explanation, Verdict, differences, explain_cache, seconds_of
from rightpack.cli.explain_cache import facts, sentence
from rightpack.errors import SettingsError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, Client, definition, processing, source, step

CACHED = {"CacheConfig": {"Enabled": True, "ExpireAfter": "PT1H"}}


class Boto:
    """The service behind the method names of boto3."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._actions = {xform_name(name): name for name in client.service.operations()}

    def __getattr__(self, method: str) -> Any:
        return lambda **request: self._client(self._actions[method], **self._wire(request))

    def get_paginator(self, method: str) -> Any:
        return _Pages(getattr(self, method))

    @staticmethod
    def _wire(request: dict[str, Any]) -> dict[str, Any]:
        return {key: value.timestamp() if hasattr(value, "timestamp") else value for key, value in request.items()}


class _Pages:
    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def paginate(self, **request: Any) -> Any:
        token: dict[str, str] = {}
        while True:
            page = self._call(**request, **token)
            yield page
            if "NextToken" not in page:
                return
            token = {"NextToken": page["NextToken"]}


@pytest.fixture
def clock() -> list[float]:
    return [1_000_000.0]


@pytest.fixture
def client(build: Callable[..., Client], clock: list[float]) -> Client:
    def now() -> float:
        clock[0] += 0.001  # no two moments are the same
        return clock[0]

    return build(now=now)


def work(word: str = "a", code: str = "pass", **members: Any) -> dict[str, Any]:
    return step("Work", processing(code, word), **{**CACHED, **members})


@pytest.fixture
def ran(client: Client) -> Callable[..., str]:
    made: list[str] = []

    def start(*steps: dict[str, Any]) -> str:
        if made:
            client("UpdatePipeline", PipelineName="toy", PipelineDefinition=definition(list(steps)))
        else:
            client.create(list(steps))
        arn = client.start()
        client.finish(arn)
        made.append(arn)
        return arn

    return start


def explained(client: Client, arn: str, name: str = "Work") -> Explanation:
    return explain_cache(Boto(client), arn, name)


class TestVerdicts:
    def test_a_hit_names_the_execution_it_took(self, client: Client, ran: Callable[..., str]) -> None:
        first, second = ran(work()), ran(work())

        found = explained(client, second)

        assert (found.verdict, found.other) == (Verdict.HIT, first)
        assert sentence(found) == f"Work hit: it took the result of {first}."

    def test_the_first_run_has_nothing_to_hit(self, client: Client, ran: Callable[..., str]) -> None:
        assert explained(client, ran(work())).verdict is Verdict.FIRST

    def test_a_step_without_caching_says_so(self, client: Client, ran: Callable[..., str]) -> None:
        assert explained(client, ran(work(CacheConfig={"Enabled": False}))).verdict is Verdict.OFF

    def test_a_change_is_named_with_both_values(self, client: Client, ran: Callable[..., str]) -> None:
        first, second = ran(work("a")), ran(work("b"))

        found = explained(client, second)

        assert (found.verdict, found.other) == (Verdict.CHANGED, first)
        assert found.differences == (Difference("AppSpecification.ContainerArguments[0]", "a", "b"),)
        assert facts(found)["differences"] == [
            {"path": "AppSpecification.ContainerArguments[0]", "before": "a", "now": "b"}
        ]

    def test_it_is_compared_with_the_nearest_run_that_was_no_hit_itself(
        self, client: Client, ran: Callable[..., str]
    ) -> None:
        ran(work("a"))
        nearest = ran(work("b"))
        ran(work("a"))

        found = explained(client, ran(work("c")))

        assert found.other == nearest
        assert found.differences[0].before == "b"

    def test_an_old_success_has_expired(self, client: Client, ran: Callable[..., str], clock: list[float]) -> None:
        first = ran(work())
        clock[0] += 3601

        found = explained(client, ran(work()))

        assert (found.verdict, found.other, found.expire_after) == (Verdict.EXPIRED, first, "PT1H")
        assert "counts for PT1H only" in sentence(found)

    def test_an_earlier_failure_is_named_rather_than_an_older_change(
        self, client: Client, ran: Callable[..., str]
    ) -> None:
        ran(work("a"))
        failed = ran(work(code="sys.exit(1)"))

        found = explained(client, ran(work(code="sys.exit(1)")))

        assert (found.verdict, found.other) == (Verdict.FAILED, failed)

    def test_a_step_taken_over_was_not_looked_up(self, client: Client, ran: Callable[..., str]) -> None:
        first = ran(work(), step("End", processing("pass"), DependsOn=["Work"]))
        config = {"SourcePipelineExecutionArn": first, "SelectedSteps": [{"StepName": "End"}]}
        answer = client("StartPipelineExecution", PipelineName="toy", SelectiveExecutionConfig=config)
        client.finish(answer["PipelineExecutionArn"])

        found = explained(client, answer["PipelineExecutionArn"])

        assert (found.verdict, found.other) == (Verdict.REUSED, first)

    def test_a_step_of_a_branch_can_be_asked_for(self, client: Client, ran: Callable[..., str]) -> None:
        condition = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
        arguments = {"Conditions": [condition], "IfSteps": [work()], "ElseSteps": [step("Other", processing("pass"))]}
        arn = ran(step("If", arguments, "Condition"))

        assert explained(client, arn).verdict is Verdict.FIRST
        with pytest.raises(SettingsError, match=r"Step Other of .* has not begun"):
            explained(client, arn, "Other")
        with pytest.raises(SettingsError, match="has no step Wrok; its steps are If, Work, Other"):
            explained(client, arn, "Wrok")


class TestDifferences:
    def test_only_documented_keys_count_and_list_items_go_by_name(self) -> None:
        old = processing("pass", "x", ProcessingInputs=[source("data", f"s3://{BUCKET}/a")])
        new = processing("pass", "x", ProcessingInputs=[source("data", f"s3://{BUCKET}/b")], RoleArn="other")

        assert differences("Processing", old, new) == [
            Difference("ProcessingInputs['data'].S3Input.S3Uri", f"s3://{BUCKET}/a", f"s3://{BUCKET}/b")
        ]

    def test_what_was_added_or_removed_has_no_other_value(self) -> None:
        found = differences("Training", {"HyperParameters": {"a": "1"}}, {"HyperParameters": {"b": "2"}})

        assert found == [Difference("HyperParameters.b", None, "2"), Difference("HyperParameters.a", "1", None)]

    def test_absent_and_empty_are_the_same(self) -> None:
        assert differences("Training", {"HyperParameters": {}}, {"Environment": None}) == []

    @pytest.mark.parametrize(
        ("text", "seconds"), [("PT1H", 3600), ("P30D", 2_592_000), ("P1DT1M", 86_460), ("pt5s", 5)]
    )
    def test_durations_are_read(self, text: str, seconds: int) -> None:
        assert seconds_of(text) == seconds

    @pytest.mark.parametrize("text", ["30d", "P", "", "PT"])
    def test_anything_else_is_no_duration(self, text: str) -> None:
        with pytest.raises(ValueError, match=re.escape(repr(text))):
            seconds_of(text)


class TestKeys:
    def key(self, kind: str, request: dict[str, Any]) -> str | None:
        return StepCache.key("arn", {"Name": "S", "Type": kind, **CACHED}, request)

    def test_of_a_tuning_only_what_makes_a_trial_counts(self) -> None:
        trial = {"StaticHyperParameters": {"a": "1"}, "ResourceConfig": {"InstanceCount": 1}}
        request = {"HyperParameterTuningJobConfig": {"Strategy": "Random"}, "TrainingJobDefinition": trial}
        bigger = {**request, "TrainingJobDefinition": {**trial, "ResourceConfig": {"InstanceCount": 2}}}
        other = {**request, "TrainingJobDefinition": {**trial, "StaticHyperParameters": {"a": "2"}}}

        assert self.key("Tuning", request) == self.key("Tuning", bigger) != self.key("Tuning", other)
        assert differences("Tuning", request, bigger) == []

    @pytest.mark.parametrize("kind", ["Callback", "Lambda", "Model", "RegisterModel", "Condition"])
    def test_steps_of_other_types_are_never_cached(self, kind: str) -> None:
        assert self.key(kind, {}) is None
