"""Hyperparameter tuning jobs: the four strategies, their limits, early ends, and the Tuning step of a pipeline."""

from __future__ import annotations

import importlib.util
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local_cloud.sagemaker.job import Job, JobKind
from local_cloud.sagemaker.tuning.plan import read_plan
from local_cloud.sagemaker.tuning.search import Search
from local_cloud.sagemaker.tuning.tuner import Machinery, Tuner
from local_cloud.sagemaker.tuning.tuning import Tuning
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost, eventually, step

METRIC = {"Name": "validation:score", "Regex": r"score=(\S+);"}
NAME = "toy-tuning"
#: Scores are best at x = 3. One line for each epoch, then the model; the farther from it, the longer an epoch takes,
#: so that whatever deserves to be stopped is still there when it is.
TRAIN = """
import json, os, sys, time
from pathlib import Path
root = Path(os.environ.get("RIGHTPACK_ML_ROOT", "/opt/ml"))
given = json.loads((root / "input/config/hyperparameters.json").read_text())
x, epochs = float(given.get("x", 0)), int(given.get("epochs", 1))
if given.get("fail") == "yes":
    sys.exit(3)
for epoch in range(1, epochs + 1):
    time.sleep(float(given.get("pace", 0)) * max(0.2, abs(x - 3)))
    print(f"score={-abs(x - 3) * (1 + 1 / epoch)};", flush=True)
(root / "model/x.txt").write_text(given.get("x", ""))
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment whose `train` is the toy above."""
    commands = tmp_path / "commands"
    commands.mkdir()
    script = commands / "train"
    script.write_text(f"#!{sys.executable} -S\n{TRAIN}")
    script.chmod(0o755)
    return {"PATH": f"{commands}:/usr/bin:/bin"}


Tune = Callable[..., dict[str, Any]]


@pytest.fixture
def tune(client: Client, environment: dict[str, str]) -> Tune:
    """Create a tuning job, wait for its end, and answer its Describe."""

    def run(name: str = NAME, **members: Any) -> dict[str, Any]:
        create(client, environment, name, **members)
        client.service.wait_for_tuning(name, timeout=40)
        return dict(client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name))

    return run


def continuous(name: str, low: str, high: str, **members: Any) -> dict[str, Any]:
    return {"ContinuousParameterRanges": [{"Name": name, "MinValue": low, "MaxValue": high, **members}]}


def categorical(**values: list[str]) -> dict[str, Any]:
    return {"CategoricalParameterRanges": [{"Name": name, "Values": listed} for name, listed in values.items()]}


def request(
    environment: dict[str, str], strategy: str = "Random", *, jobs: int | None = 3, parallel: int = 1, **members: Any
) -> dict[str, Any]:
    limits = {"MaxParallelTrainingJobs": parallel, **({} if jobs is None else {"MaxNumberOfTrainingJobs": jobs})}
    static = members.pop("static", {})
    definition = members.pop("definition", {})
    top = members.pop("top", {})
    config = {
        "Strategy": strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC["Name"]},
        "ResourceLimits": {**limits, **members.pop("limits", {})},
        "ParameterRanges": continuous("x", "0", "10", ScalingType="Linear"),
        **members,
    }
    training = {
        "StaticHyperParameters": static,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "MetricDefinitions": [METRIC],
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 30},
        "Environment": environment,
        **definition,
    }
    return {"HyperParameterTuningJobConfig": config, "TrainingJobDefinition": training, **top}


def create(client: Client, environment: dict[str, str], name: str = NAME, **members: Any) -> None:
    client("CreateHyperParameterTuningJob", HyperParameterTuningJobName=name, **request(environment, **members))


def trials(client: Client, name: str = NAME, **members: Any) -> list[dict[str, Any]]:
    listed = "ListTrainingJobsForHyperParameterTuningJob"
    answer = client(listed, HyperParameterTuningJobName=name, MaxResults=100, **members)
    return list(answer["TrainingJobSummaries"])


def drawn(client: Client, name: str = NAME) -> list[dict[str, str]]:
    return [trial["TunedHyperParameters"] for trial in trials(client, name)]


def score(summary: dict[str, Any]) -> float:
    return float(summary["FinalHyperParameterTuningJobObjectiveMetric"]["Value"])


