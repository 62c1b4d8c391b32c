"""Jobs of several instances, checkpoints, spot and the training settings that are only handed through."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from local_cloud.sagemaker.mounts import bind_mounts_work
from local_cloud.wire import AwsError, NotSimulatedError
from tests.unit.local_cloud.sagemaker import fakes
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost, entrypoint, eventually

TRAINING_LOGS = "/aws/sagemaker/TrainingJobs"
WHO = "who=json.load(open(r+'/input/config/resourceconfig.json'))\nme=who['current_host']\n"


def write(host: FakeHost, **objects: str) -> None:
    for name, text in objects.items():
        host.objects.write(BUCKET, f"data/{name}", text.encode())


def channel(distribution: str, **members: Any) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/data/", "S3DataDistributionType": distribution}
    return {"ChannelName": "train", "DataSource": {"S3DataSource": data}, **members}


def train(client: Client, code: str, count: int = 2, **members: Any) -> dict[str, Any]:
    start(client, code, count, **members)
    return client.job("Training", "toy")


def start(client: Client, code: str, count: int = 2, **members: Any) -> None:
    request = {
        "TrainingJobName": "toy",
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "File",
            "ContainerEntrypoint": entrypoint(code),
            **members.pop("algorithm", {}),
        },
        "RoleArn": ROLE,
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": count, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 25},
        **members,
    }
    client("CreateTrainingJob", **request)


def process(client: Client, code: str, source: dict[str, Any], count: int = 2, **members: Any) -> dict[str, Any]:
    request = fakes.processing(code, ProcessingInputs=[source], **members)
    request["ProcessingResources"]["ClusterConfig"]["InstanceCount"] = count
    client("CreateProcessingJob", ProcessingJobName="toy", **request)
    return client.job("Processing", "toy")


def processing_input(distribution: str) -> dict[str, Any]:
    item = fakes.source("d", f"s3://{BUCKET}/data/")
    item["S3Input"]["S3DataDistributionType"] = distribution
    return item


def packed(host: FakeHost, key: str) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(host.objects.read(BUCKET, key))) as tar:
        files = {name: tar.extractfile(name) for name in tar.getnames()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


class TestTraining:
    def test_every_host_knows_itself_and_the_others(self, client: Client, host: FakeHost) -> None:
        job = train(client, WHO + "print(json.dumps(who))", count=3)

        assert job["TrainingJobStatus"] == "Completed", job
        told = sorted((json.loads(line) for line in host.log_of(TRAINING_LOGS)), key=lambda item: item["current_host"])
        assert [item["current_host"] for item in told] == ["algo-1", "algo-2", "algo-3"]
        assert told[0] == {
            "current_host": "algo-1",
            "current_instance_type": "ml.m5.large",
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1", "algo-2", "algo-3"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": "ml.m5.large",
                    "hosts": ["algo-1", "algo-2", "algo-3"],
                }
            ],
            "network_interface_name": "lo",
        }
        streams = sorted(stream.split("-1")[0] for _, stream in host.logs if stream.startswith("toy/algo-2"))
        assert streams == ["toy/algo-2"]

    def test_sharded_channels_are_dealt_out_and_replicated_ones_are_not(self, client: Client, host: FakeHost) -> None:
        write(host, a="1", b="2", c="3")
        code = WHO + "for c in ('train','all'): print(json.dumps([me, c, sorted(os.listdir(r+'/input/data/'+c))]))"
        replicated = {**channel("FullyReplicated"), "ChannelName": "all"}

        train(client, code, InputDataConfig=[channel("ShardedByS3Key"), replicated])

        seen = {(me, name): files for me, name, files in map(json.loads, host.log_of(TRAINING_LOGS))}
        assert seen == {
            ("algo-1", "train"): ["a", "c"],
            ("algo-2", "train"): ["b"],
            ("algo-1", "all"): ["a", "b", "c"],
            ("algo-2", "all"): ["a", "b", "c"],
        }

    def test_a_host_without_a_share_has_an_empty_channel(self, client: Client, host: FakeHost) -> None:
        write(host, a="1")

        job = train(
            client,
            WHO + "print(me, os.listdir(r+'/input/data/train'))",
            InputDataConfig=[channel("ShardedByS3Key")],
        )

        assert job["TrainingJobStatus"] == "Completed", job
        assert sorted(host.log_of(TRAINING_LOGS)) == ["algo-1 ['a']", "algo-2 []"]

    def test_models_of_all_hosts_are_one_archive_in_which_the_first_host_wins(
        self, client: Client, host: FakeHost
    ) -> None:
        train(client, WHO + "for n in (me,'same'): open(r+'/model/'+n,'w').write(me)")

        assert packed(host, "models/toy/output/model.tar.gz") == {
            "algo-1": "algo-1",
            "algo-2": "algo-2",
            "same": "algo-1",
        }

    def test_one_failing_host_ends_the_others_and_gives_the_reason(self, client: Client, host: FakeHost) -> None:
        code = WHO + (
            "if me=='algo-2': open(r+'/output/failure','w').write('no rows on '+me); sys.exit(4)\ntime.sleep(60)"
        )

        job = train(client, code)

        assert job["TrainingJobStatus"] == "Failed"
        assert job["FailureReason"] == "AlgorithmError: no rows on algo-2, exit code: 4"
        assert host.objects.keys("models") == []

    def test_a_stop_reaches_every_host(self, client: Client, host: FakeHost) -> None:
        code = WHO + "open(r+'/model/'+me,'w').write(me)\ntime.sleep(60)"
        start(client, code)
        folder = host.root / "sagemaker" / "jobs" / "training" / "toy"
        eventually(lambda: (folder / "ml/model/algo-1").exists() and (folder / "algo-2/ml/model/algo-2").exists())

        client("StopTrainingJob", TrainingJobName="toy")
        job = client.job("Training", "toy")

        assert job["TrainingJobStatus"] == "Stopped"
        # what was saved before is not lost
        assert list(packed(host, "models/toy/output/model.tar.gz")) == ["algo-1", "algo-2"]
        assert job["ModelArtifacts"]["S3ModelArtifacts"].endswith("models/toy/output/model.tar.gz")

    @pytest.mark.skipif(not bind_mounts_work(), reason="this kernel gives an ordinary user no mount namespace")
    def test_hosts_reach_each_other_by_name(self, build: Callable[..., Client], host: FakeHost) -> None:
        client = build(bind_mounts=True)
        code = WHO + (
            "import socket\n"
            "if me=='algo-1':\n"
            " s=socket.create_server((me,0)); s.settimeout(20)\n"
            f" p={str(host.root)!r}+'/port'; open(p+'.new','w').write(str(s.getsockname()[1])); os.rename(p+'.new',p)\n"
            " print(s.accept()[0].recv(9).decode())\n"
            "else:\n"
            f" p={str(host.root)!r}+'/port'\n"
            " while not os.path.exists(p): time.sleep(.01)\n"
            " socket.create_connection(('algo-1',int(open(p).read()))).send(me.encode())"
        )

        job = train(client, code)

        assert job["TrainingJobStatus"] == "Completed", (job, host.logs)
        assert host.log_of(TRAINING_LOGS) == ["algo-2"]

    def test_instances_of_several_types_and_too_many_are_refused(self, client: Client) -> None:
        with pytest.raises(AwsError, match="InstanceCount 21 must be from 1 to 20"):
            train(client, "", count=21)
        groups = [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "a"}]
        with pytest.raises(NotSimulatedError, match=r"ResourceConfig\.InstanceGroups"):
            train(client, "", ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 1})


class TestProcessing:
    @pytest.mark.parametrize(
        ("distribution", "expected"),
        [
            ("ShardedByS3Key", {"algo-1": "a c", "algo-2": "b"}),
            ("FullyReplicated", {"algo-1": "a b c", "algo-2": "a b c"}),
        ],
    )
    def test_inputs_are_distributed_and_outputs_gathered(
        self, client: Client, host: FakeHost, distribution: str, expected: dict[str, str]
    ) -> None:
        write(host, a="1", b="2", c="3")
        code = (
            "me=json.load(open(r+'/config/resourceconfig.json'))['current_host']\n"
            "files=sorted(os.listdir(r+'/processing/input/d'))\n"
            "open(r+'/processing/output/o/'+me,'w').write(' '.join(files))"
        )
        outputs = fakes.outputs(fakes.output("o", f"s3://{BUCKET}/out"))

        job = process(client, code, processing_input(distribution), ProcessingOutputConfig=outputs)

        assert job["ProcessingJobStatus"] == "Completed", job
        assert {key[4:]: host.objects.text(key) for key in host.objects.keys("out/")} == expected

    def test_the_message_of_the_host_that_failed_is_kept(self, client: Client, host: FakeHost) -> None:
        write(host, a="1")
        code = (
            "me=json.load(open(r+'/config/resourceconfig.json'))['current_host']\n"
            "open(r+'/output/message','w').write(me)\n"
            "sys.exit(5) if me=='algo-2' else time.sleep(60)"
        )

        job = process(client, code, processing_input("FullyReplicated"))

        assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Failed", "algo-2")
        assert job["FailureReason"] == "AlgorithmError: , exit code: 5"


class TestTrainingSettings:
    def test_fast_file_mode_finds_its_files_staged(self, client: Client, host: FakeHost) -> None:
        write(host, a="1")
        code = "print(open(r+'/input/data/train/a').read())\nprint(open(r+'/input/config/inputdataconfig.json').read())"

        job = train(client, code, 1, InputDataConfig=[channel("FullyReplicated", InputMode="FastFile")])

        assert job["TrainingJobStatus"] == "Completed", job
        first, *configuration = host.log_of(TRAINING_LOGS)
        assert first == "1"
        assert json.loads("".join(configuration))["train"]["TrainingInputMode"] == "FastFile"

    def test_checkpoints_come_down_before_and_go_up_after(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "checkpoints/epoch-1", b"one")
        code = (
            "print(open(r+'/checkpoints/epoch-1').read())\nopen(r+'/checkpoints/epoch-2','w').write('two')\nsys.exit(1)"
        )
        spot = {"MaxRuntimeInSeconds": 25, "MaxWaitTimeInSeconds": 60}

        job = train(
            client,
            code,
            1,
            CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints"},
            EnableManagedSpotTraining=True,
            StoppingCondition=spot,
        )

        assert job["TrainingJobStatus"] == "Failed"
        assert host.log_of(TRAINING_LOGS) == ["one"]
        assert host.objects.text("checkpoints/epoch-2") == "two"  # a job that failed can be taken up again
        assert job["EnableManagedSpotTraining"]
        assert job["BillableTimeInSeconds"] == job["TrainingTimeInSeconds"] >= 1

    def test_a_first_run_has_no_checkpoints_and_its_folder_may_be_chosen(self, client: Client, host: FakeHost) -> None:
        config = {"S3Uri": f"s3://{BUCKET}/checkpoints/", "LocalPath": "/opt/ml/saved"}

        job = train(
            client, "os.makedirs(r+'/saved/a')\nopen(r+'/saved/a/b','w').write('x')", 1, CheckpointConfig=config
        )

        assert job["TrainingJobStatus"] == "Completed", job
        assert host.objects.keys("checkpoints") == ["checkpoints/a/b"]

    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be given"),
            (
                {
                    "EnableManagedSpotTraining": True,
                    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 59},
                },
                "MaxWaitTimeInSeconds must be given and not be less",
            ),
            (
                {"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}},
                "for EnableManagedSpotTraining only",
            ),
        ],
    )
    def test_spot_needs_a_time_to_wait(self, client: Client, change: dict[str, Any], what: str) -> None:
        with pytest.raises(AwsError, match=what):
            train(client, "", 1, **change)

    def test_debugger_and_profiler_settings_are_handed_through(self, client: Client, host: FakeHost) -> None:
        settings = {
            "DebugHookConfig": {"S3OutputPath": f"s3://{BUCKET}/debug"},
            "DebugRuleConfigurations": [{"RuleConfigurationName": "loss", "RuleEvaluatorImage": IMAGE}],
            "ProfilerConfig": {"S3OutputPath": f"s3://{BUCKET}/profile"},
            "ProfilerRuleConfigurations": [{"RuleConfigurationName": "cpu", "RuleEvaluatorImage": IMAGE}],
            "TensorBoardOutputConfig": {"S3OutputPath": f"s3://{BUCKET}/board"},
        }

        job = train(client, "print(open(r+'/input/config/debughookconfig.json').read())", 1, **settings)

        assert {name: job[name] for name in settings} == settings
        assert json.loads("".join(host.log_of(TRAINING_LOGS))) == settings["DebugHookConfig"]

    def test_training_without_instances_of_its_own_is_refused_by_name(self, client: Client) -> None:
        with pytest.raises(NotSimulatedError, match="MlflowConfig of a training job"):
            train(
                client,
                "",
                1,
                MlflowConfig={
                    "MlflowResourceArn": "arn:aws:sagemaker:us-east-1:123456789012:mlflow-app/app-ABCDEFGHIJKL"
                },
            )

    def test_metrics_of_the_first_host_win_and_nothing_infinite_counts(self, client: Client) -> None:
        algorithm = {"MetricDefinitions": [{"Name": "loss", "Regex": "loss=([^;]+);"}]}

        job = train(client, WHO + "print('loss='+str(len(me))+me[-1]+';')\nprint('loss=nan;')", algorithm=algorithm)

        assert [(item["MetricName"], item["Value"]) for item in job["FinalMetricDataList"]] == [("loss", 61.0)]
