"""Executions that fail, stop, are retried, started twice or too often."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import (
    BUCKET,
    Client,
    FakeHost,
    definition,
    eventually,
    output,
    outputs,
    processing,
    step,
)

OK = "pass"
MESSAGE = "open(r+'/output/message','w').write('why');sys.exit(75)"
LIMIT = {"ExceptionType": ["SageMaker.CAPACITY_ERROR"], "IntervalSeconds": 10, "BackoffRate": 3.0, "MaxAttempts": 2}


def after(*names: str) -> dict[str, Any]:
    return {"DependsOn": list(names)}


def until_exists(path: Path) -> dict[str, Any]:
    """A job that ends well once a file exists."""
    code = "while not os.path.exists(sys.argv[1]): time.sleep(0.01)"
    return processing(code, str(path))


def meet(mine: Path, other: Path) -> dict[str, Any]:
    """A job that ends well only while another one runs beside it."""
    code = "open(sys.argv[1],'w')\nwhile not os.path.exists(sys.argv[2]): time.sleep(0.01)"
    return processing(code, str(mine), str(other))


def events_of(host: FakeHost, key: str) -> list[str]:
    return host.statuses("SageMaker Model Building Pipeline Execution Status Change", key)


class TestFailure:
    def test_a_failed_job_fails_its_step_and_the_execution_in_the_words_of_the_service(self, client: Client) -> None:
        client.create([step("Bad", processing(MESSAGE)), step("Later", processing(OK), **after("Bad"))])

        arn = client.start()

        assert client.finish(arn) == "Failed"
        described = client("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert described["FailureReason"] == "Step failure: One or multiple steps failed."
        steps = client.steps(arn)
        assert list(steps) == ["Bad"]
        assert steps["Bad"]["FailureReason"] == "ClientError: AlgorithmError: , exit code: 75"
        job = steps["Bad"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
        assert client("DescribeProcessingJob", ProcessingJobName=job)["ExitMessage"] == "why"

    def test_steps_that_run_beside_a_failure_finish_and_nothing_new_starts(
        self, client: Client, host: FakeHost, tmp_path: Path
    ) -> None:
        go = tmp_path / "go"
        client.create(
            [
                step("Bad", processing("raise SystemExit(1)")),
                step("Beside", until_exists(go)),
                step("Next", processing(OK), **after("Beside")),
            ]
        )

        arn = client.start()
        eventually(lambda: client.steps(arn).get("Bad", {}).get("StepStatus") == "Failed")
        go.touch()

        assert client.finish(arn) == "Failed"
        assert {name: item["StepStatus"] for name, item in client.steps(arn).items()} == {
            "Bad": "Failed",
            "Beside": "Succeeded",
        }

    def test_a_request_the_service_refuses_fails_the_step_with_the_details(self, client: Client) -> None:
        client.create([step("Bad", processing(OK, "x" * 300))])

        _, steps = client.run()

        reason = steps["Bad"]["FailureReason"]
        assert reason.startswith("ClientError: Failed to invoke sagemaker:CreateProcessingJob. Error Details: ")
        assert "Member must have length less than or equal to 256" in reason

    @pytest.mark.parametrize(("message", "reason"), [("too small", "too small"), ("", None)])
    def test_a_fail_step_gives_its_message_as_the_reason(
        self, client: Client, message: str, reason: str | None
    ) -> None:
        client.create([step("Bad", {"ErrorMessage": message} if message else {}, "Fail")])

        status, steps = client.run()

        assert status == "Failed"
        assert steps["Bad"].get("FailureReason") == reason
        assert steps["Bad"]["Metadata"]["Fail"]["ErrorMessage"] == message

    def test_a_missing_value_fails_the_step_that_wants_it(self, client: Client, host: FakeHost) -> None:
        report = {"PropertyFile": {"Get": "Steps.Make.PropertyFiles.Report"}, "Path": "a.b"}
        code = "open(r+'/processing/output/out/r.json','w').write('{\"a\":{}}')"
        made = processing(code, ProcessingOutputConfig=outputs(output("out", f"s3://{BUCKET}/out")))
        files = [{"PropertyFileName": "Report", "OutputName": "out", "FilePath": "r.json"}]
        client.create(
            [step("Make", made, PropertyFiles=files), step("Use", {"ErrorMessage": {"Std:JsonGet": report}}, "Fail")]
        )

        _, steps = client.run()

        assert (
            steps["Use"]["FailureReason"]
            == f"a.b of s3://{BUCKET}/out/r.json has no value: nothing is called 'b' there."
        )


class TestRetryPolicies:
    def test_a_capacity_error_is_tried_again_after_growing_pauses(self, build: Callable[..., Client]) -> None:
        pauses: list[float] = []
        client = build(pause=lambda stop, seconds: pauses.append(seconds))
        client.create([step("Busy", processing(OK), RetryPolicies=[LIMIT])])
        for _ in range(2):
            client.service.fail_next_job("Busy", "CapacityError: Unable to provision requested ML compute capacity.")

        status, steps = client.run()

        assert status == "Succeeded"
        assert pauses == [10, 30]
        assert steps["Busy"]["AttemptCount"] == 3

    def test_the_policy_gives_up_after_its_attempts(self, build: Callable[..., Client]) -> None:
        client = build(pause=lambda stop, seconds: None)
        client.create([step("Busy", processing(OK), RetryPolicies=[LIMIT])])
        for _ in range(3):
            client.service.fail_next_job("Busy", "CapacityError: none left")

        status, steps = client.run()

        assert status == "Failed"
        assert steps["Busy"]["FailureReason"] == "ClientError: CapacityError: none left"

    def test_without_a_policy_the_service_says_so(self, client: Client) -> None:
        client.create([step("Busy", processing(OK))])
        client.service.fail_next_job("Busy", "InternalServerError: We encountered an internal error.")

        _, steps = client.run()

        assert (
            "No retry policy configured for the exception type SAGEMAKER_JOB_INTERNAL_ERROR."
            in (steps["Busy"]["FailureReason"])
        )

    def test_a_stop_ends_the_pause_before_a_retry(self, build: Callable[..., Client]) -> None:
        paused = threading.Event()

        def pause(stop: threading.Event, seconds: float) -> None:
            paused.set()
            assert stop.wait(20)

        client = build(pause=pause)
        client.create([step("Busy", processing(OK), RetryPolicies=[LIMIT])])
        client.service.fail_next_job("Busy", "CapacityError: none left")
        arn = client.start()
        assert paused.wait(20)

        client("StopPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Stopped"
        assert client.steps(arn)["Busy"]["StepStatus"] == "Stopped"


class TestRetryOfAnExecution:
    def test_the_same_execution_goes_on_from_the_failed_step(
        self, client: Client, host: FakeHost, tmp_path: Path
    ) -> None:
        ready = tmp_path / "ready"
        good = processing(OK)
        flaky = processing("sys.exit(not os.path.exists(sys.argv[1]))", str(ready))
        client.create([step("Good", good), step("Flaky", flaky, **after("Good")), step("End", good, **after("Flaky"))])
        arn = client.start()
        assert client.finish(arn) == "Failed"
        before = client.steps(arn)["Good"]
        ready.touch()

        answer = client("RetryPipelineExecution", PipelineExecutionArn=arn)

        assert answer["PipelineExecutionArn"] == arn
        assert client.finish(arn) == "Succeeded"
        after_retry = client.steps(arn)
        assert after_retry["Good"] == before
        assert after_retry["Flaky"]["AttemptCount"] == 2
        assert after_retry["End"]["StepStatus"] == "Succeeded"
        assert "FailureReason" not in client("DescribePipelineExecution", PipelineExecutionArn=arn)
        assert events_of(host, "currentPipelineExecutionStatus") == ["Executing", "Failed", "Executing", "Succeeded"]

    def test_the_same_token_retries_once(self, client: Client) -> None:
        client.create([step("Bad", processing("raise SystemExit(1)"))])
        arn = client.start()
        client.finish(arn)

        for _ in range(2):
            client("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken="r" * 32)
            client.finish(arn)

        assert client.steps(arn)["Bad"]["AttemptCount"] == 2

    def test_what_succeeded_cannot_be_retried(self, client: Client) -> None:
        client.create([step("Good", processing(OK))])
        arn = client.start()
        client.finish(arn)

        with pytest.raises(AwsError, match="only a Failed or Stopped one can be retried") as refused:
            client("RetryPipelineExecution", PipelineExecutionArn=arn)
        assert refused.value.code == "ConflictException"


class TestStop:
    def test_a_stop_ends_the_job_and_starts_nothing_new(self, client: Client, host: FakeHost) -> None:
        hang = processing("sys.stdout.write('up');sys.stdout.flush()\ntime.sleep(60)")
        client.create([step("Hang", hang), step("Next", processing(OK), **after("Hang"))])
        arn = client.start()
        eventually(lambda: client.steps(arn).get("Hang", {}).get("Metadata"))

        client("StopPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Stopped"
        steps = client.steps(arn)
        assert {name: item["StepStatus"] for name, item in steps.items()} == {"Hang": "Stopped"}
        job = steps["Hang"]["Metadata"]["ProcessingJob"]["Arn"].rsplit("/", 1)[-1]
        assert client("DescribeProcessingJob", ProcessingJobName=job)["ProcessingJobStatus"] == "Stopped"
        assert events_of(host, "currentPipelineExecutionStatus") == ["Executing", "Stopping", "Stopped"]

    def test_what_has_ended_cannot_be_stopped(self, client: Client) -> None:
        client.create([step("Good", processing(OK))])
        arn = client.start()
        client.finish(arn)

        with pytest.raises(AwsError, match="only an Executing one can be stopped"):
            client("StopPipelineExecution", PipelineExecutionArn=arn)

    def test_a_stopped_execution_can_go_on(self, client: Client, tmp_path: Path) -> None:
        go = tmp_path / "go"
        client.create([step("Wait", until_exists(go))])
        arn = client.start()
        eventually(lambda: client.steps(arn).get("Wait", {}).get("Metadata"))
        client("StopPipelineExecution", PipelineExecutionArn=arn)
        assert client.finish(arn) == "Stopped"
        go.touch()

        client("RetryPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Succeeded"

    def test_a_job_stopped_by_somebody_else_fails_its_step(self, client: Client) -> None:
        client.create([step("Hang", processing("time.sleep(60)"))])
        arn = client.start()
        metadata = eventually(lambda: client.steps(arn).get("Hang", {}).get("Metadata"))

        client("StopProcessingJob", ProcessingJobName=metadata["ProcessingJob"]["Arn"].rsplit("/", 1)[-1])

        assert client.finish(arn) == "Failed"
        assert client.steps(arn)["Hang"]["FailureReason"].endswith("is Stopped.")


class TestParallelism:
    def test_independent_steps_run_side_by_side(self, client: Client, tmp_path: Path) -> None:
        one, two = tmp_path / "one", tmp_path / "two"
        client.create([step("One", meet(one, two)), step("Two", meet(two, one))])

        status, _ = client.run()

        assert status == "Succeeded"

    def test_no_more_steps_run_than_the_start_allows(self, client: Client) -> None:
        client.create([step(name, processing(OK)) for name in ("A", "B", "C")])
        limit = {"MaxParallelExecutionSteps": 1}

        arn = client("StartPipelineExecution", PipelineName="toy", ParallelismConfiguration=limit)[
            "PipelineExecutionArn"
        ]

        assert client.finish(arn) == "Succeeded"
        steps = client.steps(arn)
        assert steps["A"]["EndTime"] <= steps["B"]["StartTime"]
        assert steps["B"]["EndTime"] <= steps["C"]["StartTime"]

    def test_a_job_waits_for_a_free_worker(self, build: Callable[..., Client], tmp_path: Path) -> None:
        client = build(max_parallel_jobs=1)
        go = tmp_path / "go"
        client("CreateProcessingJob", ProcessingJobName="first", **until_exists(go))
        client("CreateProcessingJob", ProcessingJobName="second", **processing(OK))
        started = lambda name: client("DescribeProcessingJob", ProcessingJobName=name).get("ProcessingStartTime")  # noqa: E731
        eventually(lambda: started("first"))

        assert started("second") is None
        go.touch()

        assert (
            client.job("Processing", "first")["ProcessingEndTime"]
            <= (client.job("Processing", "second")["ProcessingStartTime"])
        )

    def test_beyond_the_quota_of_executions_a_start_is_refused(
        self, build: Callable[..., Client], tmp_path: Path
    ) -> None:
        client = build(max_executions=1)
        go = tmp_path / "go"
        client.create([step("Wait", until_exists(go))])
        arn = client.start()

        with pytest.raises(AwsError, match="is 1, with current utilization of 1 and a request delta of 1") as refused:
            client.start()
        assert refused.value.code == "ResourceLimitExceeded"
        go.touch()
        client.finish(arn)

        assert client.finish(client.start()) == "Succeeded"


class TestStart:
    def test_one_token_starts_one_execution(self, client: Client) -> None:
        client.create([step("Good", processing(OK))], Parameters=[{"Name": "A", "Type": "String"}])

        arns = {client.start(token="t" * 64, A="1") for _ in range(5)}

        assert len(arns) == 1
        client.finish(arns.pop())
        listed = client("ListPipelineExecutions", PipelineName="toy")["PipelineExecutionSummaries"]
        assert len(listed) == 1

    def test_threads_with_one_token_start_one_execution(self, client: Client) -> None:
        client.create([step("Good", processing(OK))])
        arns: list[str] = []
        threads = [threading.Thread(target=lambda: arns.append(client.start(token="t" * 64))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(arns) == 8
        assert len(set(arns)) == 1
        client.finish(arns[0])

    def test_one_token_with_other_arguments_is_a_conflict(self, client: Client) -> None:
        client.create([step("Good", processing(OK))], Parameters=[{"Name": "A", "Type": "String"}])
        client.finish(client.start(token="t" * 64, A="1"))

        with pytest.raises(AwsError, match="with other arguments") as refused:
            client.start(token="t" * 64, A="2")
        assert refused.value.code == "ConflictException"

    def test_an_unknown_parameter_is_refused(self, client: Client) -> None:
        client.create([step("Good", processing(OK))])

        with pytest.raises(AwsError, match=r"Parameters \[Wrong\] are not defined"):
            client.start(Wrong="1")

    def test_a_running_execution_keeps_its_definition(self, client: Client, tmp_path: Path) -> None:
        go = tmp_path / "go"
        client.create([step("Wait", until_exists(go)), step("Old", processing(OK), **after("Wait"))])
        arn = client.start()
        changed = definition([step("New", processing(OK))])

        assert client("UpdatePipeline", PipelineName="toy", PipelineDefinition=changed)["PipelineVersionId"] == 2
        go.touch()

        assert client.finish(arn) == "Succeeded"
        assert set(client.steps(arn)) == {"Wait", "Old"}
        kept = client("DescribePipelineDefinitionForExecution", PipelineExecutionArn=arn)["PipelineDefinition"]
        assert [item["Name"] for item in json.loads(kept)["Steps"]] == ["Wait", "Old"]
        assert client("DescribePipeline", PipelineName="toy")["PipelineDefinition"] == changed

    def test_bound_parameters_and_the_pipeline_arn_can_be_used(self, client: Client) -> None:
        declared = [{"Name": "A", "Type": "Integer", "DefaultValue": 1}, {"Name": "B", "Type": "Boolean"}]
        pipeline = client.create([step("Good", processing(OK))], Parameters=declared)

        arn = client.start(pipeline, B="True")

        listed = client("ListPipelineParametersForExecution", PipelineExecutionArn=arn)["PipelineParameters"]
        assert {item["Name"]: item["Value"] for item in listed} == {"A": "1", "B": "true"}
        client.finish(arn)


class TestCaching:
    def cached(self, word: str, where: Any) -> dict[str, Any]:
        arguments = processing(OK, word, ProcessingOutputConfig=outputs(output("out", where)))
        return step("Cached", arguments, CacheConfig={"Enabled": True, "ExpireAfter": "PT1H"})

    def test_the_same_arguments_hit_and_answer_the_old_output(self, build: Callable[..., Client]) -> None:
        now = [1000.0]
        client = build(now=lambda: now[0])
        folder = {"Std:Join": {"On": "/", "Values": [f"s3://{BUCKET}", {"Get": "Execution.PipelineExecutionId"}]}}
        where = {"Get": "Steps.Cached.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri"}
        client.create([self.cached("a", folder), step("Say", {"ErrorMessage": where}, "Fail")])
        first = client.start()
        client.finish(first)
        now[0] += 3600

        _, steps = client.run()

        assert steps["Cached"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
        assert steps["Cached"]["StepStatus"] == "Succeeded"
        assert steps["Cached"]["Metadata"] == client.steps(first)["Cached"]["Metadata"]
        assert steps["Say"]["FailureReason"] == f"s3://{BUCKET}/{first.rsplit('/', 1)[-1]}"

        now[0] += 1
        _, steps = client.run()
        assert "CacheHitResult" not in steps["Cached"], "the success is older than ExpireAfter"

    def test_other_arguments_miss(self, client: Client) -> None:
        client.create([self.cached("a", f"s3://{BUCKET}/out")])
        client.run()
        changed = definition([self.cached("b", f"s3://{BUCKET}/out")])
        client("UpdatePipeline", PipelineName="toy", PipelineDefinition=changed)

        _, steps = client.run()

        assert "CacheHitResult" not in steps["Cached"]

    def test_a_failure_is_never_remembered(self, client: Client) -> None:
        arguments = processing("raise SystemExit(1)")
        client.create([step("Bad", arguments, CacheConfig={"Enabled": True, "ExpireAfter": "P1D"})])
        client.run()

        status, steps = client.run()

        assert status == "Failed"
        assert "CacheHitResult" not in steps["Bad"]


class TestLambdaSteps:
    ARN = "arn:aws:lambda:us-east-1:123456789012:function:toy"

    def function(self, *names: str) -> dict[str, Any]:
        declared = [{"OutputName": name, "OutputType": "Integer"} for name in names]
        return step(
            "Call",
            {"n": 3, "who": {"Get": "Execution.PipelineName"}},
            "Lambda",
            FunctionArn=self.ARN,
            OutputParameters=declared,
        )

    def test_outputs_of_a_function_reach_later_steps(self, client: Client, host: FakeHost) -> None:
        host.functions[self.ARN] = lambda event: {"rows": event["n"] * 2, "other": event["who"]}
        value = {"Get": "Steps.Call.OutputParameters['rows']"}
        client.create([self.function("rows"), step("Say", {"ErrorMessage": value}, "Fail")])

        _, steps = client.run()

        assert steps["Say"]["FailureReason"] == "6"
        assert steps["Call"]["Metadata"]["Lambda"] == {
            "Arn": self.ARN,
            "OutputParameters": [{"Name": "rows", "Value": "6"}],
        }

    def test_an_error_of_the_function_fails_the_step(self, client: Client, host: FakeHost) -> None:
        host.functions[self.ARN] = lambda event: int("not a number")
        client.create([self.function()])

        _, steps = client.run()

        assert "Received error from Lambda function" in steps["Call"]["FailureReason"]
        assert "not a number" in steps["Call"]["FailureReason"]

    def test_an_output_the_function_did_not_return_fails_the_step(self, client: Client, host: FakeHost) -> None:
        host.functions[self.ARN] = lambda event: {"rows": 1}
        client.create([self.function("rows", "bytes")])

        _, steps = client.run()

        assert steps["Call"]["FailureReason"].endswith("did not return the outputs bytes.")

    def test_a_function_that_is_not_there_fails_the_step(self, client: Client) -> None:
        client.create([self.function()])

        _, steps = client.run()

        assert steps["Call"]["FailureReason"].startswith("ClientError: Failed to invoke lambda:Invoke.")