class TestSearching:
    def test_a_grid_tries_every_combination_once(self, tune: Tune, client: Client) -> None:
        job = tune(strategy="Grid", jobs=None, ParameterRanges=categorical(x=["1", "3"], y=["a", "b"]))

        assert job["HyperParameterTuningJobStatus"] == "Completed", job
        assert sorted((item["x"], item["y"]) for item in drawn(client)) == [
            ("1", "a"),
            ("1", "b"),
            ("3", "a"),
            ("3", "b"),
        ]
        assert job["BestTrainingJob"]["TunedHyperParameters"]["x"] == "3"

    @pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
    def test_the_seed_decides_what_is_drawn(self, tune: Tune, client: Client, strategy: str) -> None:
        for name, seed in (("one", 7), ("two", 7), ("three", 8)):
            tune(name, strategy=strategy, RandomSeed=seed)

        assert drawn(client, "one") == drawn(client, "two")
        assert drawn(client, "one") != drawn(client, "three")

    def test_every_range_keeps_its_bounds_and_writes_its_kind(self, tune: Tune, client: Client) -> None:
        ranges = {
            "IntegerParameterRanges": [
                {"Name": "n", "MinValue": "1", "MaxValue": "4"},
                {"Name": "leaves", "MinValue": "2", "MaxValue": "4096", "ScalingType": "Logarithmic"},
            ],
            "ContinuousParameterRanges": [
                {"Name": "rate", "MinValue": "1e-5", "MaxValue": "1e-1", "ScalingType": "Auto"},
                {"Name": "share", "MinValue": "0.9", "MaxValue": "0.9999", "ScalingType": "ReverseLogarithmic"},
            ],
            **categorical(kind=["a", '"b"']),
        }
        tune(ParameterRanges=ranges, jobs=4, parallel=4)

        for given in drawn(client):
            assert int(given["n"]) in range(1, 5)
            assert int(given["leaves"]) in range(2, 4097)
            assert 1e-5 <= float(given["rate"]) <= 1e-1
            assert 0.9 <= float(given["share"]) <= 0.9999
            assert given["kind"] in ("a", '"b"')

    def test_a_bayesian_search_comes_closer_than_a_random_one(self) -> None:
        best = {strategy: [best_of(strategy, seed) for seed in range(8)] for strategy in ("Random", "Bayesian")}

        assert sum(best["Bayesian"]) > sum(best["Random"]) / 2  # scores are negative: less than half the distance

    def test_hyperband_spends_half_the_epochs_of_a_random_search_and_finds_as_much(self) -> None:
        epochs, scores = zip(*(halved(seed) for seed in range(8)), strict=True)

        assert sum(epochs) <= 0.5 * 8 * 20 * 27
        assert sum(scores) >= sum(best_of("Random", seed) for seed in range(8)) - 0.5


def halved(seed: int) -> tuple[int, float]:
    """Epochs a Hyperband search over a formula takes, and the best score it comes to."""
    strategy = {"HyperbandStrategyConfig": {"MaxResource": 27}}
    search = Search(read_plan(request({}, "Hyperband", jobs=20, RandomSeed=seed, StrategyConfig=strategy)))
    spent, scores = 0, []
    for _ in range(20):
        proposal = search.propose()
        score = -abs(float(proposal.hyperparameters["x"]) - 3)
        stopped = False
        for epoch in range(1, 28):
            spent += 1
            stopped = search.report(proposal, epoch, score * (1 + 1 / epoch))
            if stopped:
                break
        search.tell(proposal, score, stopped=stopped)
        scores += [] if stopped else [score]
    return spent, max(scores)


def best_of(strategy: str, seed: int) -> float:
    """Best score of a search over a formula, without any job."""
    search = Search(read_plan(request({}, strategy, jobs=20, RandomSeed=seed)))
    scores = []
    for _ in range(20):
        proposal = search.propose()
        scores.append(-abs(float(proposal.hyperparameters["x"]) - 3))
        search.tell(proposal, scores[-1], stopped=False)
    return max(scores)


