"""Validation, staging, archives, batches and mounts on their own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local_cloud.sagemaker import archives
from local_cloud.sagemaker.batches import Batching
from local_cloud.sagemaker.errors import JobFailedError
from local_cloud.sagemaker.mounts import BindMount, RewrittenPaths, bind_mounts_work
from local_cloud.sagemaker.staging import Staging, below, bucket_and_key
from local_cloud.sagemaker.validation import check, without_nulls
from local_cloud.sagemaker.workspace import Workspace
from local_cloud.wire import AwsError
from tests.unit.local_cloud.sagemaker.fakes import BUCKET, ROLE, Client, MemoryStore, definition, processing, step

PIPELINE = {"PipelineName": "toy", "RoleArn": ROLE, "ClientRequestToken": "t" * 32, "PipelineDefinition": "{}"}


class TestValidation:
    @pytest.mark.parametrize(
        ("change", "what"),
        [
            ({"PipelineName": None}, 'Missing required parameter in input: "PipelineName"'),
            ({"Wrong": 1}, 'Unknown parameter in input: "Wrong"'),
            ({"PipelineName": 3}, "Invalid type for parameter PipelineName"),
            ({"PipelineName": "under_score"}, "Value 'under_score' at 'PipelineName' failed to satisfy constraint"),
            ({"PipelineName": "x" * 257}, "Member must have length less than or equal to 256"),
            ({"ClientRequestToken": "short"}, "valid min length: 32"),
            ({"ParallelismConfiguration": {"MaxParallelExecutionSteps": 0}}, "valid min value: 1"),
        ],
    )
    def test_a_request_that_does_not_fit_is_refused(self, change: dict[str, Any], what: str) -> None:
        with pytest.raises(AwsError, match=what) as refused:
            check("CreatePipeline", without_nulls({**PIPELINE, **change}))
        assert refused.value.code == "ValidationException"

    def test_enums_and_bounds_are_checked_deep_inside(self) -> None:
        request = {"ProcessingJobName": "toy", **processing("pass")}
        request["ProcessingResources"] = {
            "ClusterConfig": {"InstanceType": "ml.none", "InstanceCount": 101, "VolumeSizeInGB": 1}
        }

        with pytest.raises(AwsError, match="2 validation errors detected") as refused:
            check("CreateProcessingJob", request)
        assert "'ProcessingResources.ClusterConfig.InstanceType'" in refused.value.message
        assert "value less than or equal to 100" in refused.value.message

    def test_a_parameter_of_the_wrong_kind_fails_its_step_as_the_service_would(self, client: Client) -> None:
        arguments = {**processing("pass"), "Environment": {"N": {"Get": "Parameters.N"}}}
        client.create([step("Bad", arguments)], Parameters=[{"Name": "N", "Type": "Integer", "DefaultValue": 1}])

        _, steps = client.run()

        assert "Invalid type for parameter Environment.N" in steps["Bad"]["FailureReason"]

    def test_a_large_definition_is_taken_and_a_larger_one_refused(self) -> None:
        steps = [step(f"S{n}", processing("pass")) for n in range(1000)]
        text = json.dumps(json.loads(definition(steps)), indent=1)

        check("CreatePipeline", {**PIPELINE, "PipelineDefinition": text})
        with pytest.raises(AwsError, match="length less than or equal to 1048576"):
            check("CreatePipeline", {**PIPELINE, "PipelineDefinition": text + text})


class TestStaging:
    @pytest.mark.parametrize(
        ("prefix", "key", "path"),
        [
            ("a/b/", "a/b/c/d.txt", "c/d.txt"),
            ("a/b", "a/b/c.txt", "c.txt"),
            ("a/b.txt", "a/b.txt", "b.txt"),
            ("a/par", "a/part-0/x", "part-0/x"),
            ("", "a/b.txt", "a/b.txt"),
        ],
    )
    def test_paths_are_relative_to_the_prefix(self, prefix: str, key: str, path: str) -> None:
        assert below(prefix, key) == path

    @pytest.mark.parametrize("uri", ["https://b/k", "s3://", "b/k", ""])
    def test_only_s3_uris_are_read(self, uri: str) -> None:
        with pytest.raises(AwsError, match="is not an S3 URI"):
            bucket_and_key(uri)

    def test_a_key_cannot_leave_the_folder(self, tmp_path: Path) -> None:
        store = MemoryStore(BUCKET)
        store.write(BUCKET, "in/../../escaped", b"")

        with pytest.raises(JobFailedError, match="would leave the folder"):
            Staging(store, lambda _role: store).download(f"s3://{BUCKET}/in/", tmp_path / "a" / "b")

    def test_markers_of_folders_are_not_files(self, tmp_path: Path) -> None:
        store = MemoryStore(BUCKET)
        store.write(BUCKET, "in/", b"")
        store.write(BUCKET, "in/sub/", b"")
        store.write(BUCKET, "in/sub/a", b"1")

        Staging(store, lambda _role: store).download(f"s3://{BUCKET}/in/", tmp_path)

        assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["sub", "sub/a"]

    @pytest.mark.parametrize("path", ["/etc/passwd", "/opt/mlx", "/opt/ml/../../etc", "opt/ml"])
    def test_container_paths_stay_below_opt_ml(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(JobFailedError, match="is not below /opt/ml"):
            Workspace.create(tmp_path / "job").local(path)


class TestArchives:
    def test_what_is_packed_comes_out_again(self, tmp_path: Path) -> None:
        folder = tmp_path / "in"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a.txt").write_text("a")
        script = folder / "run"
        script.write_text("b")
        script.chmod(0o750)

        archives.pack(folder, tmp_path / "x.tar.gz")
        archives.unpack(tmp_path / "x.tar.gz", tmp_path / "out")

        assert (tmp_path / "out" / "sub" / "a.txt").read_text() == "a"
        assert os.access(tmp_path / "out" / "run", os.X_OK)

    def test_times_owners_and_names_do_not_change_an_archive(self, tmp_path: Path) -> None:
        for name, time in (("one", 1), ("two", 1_000_000_000)):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "a.txt").write_text("a")
            os.utime(folder / "a.txt", (time, time))
            archives.pack(folder, tmp_path / f"{name}.tar.gz")

        assert (tmp_path / "one.tar.gz").read_bytes() == (tmp_path / "two.tar.gz").read_bytes()

    def test_anything_else_is_no_archive(self, tmp_path: Path) -> None:
        (tmp_path / "x.tar.gz").write_bytes(b"not an archive")

        with pytest.raises(JobFailedError, match=r"Cannot extract model data x\.tar\.gz"):
            archives.unpack(tmp_path / "x.tar.gz", tmp_path / "out")


class TestBatches:
    def batching(self, **change: Any) -> Batching:
        return Batching(**{"by_line": True, "one_record": False, "limit": 6, "newline": False, **change})

    def test_lines_fill_the_payload_and_keep_their_order(self) -> None:
        payloads = list(self.batching().payloads("k", b"1\n22\n333\n4"))

        assert payloads == [b"1\n22\n", b"333\n4"]

    def test_only_a_newline_ends_a_record(self) -> None:
        assert list(self.batching(one_record=True).payloads("k", b"1\r2\n3\x0b\n")) == [b"1\r2\n", b"3\x0b\n"]

    def test_no_limit_means_one_payload(self) -> None:
        assert list(self.batching(limit=0).payloads("k", b"1\n" * 100)) == [b"1\n" * 100]

    def test_a_record_beyond_the_limit_is_an_error_not_a_split(self) -> None:
        with pytest.raises(JobFailedError, match="k: 8 bytes in one record; MaxPayloadInMB allows 6 bytes"):
            list(self.batching().payloads("k", b"1\n1234567\n"))

    def test_answers_are_joined_as_asked(self) -> None:
        assert self.batching().assemble([b"a", b"b"]) == b"ab"
        assert self.batching(newline=True).assemble([b"a", b"b"]) == b"a\nb\n"


class TestMounts:
    def test_the_fallback_rewrites_paths_and_nothing_like_them(self, tmp_path: Path) -> None:
        ml = tmp_path / "ml"

        changed = RewrittenPaths().wrap(ml, ["run", "--in=/opt/ml/x", "/opt/mlflow", "/opt/ml"], {"A": "/opt/ml:/b"})

        assert changed.argv == ("run", f"--in={ml}/x", "/opt/mlflow", str(ml))
        assert changed.env == {"A": f"{ml}:/b", "RIGHTPACK_ML_ROOT": str(ml)}

    @pytest.mark.skipif(not bind_mounts_work(), reason="this kernel gives an ordinary user no mount namespace")
    def test_a_mount_is_private_to_its_process(self, tmp_path: Path) -> None:
        ml = tmp_path / "ml"
        ml.mkdir()
        wrapped = BindMount().wrap(ml, ["sh", "-c", "echo seen > /opt/ml/file"], {"PATH": "/usr/bin:/bin"})

        done = subprocess.run(wrapped.argv, env=dict(wrapped.env), check=False)

        assert done.returncode == 0
        assert (ml / "file").read_text() == "seen\n"
        assert list((tmp_path / "opt").iterdir()) == []
        assert not Path("/opt/ml/file").exists()
