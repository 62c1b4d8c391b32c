"""Batch transforms that split, filter and join records, on one instance and on several."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from local_cloud.sagemaker.errors import JobFailedError
from local_cloud.sagemaker.json_path import JsonPath
from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, IMAGE, ROLE, Client, FakeHost

LOGS = "/aws/sagemaker/TransformJobs"
CSV, JSON, LINES = "text/csv", "application/json", "application/jsonlines"


@pytest.fixture
def model(client: Client, host: FakeHost, tmp_path: Path) -> None:
    """A model whose server echoes each record."""
    commands = tmp_path / "commands"
    commands.mkdir()
    script = commands / "serve"
    script.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_module('toy_echo', run_name='__main__')\n")
    script.chmod(0o755)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("word.txt")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"ok"))
    host.objects.write(BUCKET, "model.tar.gz", packed.getvalue())
    container = {
        "Image": IMAGE,
        "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
        "Environment": {"PATH": f"{commands}:/usr/bin:/bin"},
    }
    client("CreateModel", ModelName="echo", ExecutionRoleArn=ROLE, PrimaryContainer=container)


def arguments(content: str = CSV, accept: str | None = None, count: int = 1, **members: Any) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/in/"}
    source = {"DataSource": {"S3DataSource": data}, "ContentType": content, "SplitType": "Line"}
    target = {"S3OutputPath": f"s3://{BUCKET}/out", "Accept": accept or content, "AssembleWith": "Line"}
    return {
        "TransformJobName": "toy",
        "ModelName": "echo",
        "TransformInput": {**source, **members.pop("source", {})},
        "TransformOutput": {**target, **members.pop("target", {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": count},
        **members,
    }


def transform(client: Client, **members: Any) -> dict[str, Any]:
    client("CreateTransformJob", **arguments(**members))
    return client.job("Transform", "toy")


def output(host: FakeHost, name: str = "rows") -> str:
    return host.objects.text(f"out/{name}.out")


def requests(host: FakeHost) -> int:
    return sum("POST /invocations" in line for line in host.log_of(LOGS))


@pytest.mark.usefixtures("model")
class TestCsv:
    def test_the_answer_is_joined_to_its_row(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b'p-1,"a, b",3\np-2,c,4\n')

        job = transform(client, DataProcessing={"JoinSource": "Input", "InputFilter": "$[1:]"})

        assert job["TransformJobStatus"] == "Completed", job
        assert output(host) == 'p-1,"a, b",3,ok,"a, b",3\np-2,c,4,ok,c,4\n'
        assert requests(host) == 1

    def test_the_output_filter_sees_the_joined_row(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"p-1,2,3\np-2,4,5")
        filters = {"JoinSource": "Input", "InputFilter": "$[1,2]", "OutputFilter": "$[0,-1]"}

        transform(client, DataProcessing=filters)

        assert output(host) == "p-1,3\np-2,5\n"

    def test_without_a_join_the_output_filter_sees_the_answer(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"p-1,2,3\n")

        transform(client, DataProcessing={"InputFilter": "$[0]", "OutputFilter": "$[1]"})

        assert output(host) == "p-1\n"

    @pytest.mark.parametrize(("strategy", "count"), [("SingleRecord", 3), ("MultiRecord", 1)])
    def test_the_strategy_decides_how_many_requests_there_are(
        self, client: Client, host: FakeHost, strategy: str, count: int
    ) -> None:
        host.objects.write(BUCKET, "in/rows", b"a\nb\nc\n")

        transform(client, DataProcessing={"JoinSource": "Input"}, BatchStrategy=strategy)

        assert output(host) == "a,ok,a\nb,ok,b\nc,ok,c\n"
        assert requests(host) == count

    def test_filtered_records_fill_the_payload_not_those_that_came(self, client: Client, host: FakeHost) -> None:
        wide = b"x" * 700_000
        host.objects.write(BUCKET, "in/rows", b"a," + wide + b"\nb," + wide + b"\n")

        transform(client, DataProcessing={"InputFilter": "$[0]"}, MaxPayloadInMB=1)

        assert (output(host), requests(host)) == ("ok,a\nok,b\n", 1)

    def test_records_beyond_the_payload_need_several_requests(self, client: Client, host: FakeHost) -> None:
        wide = b"x" * 700_000
        host.objects.write(BUCKET, "in/rows", b"a," + wide + b"\nb," + wide + b"\n")

        transform(client, DataProcessing={"OutputFilter": "$[1]"}, MaxPayloadInMB=1)

        assert (output(host), requests(host)) == ("a\nb\n", 2)

    def test_a_lost_record_fails_the_job_clearly(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"a\nb\nc\n")

        job = transform(client, DataProcessing={"JoinSource": "Input"}, Environment={"LOSE": "1"})

        assert job["TransformJobStatus"] == "Failed"
        assert job["FailureReason"].startswith("ClientError: rows: the model answered 2 records to 3")
        assert host.objects.keys("out/") == []

    def test_a_filter_that_selects_nothing_fails_the_job_by_name(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"a,b\n")

        job = transform(client, DataProcessing={"InputFilter": "$[5]"})

        assert job["FailureReason"].startswith("ClientError: DataProcessing.InputFilter $[5] selects nothing")


@pytest.mark.usefixtures("model")
class TestJson:
    def test_the_answer_of_a_line_becomes_an_attribute(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b'{"id":1,"f":[1,2]}\n{"id":2,"f":[3]}\n')
        filters = {"JoinSource": "Input", "InputFilter": "$.f"}

        job = transform(client, content=LINES, DataProcessing=filters)

        assert job["TransformJobStatus"] == "Completed", job
        assert [json.loads(line) for line in output(host).splitlines()] == [
            {"id": 1, "f": [1, 2], "SageMakerOutput": {"word": "ok", "of": [1, 2]}},
            {"id": 2, "f": [3], "SageMakerOutput": {"word": "ok", "of": [3]}},
        ]

    def test_the_output_filter_keeps_some_attributes(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b'{"id":"\xc3\xa9","f":1}\n')
        filters = {"JoinSource": "Input", "InputFilter": "$.f", "OutputFilter": "$['id','SageMakerOutput']"}

        transform(client, content=LINES, DataProcessing=filters)

        assert output(host) == '{"id": "\u00e9", "SageMakerOutput": {"word": "ok", "of": 1}}\n'

    def test_records_that_are_no_objects_are_wrapped(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"[1, 2]\n")

        transform(client, content=LINES, DataProcessing={"JoinSource": "Input"})

        assert json.loads(output(host)) == {"SageMakerInput": [1, 2], "SageMakerOutput": {"word": "ok", "of": [1, 2]}}

    def test_a_whole_object_is_one_record_without_a_split(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b'{"id": 1}')
        whole = {"source": {"SplitType": "None"}, "target": {"AssembleWith": "None"}}

        transform(client, content=JSON, DataProcessing={"JoinSource": "Input"}, **whole)

        assert json.loads(output(host)) == {"id": 1, "SageMakerOutput": {"word": "ok", "of": {"id": 1}}}

    def test_what_is_not_json_fails_the_job(self, client: Client, host: FakeHost) -> None:
        host.objects.write(BUCKET, "in/rows", b"{]\n")

        job = transform(client, content=LINES, DataProcessing={"JoinSource": "Input"})

        assert job["FailureReason"].startswith("ClientError: a record of rows is not JSON")


@pytest.mark.usefixtures("model")
class TestInstances:
    def test_objects_are_dealt_out_to_the_servers(self, client: Client, host: FakeHost) -> None:
        for name in "abc":
            host.objects.write(BUCKET, f"in/{name}", name.encode())

        job = transform(client, count=2)

        assert job["TransformJobStatus"] == "Completed", job
        assert {name: output(host, name) for name in "abc"} == {"a": "ok,a\n", "b": "ok,b\n", "c": "ok,c\n"}
        served = {
            stream.split("/")[1][:6]: sum("POST /invocations" in line for line in lines)
            for (group, stream), lines in host.logs.items()
            if group == LOGS
        }
        assert served == {"algo-1": 2, "algo-2": 1}


class TestRefusing:
    @pytest.mark.parametrize(
        ("members", "what"),
        [
            ({"content": CSV, "accept": JSON}, "TransformInput.ContentType and TransformOutput.Accept must both"),
            ({"content": "application/x-parquet"}, "must both be text/csv or both be JSON"),
            ({"target": {"AssembleWith": "None"}}, "TransformOutput.AssembleWith must be Line"),
            ({"source": {"SplitType": "None"}}, "TransformInput.SplitType must be Line for text/csv"),
        ],
    )
    def test_formats_that_do_not_go_together_are_refused(
        self, client: Client, members: dict[str, Any], what: str
    ) -> None:
        with pytest.raises(AwsError, match=what) as refused:
            client("CreateTransformJob", **arguments(DataProcessing={"JoinSource": "Input"}, **members))
        assert refused.value.code == "ValidationException"

    @pytest.mark.parametrize("path", ["id", "$.", "$[a]", "$['a", "$..a", "$[1:2:3]"])
    def test_a_path_that_cannot_be_read_is_refused(self, client: Client, path: str) -> None:
        with pytest.raises(AwsError, match=r"DataProcessing\.InputFilter .* cannot be read"):
            client("CreateTransformJob", **arguments(DataProcessing={"InputFilter": path}))


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "value", "found"),
        [
            ("$", [1], [1]),
            ("$.a", {"a": 1}, 1),
            ("$.a.b", {"a": {"b": 2}}, 2),
            ("$['a']", {"a": 1}, 1),
            ("$.a.['b','c']", {"a": {"b": 1, "c": 2, "d": 3}}, {"b": 1, "c": 2}),
            ("$[0]", [1, 2], 1),
            ("$[-1]", [1, 2], 2),
            ("$[0, -1]", [1, 2, 3], [1, 3]),
            ("$[1:]", [1, 2, 3], [2, 3]),
            ("$[:-1]", [1, 2, 3], [1, 2]),
            ("$[*]", [1, 2], [1, 2]),
            ("$.*", {"a": 1, "b": 2}, [1, 2]),
        ],
    )
    def test_paths_select_as_the_service_documents_them(self, path: str, value: Any, found: Any) -> None:
        assert JsonPath(path, "InputFilter").select(value) == found

    @pytest.mark.parametrize(("path", "value"), [("$.a", {"b": 1}), ("$[2]", [1]), ("$[0]", {"a": 1}), ("$.a", [1])])
    def test_what_is_not_there_is_an_error(self, path: str, value: Any) -> None:
        with pytest.raises(JobFailedError, match=r"InputFilter .* selects nothing"):
            JsonPath(path, "InputFilter").select(value)