class TestTrials:
    def test_a_trial_is_a_training_job_of_its_own(self, tune: Tune, client: Client, host: FakeHost) -> None:
        job = tune(static={"epochs": "2"}, top={"Tags": [{"Key": "team", "Value": "packaging"}]})

        listed = trials(client)
        assert [item["TrainingJobName"][:14] for item in listed] == [f"{NAME}-00{n}" for n in (1, 2, 3)]
        record = client("DescribeTrainingJob", TrainingJobName=listed[0]["TrainingJobName"])
        assert record["TuningJobArn"] == job["HyperParameterTuningJobArn"]
        assert record["HyperParameters"] == {
            **listed[0]["TunedHyperParameters"],
            "epochs": "2",
            "_tuning_objective_metric": METRIC["Name"],
        }
        assert score(listed[0]) == record["FinalMetricDataList"][0]["Value"]
        tags = client("ListTags", ResourceArn=record["TrainingJobArn"])["Tags"]
        assert tags == [{"Key": "team", "Value": "packaging"}]

    def test_the_best_is_known_counted_and_its_model_is_there(self, tune: Tune, client: Client, host: FakeHost) -> None:
        job = tune(strategy="Grid", jobs=None, parallel=3, ParameterRanges=categorical(x=["9", "2.5", "6"]))

        best = job["BestTrainingJob"]
        assert (best["TunedHyperParameters"], score(best)) == ({"x": "2.5"}, -1.0)
        assert best["ObjectiveStatus"] == "Succeeded"
        assert job["TrainingJobStatusCounters"]["Completed"] == job["ObjectiveStatusCounters"]["Succeeded"] == 3
        assert job["ConsumedResources"]["RuntimeInSeconds"] >= 3
        assert model(host, best["TrainingJobName"]) == {"x.txt": "2.5"}

    def test_a_minimum_is_found_as_well(self, tune: Tune) -> None:
        objective = {"Type": "Minimize", "MetricName": METRIC["Name"]}

        job = tune(
            strategy="Grid",
            jobs=None,
            ParameterRanges=categorical(x=["3", "9"]),
            HyperParameterTuningJobObjective=objective,
        )

        assert job["BestTrainingJob"]["TunedHyperParameters"] == {"x": "9"}

    def test_trials_keep_their_checkpoints_apart(self, tune: Tune, client: Client) -> None:
        tune(jobs=2, definition={"CheckpointConfig": {"S3Uri": f"s3://{BUCKET}/checkpoints/"}})

        names = [item["TrainingJobName"] for item in trials(client)]
        records = [client("DescribeTrainingJob", TrainingJobName=name) for name in names]
        assert [record["CheckpointConfig"]["S3Uri"] for record in records] == [
            f"s3://{BUCKET}/checkpoints/{name}" for name in names
        ]

    def test_no_more_than_asked_for_run_at_a_time(self, tune: Tune, client: Client) -> None:
        tune(jobs=4, parallel=2, static={"pace": "0.1"})

        spans = [(item["TrainingStartTime"], item["TrainingEndTime"]) for item in trials(client)]
        most = max(sum(start <= moment < end for start, end in spans) for moment, _ in spans)
        assert most <= 2

    def test_trials_are_listed_by_their_objective(self, tune: Tune, client: Client) -> None:
        tune(strategy="Grid", jobs=None, parallel=2, ParameterRanges=categorical(x=["4", "3", "9"]))

        ranked = trials(client, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
        assert [item["TunedHyperParameters"]["x"] for item in ranked] == ["3", "4", "9"]

    def test_a_script_of_the_sdk_is_unpacked_and_run_as_in_aws_images(
        self, tune: Tune, client: Client, host: FakeHost
    ) -> None:
        code = "import os, sys\nprint(sys.argv[1:])\nprint(f'score={os.environ[\"SM_HP_X\"]};')\n"
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            member = tarfile.TarInfo("fit.py")
            member.size = len(code)
            tar.addfile(member, io.BytesIO(code.encode()))
        host.objects.write(BUCKET, "code/sourcedir.tar.gz", packed.getvalue())
        script = {"sagemaker_program": "fit.py", "sagemaker_submit_directory": f"s3://{BUCKET}/code/sourcedir.tar.gz"}

        job = tune(jobs=1, static={**script, "depth": "3"}, definition={"Environment": {}})

        given = job["BestTrainingJob"]["TunedHyperParameters"]["x"]
        assert score(job["BestTrainingJob"]) == pytest.approx(float(given))
        assert host.log_of("/aws/sagemaker/TrainingJobs")[0] == f"['--depth', '3', '--x', '{given}']"


def model(host: FakeHost, trial: str) -> dict[str, str]:
    body = host.objects.read(BUCKET, f"models/{trial}/output/model.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(body)) as tar:
        files = {name: tar.extractfile(name) for name in tar.getnames()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


class TestEndingEarly:
    def test_hyperband_stops_what_falls_behind_and_keeps_its_figure(self, tune: Tune, client: Client) -> None:
        strategy = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}

        job = tune(
            strategy="Hyperband",
            jobs=8,
            static={"epochs": "9", "pace": "0.03"},
            StrategyConfig=strategy,
        )

        stopped = [item for item in trials(client) if item["TrainingJobStatus"] == "Stopped"]
        assert len(stopped) >= 2
        assert job["TrainingJobStatusCounters"]["Stopped"] == len(stopped)
        assert all(item["ObjectiveStatus"] == "Succeeded" for item in stopped)
        assert job["BestTrainingJob"]["TrainingJobStatus"] == "Completed"
        assert job["HyperParameterTuningJobStatus"] == "Completed"
        name = stopped[0]["TrainingJobName"]
        assert client("DescribeTrainingJob", TrainingJobName=name)["SecondaryStatus"] == "Stopped"

    def test_hyperband_ends_what_goes_beyond_its_resources(self, tune: Tune, client: Client) -> None:
        tune(
            strategy="Hyperband",
            jobs=1,
            static={"epochs": "200", "pace": "0.05"},
            StrategyConfig={"HyperbandStrategyConfig": {"MaxResource": 3}},
        )

        assert [item["TrainingJobStatus"] for item in trials(client)] == ["Stopped"]

    def test_a_job_that_has_come_to_its_last_resource_is_left_to_save_its_model(self) -> None:
        strategy = {"HyperbandStrategyConfig": {"MaxResource": 3}}
        search = Search(read_plan(request({}, "Hyperband", jobs=2, StrategyConfig=strategy)))
        good, bad = search.propose(), search.propose()
        ends = [search.report(good, at, 9.0) for at in (1, 2, 3)]

        assert ends == [False, False, False]
        assert search.report(bad, 1, -9.0)
        assert not search.report(bad, 3, -9.0)
        assert search.report(bad, 4, -9.0)

    def test_auto_stops_a_trial_worse_than_the_median_of_earlier_ones(self, tune: Tune, client: Client) -> None:
        ranges = categorical(x=["1", "2", "4", "9"])

        tune(
            strategy="Grid",
            jobs=None,
            ParameterRanges=ranges,
            static={"epochs": "12", "pace": "0.03"},
            TrainingJobEarlyStoppingType="Auto",
        )

        ends = {item["TunedHyperParameters"]["x"]: item["TrainingJobStatus"] for item in trials(client)}
        assert ends == {"1": "Completed", "2": "Completed", "4": "Completed", "9": "Stopped"}

    def test_a_target_that_is_reached_ends_the_search(self, tune: Tune, client: Client) -> None:
        job = tune(jobs=50, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": -100.0})

        assert job["HyperParameterTuningJobStatus"] == "Completed"
        assert len(trials(client)) == 1

    def test_jobs_that_improve_nothing_end_the_search(self, tune: Tune, client: Client) -> None:
        criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}

        tune(jobs=50, ParameterRanges=categorical(x=["5"]), TuningJobCompletionCriteria=criteria)

        assert len(trials(client)) == 4

    def test_when_its_time_is_over_nothing_goes_on(self) -> None:
        given = {**request({}, jobs=9, parallel=2), "HyperParameterTuningJobName": NAME}
        record = {**given, "HyperParameterTuningJobArn": "arn", "HyperParameterTuningJobStatus": "InProgress"}
        tuning = Tuning(record, replace(read_plan(given), runtime=0.05), lambda _: None)
        jobs: list[Job] = []

        def start(asked: dict[str, Any]) -> Job:
            state = {**asked, "TrainingJobArn": "arn", "TrainingJobStatus": "InProgress"}
            jobs.append(Job(JobKind.TRAINING, state, lambda *_: None))
            return jobs[-1]

        Tuner(tuning, given, Machinery(start, lambda _: Workspace(Path("none")), lambda: 0.0)).run()

        assert [job.status for job in jobs] == ["Stopped", "Stopped"]
        assert tuning.done.is_set()

    def test_a_cloud_that_closes_ends_its_tuning_jobs(self, client: Client, environment: dict[str, str]) -> None:
        create(client, environment, jobs=9, parallel=2, static={"epochs": "600", "pace": "0.05"})
        eventually(lambda: len(trials(client)) == 2)

        client.service.close()

        job = client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=NAME)
        assert job["HyperParameterTuningJobStatus"] == "Stopped"

    def test_a_stop_ends_the_running_trials_and_starts_none(self, client: Client, environment: dict[str, str]) -> None:
        create(client, environment, jobs=9, parallel=2, static={"epochs": "600", "pace": "0.05"})
        eventually(lambda: len(trials(client)) == 2)

        client("StopHyperParameterTuningJob", HyperParameterTuningJobName=NAME)
        client.service.wait_for_tuning(NAME, timeout=20)

        job = client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=NAME)
        assert job["HyperParameterTuningJobStatus"] == "Stopped"
        assert [item["TrainingJobStatus"] for item in trials(client)] == ["Stopped", "Stopped"]


