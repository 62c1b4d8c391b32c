from __future__ import annotations

import json
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, HTTPClientError

from local_cloud.cloud import LocalCloud
from local_cloud.faults.desk import FaultDesk
from local_cloud.faults.fault import Fault, Kind, Place
from local_cloud.faults.processes import ProcessFaults
from local_cloud.redshift.errors import SqlError
from local_cloud.redshift.runner import injected
from local_cloud.wire import AwsError
from tests.unit.local_cloud.conftest import Eventually
from tests.unit.local_cloud.test_events import Inbox
from tests.unit.local_cloud.test_functions import TRUST

ANYWHERE = Place("s3", "PutObject", "bucket/key", "somebody")


@pytest.fixture
def desk(cloud: LocalCloud) -> Iterator[FaultDesk]:
    yield cloud.faults
    cloud.faults.clear()


@pytest.fixture
def bucket(cloud: LocalCloud) -> str:
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    cloud.client("s3").create_bucket(Bucket=name)
    return name


def counts(desk: FaultDesk) -> list[tuple[int, int]]:
    return [(fault["seen"], fault["fired"]) for fault in desk.armed()]


# --- the desk ---------------------------------------------------------------------------------------------------------


def test_a_fault_strikes_as_often_as_it_is_to_after_those_that_pass() -> None:
    desk = FaultDesk()
    desk.inject(Fault(Kind.THROTTLING, "s3", "Put*", count=2, after=1))
    struck = [desk.take({Kind.THROTTLING}, ANYWHERE) is not None for _ in range(5)]
    assert struck == [False, True, True, False, False]
    assert counts(desk) == [(3, 2)]


def test_every_strike_is_written_down_with_its_time_and_place() -> None:
    desk = FaultDesk()
    name = desk.inject(Fault(Kind.SLOW, caller="some*"))
    desk.take({Kind.SLOW}, ANYWHERE)
    (struck,) = desk.struck()
    assert (struck.id, struck.kind, struck.where) == (name, Kind.SLOW, "s3:PutObject somebody bucket/key")
    assert struck.time.endswith("+00:00")


def test_what_matches_nothing_is_seen_to_have_matched_nothing() -> None:
    desk = FaultDesk()
    desk.inject(Fault(Kind.THROTTLING, name="other/*"))
    assert desk.take({Kind.THROTTLING}, ANYWHERE) is None
    assert counts(desk) == [(0, 0)]


def test_the_same_seed_chooses_the_same_matches() -> None:
    def choices(seed: int) -> list[bool]:
        desk = FaultDesk()
        desk.inject(Fault(Kind.SLOW, chance=0.5, seed=seed, count=99))
        return [desk.take({Kind.SLOW}, ANYWHERE) is not None for _ in range(40)]

    assert choices(1) == choices(1) != choices(2)
    assert {True, False} == set(choices(1))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"kind": "trottling"}, "no fault of the kind 'trottling'"),
        ({"kind": "slow", "when": 1}, "has no when"),
        ({"kind": "slow", "count": 0}, "count"),
        ({"kind": "slow", "chance": 2.0}, "chance"),
        ({"kind": "error"}, "code"),
    ],
)
def test_a_fault_that_could_never_strike_is_refused(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        Fault.from_json(raw)


def test_clearing_a_fault_that_is_not_there_says_so() -> None:
    with pytest.raises(AwsError, match="no fault 'fault-9'"):
        FaultDesk().clear("fault-9")


# --- calls ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [(Kind.THROTTLING, "SlowDown", 503), (Kind.SERVER_ERROR, "InternalError", 500)],
)
def test_a_refused_call_changes_nothing(
    cloud: LocalCloud, desk: FaultDesk, bucket: str, kind: Kind, code: str, status: int
) -> None:
    desk.inject(Fault(kind, "s3", "PutObject", name=f"{bucket}/key"))
    with pytest.raises(ClientError) as refused:
        cloud.client("s3").put_object(Bucket=bucket, Key="key", Body=b"x")
    answer = refused.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    cloud.client("s3").put_object(Bucket=bucket, Key="key", Body=b"x")  # once means once


@pytest.mark.parametrize(("kind", "limit"), [(Kind.LIMIT, "is 20 Instances"), (Kind.QUOTA_ZERO, "is 0 Instances")])
def test_a_quota_that_is_used_up_and_one_that_was_never_given_say_which_they_are(
    cloud: LocalCloud, desk: FaultDesk, kind: Kind, limit: str
) -> None:
    desk.inject(Fault(kind, "sqs", "ListQueues"))
    with pytest.raises(ClientError, match=limit) as refused:
        cloud.client("sqs").list_queues()
    assert refused.value.response["Error"]["Code"] == "ResourceLimitExceeded"


