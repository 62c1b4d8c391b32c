from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from local_cloud.cloud import LocalCloud
from local_cloud.wire import AwsError

BUCKET = "objects-bucket"
LARGE = b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(300_000))  # 9.6 MB, no two blocks alike


@pytest.fixture(scope="module", autouse=True)
def bucket(cloud: LocalCloud) -> None:
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    cloud.objects.write(BUCKET, "large", LARGE)
    cloud.objects.write(BUCKET, "small", b"0123456789")


@pytest.mark.parametrize(
    ("key", "wanted", "expected"),
    [
        ("small", "bytes=2-5", b"2345"),
        ("small", "bytes=7-", b"789"),
        ("small", "bytes=-3", b"789"),
        ("small", "bytes=0-999", b"0123456789"),
        ("large", "bytes=1048570-1048590", LARGE[1048570:1048591]),
        ("large", "bytes=9599990-", LARGE[9599990:]),
    ],
)
def test_ranged_get_gives_exactly_the_bytes_asked_for(
    cloud: LocalCloud, key: str, wanted: str, expected: bytes
) -> None:
    size = {"small": 10, "large": len(LARGE)}[key]
    answer = cloud.client("s3").get_object(Bucket=BUCKET, Key=key, Range=wanted)

    assert answer["Body"].read() == expected
    assert answer["ContentLength"] == len(expected)
    assert answer["ContentRange"].endswith(f"/{size}")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


def test_unsatisfiable_range_is_refused_as_s3_does(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="InvalidRange"):
        cloud.client("s3").get_object(Bucket=BUCKET, Key="small", Range="bytes=100-200")


def test_large_object_comes_back_whole_and_with_its_headers(cloud: LocalCloud) -> None:
    answer = cloud.client("s3").get_object(Bucket=BUCKET, Key="large")

    assert answer["Body"].read() == LARGE
    assert answer["ETag"] == f'"{hashlib.md5(LARGE).hexdigest()}"'


def test_failed_condition_of_a_get_is_still_judged(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match="PreconditionFailed"):
        cloud.client("s3").get_object(Bucket=BUCKET, Key="large", IfMatch='"other"')


def test_parallel_multipart_upload_and_download_are_lossless(cloud: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "up").write_bytes(LARGE)
    parts = TransferConfig(multipart_threshold=1 << 20, multipart_chunksize=5 << 20, max_concurrency=4)

    cloud.client("s3").upload_file(str(tmp_path / "up"), BUCKET, "parts", Config=parts)
    cloud.client("s3").download_file(BUCKET, "parts", str(tmp_path / "down"), Config=parts)

    assert (tmp_path / "down").read_bytes() == LARGE


def test_old_versions_stay_readable_by_range(cloud: LocalCloud) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket="versioned-bucket")
    s3.put_bucket_versioning(Bucket="versioned-bucket", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="versioned-bucket", Key="k", Body=b"first version")["VersionId"]
    s3.put_object(Bucket="versioned-bucket", Key="k", Body=b"second version")

    answers = [
        s3.get_object(Bucket="versioned-bucket", Key="k", Range="bytes=0-4", **version)["Body"].read()
        for version in ({"VersionId": first}, {})
    ]

    assert answers == [b"first", b"secon"]


def test_store_without_http_and_s3_see_the_same_objects(cloud: LocalCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(LARGE)
    (tmp_path / "empty").write_bytes(b"")
    cloud.objects.upload(BUCKET, "same/file", tmp_path / "file")
    cloud.objects.upload(BUCKET, "same/empty", tmp_path / "empty")
    cloud.client("s3").put_object(Bucket=BUCKET, Key="same/put", Body=b"put")

    listed = cloud.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="same/")["Contents"]
    cloud.objects.download(BUCKET, "same/file", tmp_path / "deep" / "copy")

    stored = [(item.key, item.size, item.etag) for item in cloud.objects.list(BUCKET, "same/")]
    assert stored == [(item["Key"], item["Size"], item["ETag"].strip('"')) for item in listed]
    assert (tmp_path / "deep" / "copy").read_bytes() == LARGE
    assert cloud.objects.read(BUCKET, "same/put") == b"put"


def test_deleted_object_is_gone_and_deleting_twice_is_fine(cloud: LocalCloud) -> None:
    cloud.objects.write(BUCKET, "gone", b"x")
    cloud.objects.delete(BUCKET, "gone")
    cloud.objects.delete(BUCKET, "gone")

    with pytest.raises(AwsError, match="NoSuchKey: The key 'gone' does not exist"):
        cloud.objects.read(BUCKET, "gone")


def test_missing_bucket_is_named(cloud: LocalCloud) -> None:
    with pytest.raises(AwsError, match="The bucket 'nowhere' does not exist"):
        cloud.objects.list("nowhere", "")