class TestFailing:
    def test_some_failed_trials_do_not_fail_the_search(self, tune: Tune, client: Client) -> None:
        job = tune(strategy="Grid", jobs=None, ParameterRanges=categorical(fail=["yes", "no"]))

        assert job["HyperParameterTuningJobStatus"] == "Completed"
        assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 1
        failed = next(item for item in trials(client) if item["TrainingJobStatus"] == "Failed")
        assert (failed["ObjectiveStatus"], failed["FailureReason"]) == (
            "Failed",
            "AlgorithmError: , exit code: 3",
        )

    def test_five_failures_without_a_success_end_it(self, tune: Tune, client: Client) -> None:
        job = tune(jobs=50, static={"fail": "yes"})

        assert job["HyperParameterTuningJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("No training job succeeded after 5 attempts.")
        assert len(trials(client)) == 5

    def test_a_metric_nobody_logs_is_said_to_be_missing(self, tune: Tune) -> None:
        job = tune(static={"epochs": "0"})

        assert job["HyperParameterTuningJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("No objective metrics found after running 3 training jobs.")
        assert "BestTrainingJob" not in job


GRID = {"strategy": "Grid", "jobs": None, "ParameterRanges": categorical(x=["1"])}


class TestRefusing:
    @pytest.mark.parametrize(
        ("members", "what"),
        [
            ({"ParameterRanges": {}}, "ParameterRanges must name at least one"),
            ({"ParameterRanges": continuous("x", "2", "1")}, "x: MaxValue must be greater than MinValue"),
            ({"ParameterRanges": continuous("x", "a", "1")}, "MinValue and MaxValue must be numbers"),
            ({"ParameterRanges": continuous("x", "0", "1", ScalingType="Logarithmic")}, "MinValue above 0"),
            ({"ParameterRanges": continuous("x", "0", "1", ScalingType="ReverseLogarithmic")}, "MaxValue < 1"),
            ({"static": {"x": "1"}}, "both in StaticHyperParameters and in ParameterRanges: x"),
            ({"jobs": None}, "MaxNumberOfTrainingJobs is missing"),
            ({"strategy": "Grid", "jobs": None}, "Grid takes categorical ranges only, and x is none"),
            ({**GRID, "jobs": 2}, "MaxNumberOfTrainingJobs is 2, but the grid has 1 combinations"),
            ({"strategy": "Hyperband"}, "HyperbandStrategyConfig.MaxResource is missing"),
            (
                {"strategy": "Hyperband", "static": {"epochs": "3"}, "TrainingJobEarlyStoppingType": "Auto"},
                "TrainingJobEarlyStoppingType must be Off",
            ),
            (
                {"StrategyConfig": {"HyperbandStrategyConfig": {"MaxResource": 3}}},
                "is for the strategy Hyperband only",
            ),
            (
                {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "auc"}},
                r"objective metric \[auc\] has no entry",
            ),
        ],
    )
    def test_a_search_that_makes_no_sense_is_refused_at_once(
        self, client: Client, environment: dict[str, str], members: dict[str, Any], what: str
    ) -> None:
        with pytest.raises(AwsError, match=what) as refused:
            create(client, environment, **members)
        assert refused.value.code == "ValidationException"

    @pytest.mark.parametrize(
        ("members", "what"),
        [
            ({"top": {"Autotune": {"Mode": "Enabled"}}}, "Autotune"),
            (
                {
                    "top": {
                        "WarmStartConfig": {
                            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "x"}],
                            "WarmStartType": "TransferLearning",
                        }
                    }
                },
                "WarmStartConfig",
            ),
            (
                {"ParameterRanges": {"AutoParameters": [{"Name": "x", "ValueHint": "1"}]}},
                "ParameterRanges.AutoParameters",
            ),
            (
                {"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}},
                "ConvergenceDetected",
            ),
            ({"definition": {"HyperParameterTuningResourceConfig": {}}}, "HyperParameterTuningResourceConfig"),
        ],
    )
    def test_what_cannot_run_here_is_refused_by_name(
        self, client: Client, environment: dict[str, str], members: dict[str, Any], what: str
    ) -> None:
        with pytest.raises(NotSimulatedError, match=what):
            create(client, environment, **members)

    def test_a_name_is_used_once_and_must_be_known(self, tune: Tune, client: Client) -> None:
        tune(**GRID)
        with pytest.raises(AwsError, match="must be unique"):
            tune(**GRID)
        with pytest.raises(AwsError, match="Could not find hyperparameter tuning job: other"):
            client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName="other")

    def test_tuning_jobs_are_listed(self, tune: Tune, client: Client) -> None:
        tune("one", **GRID)
        tune("two", **GRID)

        listed = client("ListHyperParameterTuningJobs", NameContains="o", StatusEquals="Completed")
        assert [item["HyperParameterTuningJobName"] for item in listed["HyperParameterTuningJobSummaries"]] == [
            "one",
            "two",
        ]
        assert listed["HyperParameterTuningJobSummaries"][0]["Strategy"] == "Grid"