def test_a_call_whose_answer_is_lost_was_carried_out(cloud: LocalCloud, desk: FaultDesk, bucket: str) -> None:
    desk.inject(Fault(Kind.LOST_ANSWER, "s3", "PutObject"))
    with pytest.raises((HTTPClientError, ConnectionClosedError)):
        cloud.client("s3").put_object(Bucket=bucket, Key="key", Body=b"x")
    assert cloud.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read() == b"x"


def test_a_gateway_that_starts_anew_is_at_the_same_place_with_the_same_state(
    cloud: LocalCloud, desk: FaultDesk, bucket: str, eventually: Eventually
) -> None:
    desk.inject(Fault(Kind.GATEWAY_RESTART, "s3", "PutObject"))
    with pytest.raises((HTTPClientError, ConnectionClosedError)):
        cloud.client("s3").put_object(Bucket=bucket, Key="key", Body=b"x")

    def read() -> bytes:
        try:
            return bytes(cloud.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read())
        except (EndpointConnectionError, HTTPClientError):  # it is not there again yet
            return b""

    assert eventually(read) == b"x"


def test_a_service_s_own_call_is_refused_as_one_from_outside() -> None:
    faults = ProcessFaults()
    faults.desk.inject(Fault(Kind.THROTTLING, "sagemaker", "CreateModel"))
    from local_cloud.wire import Call

    with pytest.raises(AwsError, match="Rate exceeded"):
        faults.internal_call(Call("sagemaker", "CreateModel", "1", "us-east-1", "arn"), "{}")


# --- events -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def told(cloud: LocalCloud, eventually: Eventually) -> Callable[..., list[int]]:
    """Publish numbered events under a fault, and hear in which order they come."""
    inbox, source = Inbox(cloud), f"shop.{uuid.uuid4().hex[:8]}"
    inbox.rule(source)

    def publish(numbers: int, expected: int, fault: Fault) -> list[int]:
        cloud.faults.inject(fault)
        for number in range(numbers):
            cloud.emit(source, "Sold", {"n": number})
        found: list[str] = []

        def heard() -> bool:
            found.extend(inbox.bodies())
            return len(found) >= expected

        eventually(heard)
        return [json.loads(body)["detail"]["n"] for body in found]

    return publish


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("kind", "seconds", "order"),
    [
        (Kind.LOSE_EVENT, 0.0, [1, 2]),
        (Kind.DUPLICATE_EVENT, 0.0, [0, 0, 1, 2]),
        (Kind.REORDER_EVENT, 3600.0, [1, 0, 2]),
    ],
)
def test_events_are_lost_doubled_and_out_of_order(
    told: Callable[..., list[int]], kind: Kind, seconds: float, order: list[int]
) -> None:
    assert told(3, len(order), Fault(kind, "shop.*", "Sold", seconds=seconds)) == order


@pytest.mark.usefixtures("desk")
def test_a_late_event_comes(told: Callable[..., list[int]]) -> None:
    assert sorted(told(2, 2, Fault(Kind.LATE_EVENT, "shop.*", "Sold", seconds=0.05))) == [0, 1]


def test_an_event_that_waits_for_another_is_let_go_when_the_faults_are_cleared(
    cloud: LocalCloud, desk: FaultDesk
) -> None:
    inbox, source = Inbox(cloud), f"shop.{uuid.uuid4().hex[:8]}"
    inbox.rule(source)
    desk.inject(Fault(Kind.REORDER_EVENT, source, seconds=3600.0))
    cloud.emit(source, "Sold", {"n": 1})
    assert inbox.bodies() == []
    desk.clear()
    assert len(inbox.bodies()) == 1


# --- objects, functions, jobs, statements -----------------------------------------------------------------------------


def test_a_cut_object_is_shorter_than_what_was_written(cloud: LocalCloud, desk: FaultDesk, bucket: str) -> None:
    desk.inject(Fault(Kind.CUT_OBJECT, name=f"{bucket}/part_*", bytes=3))
    cloud.objects.write(bucket, "part_0", b"0123456789")
    cloud.objects.write(bucket, "part_1", b"0123456789")
    assert [len(cloud.objects.read(bucket, f"part_{n}")) for n in (0, 1)] == [7, 10]


def test_half_of_an_object_stays_where_its_writer_was_refused(
    cloud: LocalCloud, desk: FaultDesk, bucket: str, tmp_path: Path
) -> None:
    desk.inject(Fault(Kind.HALF_WRITTEN, name=f"{bucket}/part_0"))
    (tmp_path / "file").write_bytes(b"0123456789")
    with pytest.raises(AwsError, match="SlowDown"):
        cloud.objects.upload(bucket, "part_0", tmp_path / "file")
    assert cloud.objects.read(bucket, "part_0") == b"01234"


