"""Pipelines: created, versioned, described, listed, deleted; and what a definition must be."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_cloud.sagemaker.definitions import parse
from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, ROLE, Client, FakeHost, definition, processing, step

GOOD = step("Good", processing("pass"))
FAIL = step("End", {"ErrorMessage": "over"}, "Fail")


class TestApi:
    def test_a_pipeline_is_found_by_name_and_by_arn(self, client: Client) -> None:
        arn = client.create([GOOD], name="Toy-Pipeline", Metadata={"a": 1})

        described = client("DescribePipeline", PipelineName="Toy-Pipeline")

        assert arn == "arn:aws:sagemaker:us-east-1:123456789012:pipeline/toy-pipeline"
        assert described == client("DescribePipeline", PipelineName=arn)
        assert json.loads(described["PipelineDefinition"])["Metadata"] == {"a": 1}
        assert described["PipelineStatus"] == "Active"

    def test_a_definition_may_lie_in_s3(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "definition.json", definition([GOOD]).encode())
        location = {"Bucket": BUCKET, "ObjectKey": "definition.json"}

        client("CreatePipeline", PipelineName="toy", RoleArn=ROLE, PipelineDefinitionS3Location=location)

        assert client("DescribePipeline", PipelineName="toy")["PipelineDefinition"] == definition([GOOD])

    def test_a_name_is_used_once_but_a_repeated_call_is_the_same_pipeline(self, client: Client) -> None:
        request = {"PipelineName": "toy", "PipelineDefinition": definition([GOOD]), "RoleArn": ROLE}
        first = client("CreatePipeline", ClientRequestToken="t" * 32, **request)

        assert client("CreatePipeline", ClientRequestToken="t" * 32, **request)["PipelineArn"] == first["PipelineArn"]
        with pytest.raises(AwsError, match="Pipeline names must be unique within an AWS account and region"):
            client("CreatePipeline", **request)

    def test_only_a_changed_definition_makes_a_version(self, client: Client) -> None:
        client.create([GOOD])

        unchanged = client("UpdatePipeline", PipelineName="toy", PipelineDefinition=definition([GOOD]))
        changed = client("UpdatePipeline", PipelineName="toy", PipelineDefinition=definition([FAIL]))

        assert (unchanged["PipelineVersionId"], changed["PipelineVersionId"]) == (1, 2)
        old = client("DescribePipeline", PipelineName="toy", PipelineVersionId=1)
        assert old["PipelineDefinition"] == definition([GOOD])
        listed = client("ListPipelineVersions", PipelineName="toy")["PipelineVersionSummaries"]
        assert [item["PipelineVersionId"] for item in listed] == [2, 1]
        with pytest.raises(AwsError, match="has no version 3"):
            client("DescribePipeline", PipelineName="toy", PipelineVersionId=3)

    def test_an_old_version_can_be_started(self, client: Client) -> None:
        client.create([FAIL])
        client("UpdatePipeline", PipelineName="toy", PipelineDefinition=definition([GOOD]))

        arn = client("StartPipelineExecution", PipelineName="toy", PipelineVersionId=1)["PipelineExecutionArn"]

        assert client.finish(arn) == "Failed"
        assert client("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineVersionId"] == 1

    def test_a_deleted_pipeline_is_gone_and_its_executions_are_not(self, client: Client) -> None:
        client.create([FAIL])
        arn = client.start()
        client.finish(arn)

        client("DeletePipeline", PipelineName="toy")

        with pytest.raises(AwsError) as refused:
            client("DescribePipeline", PipelineName="toy")
        assert refused.value.code == "ResourceNotFound"
        assert client("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"] == "Failed"

    def test_pipelines_are_listed(self, client: Client) -> None:
        for name in ("toy-a", "toy-b", "other"):
            client.create([GOOD], name=name)

        listed = client("ListPipelines", PipelineNamePrefix="toy", SortBy="Name", SortOrder="Ascending")

        assert [item["PipelineName"] for item in listed["PipelineSummaries"]] == ["toy-a", "toy-b"]

    def test_executions_are_listed_newest_first(self, client: Client) -> None:
        client.create([FAIL])
        arns = [client.start() for _ in range(2)]
        for arn in arns:
            client.finish(arn)

        listed = client("ListPipelineExecutions", PipelineName="toy")["PipelineExecutionSummaries"]

        assert [item["PipelineExecutionArn"] for item in listed] == arns[::-1]
        assert listed[0]["PipelineExecutionFailureReason"] == "Step failure: One or multiple steps failed."

    def test_an_execution_can_be_renamed(self, client: Client) -> None:
        client.create([FAIL])
        arn = client.start()

        client("UpdatePipelineExecution", PipelineExecutionArn=arn, PipelineExecutionDisplayName="by-hand")

        described = client("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert described["PipelineExecutionDisplayName"] == "by-hand"
        client.finish(arn)

    def test_tags_are_kept_until_they_are_removed(self, client: Client) -> None:
        arn = client.create([GOOD])
        client("AddTags", ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        client("DeleteTags", ResourceArn=arn, TagKeys=["a"])

        assert client("ListTags", ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}]

    @pytest.mark.parametrize("action", ["DescribePipelineExecution", "StopPipelineExecution", "RetryPipelineExecution"])
    def test_an_unknown_execution_is_not_found(self, client: Client, action: str) -> None:
        with pytest.raises(AwsError) as refused:
            client(action, PipelineExecutionArn="arn:aws:sagemaker:us-east-1:123456789012:pipeline/x/execution/y")
        assert refused.value.code == "ResourceNotFound"

    @pytest.mark.parametrize(
        "member",
        [{"MlflowExperimentName": "a"}, {"PipelineVersionAlias": "live"}],
    )
    def test_starts_nobody_runs_here_are_refused(self, client: Client, member: dict[str, Any]) -> None:
        client.create([GOOD])

        with pytest.raises(NotSimulatedError, match=next(iter(member))):
            client("StartPipelineExecution", PipelineName="toy", **member)

    def test_waiting_too_short_says_so(self, client: Client) -> None:
        client.create([step("Hang", processing("time.sleep(60)"))])
        arn = client.start()

        with pytest.raises(TimeoutError, match="is still Executing after 0 seconds"):
            client.service.wait(arn, timeout=0)


def branching(*inner: dict[str, Any], name: str = "If") -> dict[str, Any]:
    return step(name, {"Conditions": [], "IfSteps": list(inner), "ElseSteps": []}, "Condition")


class TestDefinitions:
    def test_needs_are_named_referred_to_and_around(self) -> None:
        uses = {"ErrorMessage": {"Std:Join": {"On": "", "Values": [{"Get": "Steps.Good.ProcessingJobName"}]}}}
        steps = [GOOD, step("Other", processing("pass")), branching(step("In", uses, "Fail", DependsOn=["Other"]))]

        parsed = parse(definition(steps))

        assert parsed.steps["In"].needs == {"Good", "Other", "If"}
        assert parsed.steps["If"].needs == frozenset()

    @pytest.mark.parametrize(
        ("steps", "what"),
        [
            ([], "has no Steps"),
            ([GOOD, GOOD], "Step names must be unique: Good"),
            ([step("No good", processing("pass"))], "'No good' is not a step name"),
            ([step("Good", processing("pass"), DependsOn=["Gone"])], r"depends on the unknown step \[Gone\]"),
            ([FAIL, step("Good", processing("pass"), DependsOn=["End"])], "Good can not depends on End"),
            ([step("Good", processing("pass", {"Get": "Parameters.Gone"}))], r"\[Parameters.Gone\] points to nothing"),
            ([step("Good", processing("pass", {"Get": "Execution.Gone"}))], r"\[Execution.Gone\] points to nothing"),
            ([step("Good", processing("pass", {"Get": "Gone"}))], r"\[Gone\] cannot be read"),
            ([GOOD, step("Say", {"ErrorMessage": {"Get": "Steps.Good.PropertyFiles.R"}}, "Fail")], "no property file"),
            ([branching(branching(name="In"))], "a condition step inside a condition step"),
            ([step("Call", {}, "Lambda")], "needs a FunctionArn"),
            ([step("A", {}, "Fail", RetryPolicies=[{}])], "steps of type Fail take no RetryPolicies"),
            ([step("A", processing("pass"), CacheConfig={"Enabled": True, "ExpireAfter": "30d"})], "ISO 8601"),
        ],
    )
    def test_a_wrong_definition_is_refused_at_once(self, client: Client, steps: list[Any], what: str) -> None:
        with pytest.raises(AwsError, match=what) as refused:
            client.create(steps)
        assert refused.value.code == "ValidationException"

    def test_a_circle_is_refused_by_the_steps_in_it(self) -> None:
        steps = [step(a, processing("pass"), DependsOn=[b]) for a, b in (("A", "B"), ("B", "A"))]

        with pytest.raises(AwsError, match=r"in a circle: A, B\."):
            parse(definition([GOOD, *steps]))

    @pytest.mark.parametrize(
        ("steps", "what"),
        [
            ([step("Run", {}, "EMR")], r"steps of type EMR \(step Run\)"),
            ([step("Each", {}, "ForEach")], r"steps of type ForEach \(step Each\)"),
        ],
    )
    def test_what_nobody_runs_here_is_refused_by_the_name_of_the_step(
        self, client: Client, steps: list[Any], what: str
    ) -> None:
        with pytest.raises(NotSimulatedError, match=what):
            client.create(steps)

    @pytest.mark.parametrize("text", ["no json", "[]", '{"Version": "2019-01-01", "Steps": [1]}'])
    def test_text_that_is_no_definition_is_refused(self, text: str) -> None:
        with pytest.raises(AwsError, match="The pipeline definition"):
            parse(text)

    @pytest.mark.parametrize(
        ("policy", "what"),
        [
            ({"ExceptionType": ["Step.OTHER"], "MaxAttempts": 1}, "unknown exception types"),
            ({"ExceptionType": ["Step.THROTTLING"]}, "exactly one of MaxAttempts and ExpireAfterMin"),
            ({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 1, "ExpireAfterMin": 1}, "exactly one of"),
            ({"ExceptionType": ["Step.THROTTLING"], "MaxAttempts": 21}, "at most 20"),
        ],
    )
    def test_a_wrong_retry_policy_is_refused(self, policy: dict[str, Any], what: str) -> None:
        with pytest.raises(AwsError, match=what):
            parse(definition([step("Good", processing("pass"), RetryPolicies=[policy])]))

    def test_job_retries_do_not_apply_to_models(self) -> None:
        policy = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "MaxAttempts": 1}

        with pytest.raises(AwsError, match="do not apply to steps of type Model"):
            parse(definition([step("Make", {}, "Model", RetryPolicies=[policy])]))