class TestStep:
    def arguments(self, environment: dict[str, str], **members: Any) -> dict[str, Any]:
        ranges = categorical(x=["9", "3", "1"])
        return request(environment, "Grid", **{"jobs": None, "parallel": 3, "ParameterRanges": ranges, **members})

    def follower(self, *values: Any) -> dict[str, Any]:
        """A step that fails with a text, to read it from its metadata."""
        return step("Tell", {"ErrorMessage": {"Std:Join": {"On": " ", "Values": list(values)}}}, "Fail")

    def test_later_steps_read_the_best_job_and_its_model(
        self, client: Client, host: FakeHost, environment: dict[str, str]
    ) -> None:
        top = {
            "Std:Join": {
                "On": "/",
                "Values": [
                    "s3:/",
                    f"{BUCKET}/models",
                    {"Get": "Steps.Tune.TrainingJobSummaries[0].TrainingJobName"},
                    "output/model.tar.gz",
                ],
            }
        }
        best = [
            {"Get": f"Steps.Tune.BestTrainingJob.{name}"} for name in ("TrainingJobName", "TunedHyperParameters['x']")
        ]
        second = {"Get": "Steps.Tune.TrainingJobSummaries[1].TunedHyperParameters['x']"}
        model = step("Keep", {"PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": top}}, "Model")
        client.create([step("Tune", self.arguments(environment), "Tuning"), model, self.follower(*best, second)])

        _, steps = client.run()

        arn = steps["Tune"]["Metadata"]["TuningJob"]["Arn"]
        job = client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=arn.rsplit("/", 1)[-1])
        best_name = job["BestTrainingJob"]["TrainingJobName"]
        assert steps["Tell"]["Metadata"]["Fail"]["ErrorMessage"] == f"{best_name} 3 1"
        assert steps["Keep"]["StepStatus"] == "Succeeded", steps["Keep"]
        assert len(job["HyperParameterTuningJobName"]) <= 32

    def test_an_equal_search_is_cached(self, client: Client, environment: dict[str, str]) -> None:
        cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
        client.create([step("Tune", self.arguments(environment), "Tuning", **cached)])

        _, first = client.run()
        _, again = client.run()

        assert "CacheHitResult" in again["Tune"]
        assert first["Tune"]["Metadata"] == again["Tune"]["Metadata"]

    def test_a_search_without_success_fails_the_step(self, client: Client, environment: dict[str, str]) -> None:
        client.create([step("Tune", self.arguments(environment, static={"fail": "yes"}), "Tuning")])

        status, steps = client.run()

        assert status == "Failed"
        assert steps["Tune"]["FailureReason"].startswith("ClientError: No training job succeeded after 3 attempts.")

    def test_a_stop_of_the_execution_reaches_the_trials(
        self, client: Client, host: FakeHost, environment: dict[str, str]
    ) -> None:
        slow = {"epochs": "600", "pace": "0.05"}
        client.create([step("Tune", self.arguments(environment, static=slow), "Tuning")])
        arn = client.start()
        eventually(lambda: client("ListTrainingJobs")["TrainingJobSummaries"])

        client("StopPipelineExecution", PipelineExecutionArn=arn)

        assert client.finish(arn) == "Stopped"
        jobs = client("ListTrainingJobs")["TrainingJobSummaries"]
        assert {job["TrainingJobStatus"] for job in jobs} == {"Stopped"}

    def test_statuses_are_announced(self, client: Client, host: FakeHost, environment: dict[str, str]) -> None:
        client.create([step("Tune", self.arguments(environment), "Tuning")])

        client.run()

        name = "SageMaker HyperParameter Tuning Job State Change"
        assert host.statuses(name, "HyperParameterTuningJobStatus") == ["InProgress", "Completed"]


