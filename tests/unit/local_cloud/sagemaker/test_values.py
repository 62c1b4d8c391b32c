"""Parameters, variables, conditions, durations, retries and the order of steps: the pure parts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.sagemaker.caching import StepCache, duration
from local_cloud.sagemaker.conditions import holds
from local_cloud.sagemaker.definitions import parse
from local_cloud.sagemaker.errors import StepFailedError
from local_cloud.sagemaker.graph import Progress, never, ready
from local_cloud.sagemaker.names import job_name, last_part
from local_cloud.sagemaker.parameters import bind, check_declared
from local_cloud.sagemaker.references import Scope, walk
from local_cloud.sagemaker.retries import Retrying, kind_of_call, kind_of_job
from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import definition, processing, step


class TestParameters:
    def test_texts_become_values_of_the_declared_type(self) -> None:
        declared = [{"Name": kind, "Type": kind} for kind in ("String", "Integer", "Float", "Boolean")]
        given = {"String": "1", "Integer": "2", "Float": "0.5", "Boolean": "True"}

        bound = bind(declared, [{"Name": name, "Value": value} for name, value in given.items()])

        assert bound == {"String": "1", "Integer": 2, "Float": 0.5, "Boolean": True}

    def test_defaults_fill_in(self) -> None:
        assert bind([{"Name": "A", "Type": "Integer", "DefaultValue": 3}], []) == {"A": 3}

    @pytest.mark.parametrize(
        ("parameter", "value", "what"),
        [
            ({"Type": "Integer"}, "1.5", "is not of type Integer"),
            ({"Type": "Boolean"}, "yes", "is not of type Boolean"),
            ({"Type": "String", "EnumValues": ["a", "b"]}, "c", r"'c' of parameter \[A\] is not one of: a, b"),
            ({"Type": "String"}, None, r"\[A\] has no default value and none was given"),
        ],
    )
    def test_a_wrong_value_is_refused_by_the_name(
        self, parameter: dict[str, Any], value: str | None, what: str
    ) -> None:
        given = [] if value is None else [{"Name": "A", "Value": value}]

        with pytest.raises(AwsError, match=what):
            bind([{"Name": "A", **parameter}], given)

    @pytest.mark.parametrize(
        ("declared", "what"),
        [
            ([{"Name": "A", "Type": "Date"}], "unknown type 'Date'"),
            ([{"Name": "A", "Type": "String"}] * 2, "must be unique: A"),
            ([{"Name": "A", "Type": "Integer", "DefaultValue": "1"}], "is not of type Integer"),
            ([{"Name": "A", "Type": "Integer", "DefaultValue": True}], "is not of type Integer"),
            ([{"Name": "A", "Type": "String", "DefaultValue": "c", "EnumValues": ["a"]}], "is not one of: a"),
        ],
    )
    def test_a_wrong_declaration_is_refused(self, declared: list[dict[str, Any]], what: str) -> None:
        with pytest.raises(AwsError, match=what):
            check_declared(declared)


OUTPUTS = [{"OutputName": "a.b", "S3Output": {"S3Uri": "s3://b/x/"}}, {"OutputName": "c"}]
RESULTS: dict[str, Any] = {
    "Split": {"ProcessingOutputConfig": {"Outputs": OUTPUTS}},
    "Train": {"FinalMetricDataList": [{"MetricName": "val:auc", "Value": 0.9}]},
    "Call": {"OutputParameters": {"rows": 3}},
    "Decide": {"Outcome": False},
}


class TestReferences:
    def scope(self, objects: dict[str, Any] | None = None) -> Scope:
        files = [{"PropertyFileName": "Report", "OutputName": "a.b", "FilePath": "r.json"}]
        parsed = parse(definition([step("Split", processing("pass"), PropertyFiles=files)]))
        stored = {uri: json.dumps(body).encode() for uri, body in (objects or {}).items()}

        def read(uri: str) -> bytes:
            if uri not in stored:
                raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
            return stored[uri]

        variables = {"PipelineExecutionId": "abc"}
        return Scope(parsed, {"N": 5, "Yes": True}, lambda: variables, RESULTS, read)

    @pytest.mark.parametrize(
        ("reference", "value"),
        [
            ("Parameters.N", 5),
            ("Execution.PipelineExecutionId", "abc"),
            ("Steps.Split.ProcessingOutputConfig.Outputs['a.b'].S3Output.S3Uri", "s3://b/x/"),
            ("Steps.Split.ProcessingOutputConfig.Outputs[1].OutputName", "c"),
            ("Steps.Train.FinalMetricDataList['val:auc'].Value", 0.9),
            ("Steps.Call.OutputParameters['rows']", 3),
            ("Steps.Decide.Outcome", False),
        ],
    )
    def test_a_get_finds_its_value_and_keeps_its_type(self, reference: str, value: Any) -> None:
        assert self.scope().value({"Get": reference}) == value

    def test_variables_are_replaced_wherever_they_are(self) -> None:
        item = {"a": [{"Get": "Parameters.N"}, {"b": {"Get": "Parameters.Yes"}}], "c": 1}

        assert self.scope().value(item) == {"a": [5, {"b": True}], "c": 1}

    def test_a_join_writes_booleans_in_lower_case(self) -> None:
        values = ["n", {"Get": "Parameters.N"}, {"Get": "Parameters.Yes"}, {"Get": "Steps.Decide.Outcome"}]

        assert self.scope().value({"Std:Join": {"On": "-", "Values": values}}) == "n-5-true-false"

    def test_a_property_file_is_read_below_its_output(self) -> None:
        file = {"PropertyFile": {"Get": "Steps.Split.PropertyFiles.Report"}, "Path": "metrics['roc.auc'][1].value"}
        body = {"metrics": {"roc.auc": [1, {"value": 0.8}]}}

        assert self.scope({"s3://b/x/r.json": body}).value({"Std:JsonGet": file}) == 0.8

    def test_a_json_file_can_be_named_by_uri(self) -> None:
        get = {"S3Uri": {"Std:Join": {"On": "/", "Values": ["s3:/", "b", "o.json"]}}, "Path": "Output[1]"}

        assert self.scope({"s3://b/o.json": {"Output": [1, 2]}}).value({"Std:JsonGet": get}) == 2

    def test_a_file_that_is_not_there_is_said_by_its_uri(self) -> None:
        file = {"PropertyFile": {"Get": "Steps.Split.PropertyFiles.Report"}, "Path": "a"}

        with pytest.raises(StepFailedError, match=r"Std:JsonGet cannot read s3://b/x/r.json: The specified key"):
            self.scope().value({"Std:JsonGet": file})

    @pytest.mark.parametrize("path", ["b", "a.b.c", "a[0]", "l[5]", "l['x']"])
    def test_a_path_that_leads_nowhere_says_where(self, path: str) -> None:
        with pytest.raises(StepFailedError, match="my path has no value: nothing is called"):
            walk({"a": {"b": 1}, "l": [1]}, path, "my path")


class TestConditions:
    @pytest.mark.parametrize(
        ("kind", "left", "right", "outcome"),
        [
            ("Equals", "a", "a", True),
            ("Equals", True, True, True),
            ("Equals", 1, 1.0, True),
            ("GreaterThan", 2, 1.5, True),
            ("GreaterThanOrEqualTo", 2, 2, True),
            ("LessThan", 2, 2, False),
            ("LessThanOrEqualTo", "a", "b", True),
        ],
    )
    def test_values_are_compared(self, kind: str, left: Any, right: Any, outcome: bool) -> None:
        assert holds({"Type": kind, "LeftValue": left, "RightValue": right}) is outcome

    def test_in_not_and_or_are_built_from_others(self) -> None:
        inside = {"Type": "In", "QueryValue": "a", "Values": ["a", "b"]}

        assert holds(inside)
        assert not holds({"Type": "Not", "Condition": inside})
        assert holds({"Type": "Or", "Conditions": [{"Type": "Not", "Condition": inside}, inside]})
        assert not holds({"Type": "In", "QueryValue": 1, "Values": [True, "1"]})

    @pytest.mark.parametrize(("left", "right"), [("1", 1), (True, 1), ("true", True)])
    def test_values_of_different_types_fail_the_step(self, left: Any, right: Any) -> None:
        with pytest.raises(StepFailedError, match="Cannot compare"):
            holds({"Type": "Equals", "LeftValue": left, "RightValue": right})


class TestCacheKeys:
    @pytest.mark.parametrize(
        ("text", "seconds"), [("P30D", 30 * 86_400), ("PT1H", 3_600), ("P1W", 604_800), ("P1DT12H30M5S", 131_405)]
    )
    def test_durations_are_iso_8601(self, text: str, seconds: int) -> None:
        assert duration(text) == seconds

    @pytest.mark.parametrize("text", ["", "P", "PT", "30d", "P1H", "1 day"])
    def test_anything_else_is_no_duration(self, text: str) -> None:
        with pytest.raises(AwsError, match="is not an ISO 8601 duration"):
            duration(text)

    def test_outputs_instances_and_roles_are_not_in_the_key(self) -> None:
        cached = {"Name": "A", "Type": "Processing", "CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
        request = processing("pass")
        elsewhere = {
            **request,
            "RoleArn": "other",
            "ProcessingResources": {},
            "ProcessingOutputConfig": {"Outputs": []},
        }

        assert StepCache.key("p", cached, request) == StepCache.key("p", cached, elsewhere)
        assert StepCache.key("p", cached, request) != StepCache.key("p", cached, {**request, "Environment": {"A": "b"}})
        assert StepCache.key("p", cached, request) != StepCache.key("q", cached, request)

    @pytest.mark.parametrize("change", [{"Type": "Model"}, {"CacheConfig": {"Enabled": False}}])
    def test_some_steps_are_not_cached(self, change: dict[str, Any]) -> None:
        cached = {"Name": "A", "Type": "Processing", "CacheConfig": {"Enabled": True}, **change}

        assert StepCache.key("p", cached, {}) is None


class TestRetrying:
    def test_throttling_is_retried_without_a_policy(self) -> None:
        retrying = Retrying([])

        assert [retrying.delay("Step.THROTTLING") for _ in range(6)] == [1, 2, 4, 8, 16, None]
        assert retrying.delay("") is None

    def test_a_policy_may_expire_instead_of_counting(self) -> None:
        policy = {
            "ExceptionType": ["SageMaker.RESOURCE_LIMIT"],
            "IntervalSeconds": 20,
            "BackoffRate": 2.0,
            "ExpireAfterMin": 1,
        }
        retrying = Retrying([policy])

        assert [retrying.delay("SageMaker.RESOURCE_LIMIT") for _ in range(3)] == [20, 40, None]

    @pytest.mark.parametrize(
        ("problem", "kind"),
        [
            (AwsError("ThrottlingException", "Rate exceeded"), "Step.THROTTLING"),
            (AwsError("InternalFailure", "", 500), "Step.SERVICE_FAULT"),
            (AwsError("ResourceLimitExceeded", ""), "SageMaker.RESOURCE_LIMIT"),
            (AwsError("ValidationException", ""), ""),
            (NotSimulatedError("anything"), ""),
        ],
    )
    def test_refused_calls_are_told_apart(self, problem: AwsError, kind: str) -> None:
        assert kind_of_call(problem) == kind

    def test_failed_jobs_are_told_apart_by_the_start_of_their_reason(self) -> None:
        assert kind_of_job("CapacityError: Unable to provision") == "SageMaker.CAPACITY_ERROR"
        assert kind_of_job("InternalServerError: We encountered") == "SageMaker.JOB_INTERNAL_ERROR"
        assert kind_of_job("AlgorithmError: InternalServerError") == ""


class TestGraph:
    def parsed(self) -> Any:
        then = step("Then", processing("pass"))
        other = step("Else", processing("pass"))
        condition = {"Conditions": [], "IfSteps": [then], "ElseSteps": [other]}
        return parse(
            definition(
                [
                    step("A", processing("pass")),
                    step("B", processing("pass"), DependsOn=["A"]),
                    step("If", condition, "Condition", DependsOn=["A"]),
                    step("After", processing("pass"), DependsOn=["Else"]),
                ]
            )
        )

    def test_steps_wait_for_what_they_need(self) -> None:
        assert ready(self.parsed(), Progress({}, {})) == ["A"]
        assert ready(self.parsed(), Progress({"A": "Executing"}, {})) == []
        assert ready(self.parsed(), Progress({"A": "Succeeded"}, {"A": {}})) == ["B", "If"]

    def test_the_other_branch_and_what_follows_it_never_run(self) -> None:
        done = {"A": {}, "B": {}, "If": {"Outcome": True}}
        progress = Progress(dict.fromkeys(done, "Succeeded"), done)

        assert ready(self.parsed(), progress) == ["Then"]
        assert never(self.parsed(), progress) == {"Else", "After"}


class TestNames:
    def test_job_names_fit_what_the_service_takes(self) -> None:
        name = job_name("abcdefghijkl", "A_very_long_step_name-" * 3)

        assert len(name) <= 63
        assert name.startswith("pipelines-abcdefghijkl-A-very-long-step-name-A-very-")
        assert job_name("abc", "Step") != job_name("abc", "Step")

    def test_an_arn_is_reduced_to_its_name(self) -> None:
        assert last_part("arn:aws:sagemaker:us-east-1:123456789012:pipeline/toy") == last_part("toy") == "toy"
