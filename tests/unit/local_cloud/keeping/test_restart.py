"""A whole cloud, stopped and started again with the same folder, at another port."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local_cloud.cloud import LocalCloud
from tests.unit.local_cloud.keeping.world import WHAT, World, facts, use


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("world"))
    with made.cloud() as cloud:
        use(made, cloud)
    return made


@pytest.fixture(scope="module")
def after(world: World) -> Iterator[LocalCloud]:
    with world.cloud() as cloud:
        world.seen["now"] = facts(cloud)
        yield cloud


@pytest.mark.parametrize("what", WHAT)
def test_everything_is_as_it_was(world: World, after: LocalCloud, what: str) -> None:
    assert after.restored
    assert world.seen["now"][what] == world.seen["facts"][what]


def test_every_version_has_its_bytes(after: LocalCloud) -> None:
    s3 = after.client("s3")
    versions = s3.list_object_versions(Bucket="kept-bucket", Prefix="a/b")["Versions"]
    bodies = [
        s3.get_object(Bucket="kept-bucket", Key="a/b", VersionId=version["VersionId"])["Body"].read()
        for version in versions
    ]
    assert sorted(bodies, key=len) == [b"one", b"three", b"z" * 6_000_000]
    part = s3.get_object(Bucket="kept-bucket", Key="a/b", Range="bytes=5999990-")["Body"].read()
    assert part == b"z" * 10


def test_a_key_still_opens_what_it_closed(world: World, after: LocalCloud) -> None:
    assert after.client("kms").decrypt(CiphertextBlob=world.seen["secret"])["Plaintext"] == b"plain"


def test_clock_and_schedules_go_on(after: LocalCloud) -> None:
    fired = after.advance(4 * 86_400 + 3600)

    assert [due.name for due in fired] == ["weekly"]


def test_functions_and_stacks_know_the_new_address(world: World, after: LocalCloud) -> None:
    answer = after.client("lambda").invoke(FunctionName="worker", Payload=b'"where"')["Payload"].read()

    assert after.url != world.seen["url"]
    assert json.loads(answer) == f"{after.url}/123456789012/work"
    outputs = after.client("cloudformation").describe_stacks(StackName="main")["Stacks"][0]["Outputs"]
    assert [output["OutputValue"] for output in outputs] == [f"{after.url}/123456789012/work"]