#: What a data scientist writes; nothing in it is of this project. Prints the definition.
SDK_PIPELINE = """
import sys
from sagemaker.core.parameter import CategoricalParameter, ContinuousParameter
from sagemaker.core.shapes import OutputDataConfig, StoppingCondition
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import TuningStep
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute
from sagemaker.train.tuner import HyperparameterTuner

image, role, bucket, path = sys.argv[1:]
session = PipelineSession(default_bucket=bucket)
trainer = ModelTrainer(
    training_image=image,
    role=role,
    sagemaker_session=session,
    compute=Compute(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=30),
    output_data_config=OutputDataConfig(s3_output_path=f"s3://{bucket}/models"),
    stopping_condition=StoppingCondition(max_runtime_in_seconds=60),
    hyperparameters={"epochs": 2},
    environment={"PATH": path},
)
tuner = HyperparameterTuner(
    model_trainer=trainer,
    objective_metric_name="validation:score",
    metric_definitions=[{"Name": "validation:score", "Regex": r"score=(\\S+);"}],
    hyperparameter_ranges={"x": ContinuousParameter(0.1, 10), "kind": CategoricalParameter(["a", "b"])},
    strategy="Bayesian",
    max_jobs=4,
    max_parallel_jobs=2,
    random_seed=7,
)
tune = TuningStep("Tune", step_args=tuner.tune())
top = FailStep("Top", error_message=tune.get_top_model_s3_uri(0, bucket, "models"))
sys.stdout.write(Pipeline("toy", steps=[tune, top], sagemaker_session=session).definition())
"""


