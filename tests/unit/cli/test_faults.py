from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from local_cloud.cloud import LocalCloud
from rightpack.cli.faults import arm, faults_app
from rightpack.errors import SettingsError


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(services=[]) as running:
        yield running


@pytest.fixture
def endpoint(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    yield cloud
    cloud.faults.clear()


def say(*words: str) -> str:
    done = CliRunner().invoke(faults_app, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_fault_is_injected_listed_with_what_it_did_and_cleared(endpoint: LocalCloud) -> None:
    name = say("inject", "error", "--service", "sqs", "--set", "code=Odd", "--set", "status=418").strip()
    with pytest.raises(ClientError, match="Odd"):
        endpoint.client("sqs").list_queues()

    listed = json.loads(say("list", "--json", "-"))

    assert [(fault["id"], fault["fired"]) for fault in listed["faults"]] == [(name, 1)]
    assert [item["where"].split()[0] for item in listed["struck"]] == ["sqs:ListQueues"]
    say("clear", name)
    assert endpoint.faults.armed() == []


def test_a_file_arms_several_faults(endpoint: LocalCloud, tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text('[[fault]]\nkind = "slow"\nseconds = 0.1\n[[fault]]\nkind = "lose-event"\nservice = "aws.s3"\n')
    assert len(arm(file)) == 2
    assert [fault["kind"] for fault in endpoint.faults.armed()] == ["slow", "lose-event"]


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("text", ["kind = 'slow'", "[[fault]]\nkind = 'sloow'", "["])
def test_a_file_that_says_nothing_useful_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "faults.toml"
    file.write_text(text)
    with pytest.raises(SettingsError):
        arm(file)


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize(
    "words", [("inject", "nonsense"), ("inject", "slow", "--set", "seconds=x"), ("clear", "fault-0")]
)
def test_what_cannot_be_is_refused_in_words(words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsError):
        CliRunner().invoke(faults_app, list(words), catch_exceptions=False)


def test_an_account_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://sqs.us-east-1.amazonaws.com")
    with pytest.raises(SettingsError, match="rightpack up"):
        CliRunner().invoke(faults_app, ["list"], catch_exceptions=False)