CALLS = """
import boto3, os
from botocore.config import Config
def handler(event, context):
    s3 = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}))
    s3.put_object(Bucket=event["bucket"], Key=event.get("key", "key"), Body=context.aws_request_id.encode())
    return os.getpid()
"""


@pytest.fixture
def function(cloud: LocalCloud, zipped: Callable[[str], bytes]) -> str:
    name = f"fn-{uuid.uuid4().hex[:8]}"
    trust, allowed = TRUST, {"Effect": "Allow", "Action": "*", "Resource": "*"}
    role = cloud.client("iam").create_role(RoleName=f"role-{name}", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    cloud.client("iam").put_role_policy(RoleName=f"role-{name}", PolicyName="all", PolicyDocument=policy)
    cloud.client("lambda").create_function(
        FunctionName=name,
        Role=role,
        Code={"ZipFile": zipped(CALLS)},
        Runtime="python3.12",
        Handler="handler.handler",
        Timeout=60,
    )
    return name


@pytest.mark.parametrize(
    ("kind", "stored"), [(Kind.KILL_FUNCTION, 0), (Kind.KILL_BEFORE, 0), (Kind.KILL_AFTER, 1)], ids=str
)
def test_a_function_dies_before_between_or_after_its_calls_and_the_next_one_lives(
    cloud: LocalCloud, desk: FaultDesk, function: str, bucket: str, kind: Kind, stored: int
) -> None:
    where = {"name": function} if kind is Kind.KILL_FUNCTION else {"caller": function, "operation": "PutObject"}
    desk.inject(Fault(kind, **where))
    payload = json.dumps({"bucket": bucket}).encode()
    died = cloud.client("lambda").invoke(FunctionName=function, Payload=payload)
    assert (died.get("FunctionError"), json.loads(died["Payload"].read())["errorType"]) == (
        "Unhandled",
        "Runtime.ExitError",
    )
    assert cloud.client("s3").list_objects_v2(Bucket=bucket)["KeyCount"] == stored
    assert "FunctionError" not in cloud.client("lambda").invoke(FunctionName=function, Payload=payload)


def test_the_repetition_of_an_event_whose_function_died_has_the_same_request_id(
    cloud: LocalCloud, desk: FaultDesk, function: str, bucket: str, eventually: Eventually
) -> None:
    s3 = cloud.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    desk.inject(Fault(Kind.KILL_AFTER, caller=function, operation="PutObject"))
    payload = json.dumps({"bucket": bucket}).encode()

    cloud.client("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=payload)

    versions = eventually(lambda: two(s3.list_object_versions(Bucket=bucket).get("Versions", [])))
    told = {s3.get_object(Bucket=bucket, Key="key", VersionId=v["VersionId"])["Body"].read() for v in versions}
    assert len(told) == 1


def two(found: list[Any]) -> list[Any]:
    return found if len(found) == 2 else []


def test_a_statement_meets_another_one_or_is_committed_and_reported_as_failed() -> None:
    faults = ProcessFaults()
    hooks = injected(faults)
    hooks.before_run("load")
    faults.desk.inject(Fault(Kind.CONFLICT, name="load"))
    faults.desk.inject(Fault(Kind.LOST_COMMIT, name="load"))
    with pytest.raises(SqlError, match="1023"):
        hooks.before_run("load")
    with pytest.raises(SqlError, match="lost"):
        hooks.after_commit("load")


# --- over HTTP --------------------------------------------------------------------------------------------------------


def _ask(cloud: LocalCloud, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{cloud.url}/_faults{path}", data, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_faults_are_armed_listed_and_cleared_over_http(cloud: LocalCloud, desk: FaultDesk, bucket: str) -> None:
    _, made = _ask(cloud, "POST", body={"kind": "throttling", "service": "s3", "operation": "GetObject"})
    with pytest.raises(ClientError, match="SlowDown"):
        cloud.client("s3").get_object(Bucket=bucket, Key="key")
    status, listed = _ask(cloud, "GET")
    assert (status, [(f["id"], f["fired"]) for f in listed["faults"]]) == (200, [(made["id"], 1)])
    assert _ask(cloud, "GET", "/struck")[1]["struck"][-1]["id"] == made["id"]
    assert _ask(cloud, "DELETE", f"/{made['id']}") == (200, {})
    assert _ask(cloud, "GET")[1] == {"faults": []}
    assert desk.armed() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "", {"kind": "nonsense"}, 400),
        ("POST", "", [1], 400),
        ("DELETE", "/fault-0", None, 404),
        ("PUT", "", None, 404),
    ],
)
def test_what_is_asked_wrongly_is_answered_with_what_is_wrong(
    cloud: LocalCloud, method: str, path: str, body: Any, status: int
) -> None:
    code, answer = _ask(cloud, method, path, body)
    assert code == status
    assert answer["message"]