@pytest.mark.sdk
@pytest.mark.skipif(importlib.util.find_spec("sagemaker") is None, reason="the SageMaker SDK is not installed")
def test_a_pipeline_written_with_the_sdk_finds_its_top_model(
    client: Client, host: FakeHost, environment: dict[str, str], tmp_path: Path
) -> None:
    rendered = render_with_sdk(SDK_PIPELINE, tmp_path, IMAGE, ROLE, BUCKET, environment["PATH"])
    client("CreatePipeline", PipelineName="toy", PipelineDefinition=rendered, RoleArn=ROLE)

    _, steps = client.run()

    assert steps["Tune"]["StepStatus"] == "Succeeded", steps["Tune"]
    uri = steps["Top"]["Metadata"]["Fail"]["ErrorMessage"]
    name = steps["Tune"]["Metadata"]["TuningJob"]["Arn"].rsplit("/", 1)[-1]
    best = client("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)["BestTrainingJob"]
    assert uri == f"s3://{BUCKET}/models/{best['TrainingJobName']}/output/model.tar.gz"
    assert model(host, best["TrainingJobName"]) == {"x.txt": best["TunedHyperParameters"]["x"]}
    assert len(trials(client, name)) == 4


def render_with_sdk(code: str, home: Path, *words: str) -> str:
    """Standard output of code that uses the SDK, run without any network or configuration of the machine."""
    alone = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "offline",
        "AWS_SECRET_ACCESS_KEY": "offline",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "SAGEMAKER_VALIDATE_ROLE": "false",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *words],
        env=alone,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
