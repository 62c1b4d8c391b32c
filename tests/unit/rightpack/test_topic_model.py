"""How topics come in: their trigger, their drop, and the topic model that a training's settings name."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from rightpack.dispatch import Dispatcher
from rightpack.drops import requests_for
from rightpack.errors import SettingsError, TriggerError
from rightpack.export import Exporter
from rightpack.launch import Launcher, Planner
from rightpack.ledger import RunState
from rightpack.notices import Outbox
from rightpack.registry import Registry
from rightpack.settings import Settings
from rightpack.trigger import TriggerObject, parse
from rightpack.warehouse import topic_rows
from tests.unit.rightpack.conftest import LAYOUT, FakeClock, FakeS3, FakeSageMaker

DAY = dt.date(2026, 11, 20)
MODEL = "arn:aws:sagemaker:us-east-1:1:model-package/rightpack-dev-topics/{}"


def trigger(pipeline: str, mode: str, **more: Any) -> tuple[TriggerObject, bytes]:
    folder = f"drops/{pipeline}/2026-11-20/{mode}-1/"
    data = f"s3://{LAYOUT.data_bucket}/{folder}data/"
    body = {
        "version": 1,
        "pipeline": pipeline,
        "mode": mode,
        "business_date": "2026-11-20",
        "data": {"uri": data, "manifest": f"{data}part_manifest"},
        **more,
    }
    return TriggerObject(LAYOUT.data_bucket, f"{folder}_TRIGGER.json", "v1"), json.dumps(body).encode()


class Launched:
    def __init__(self, launcher: Launcher, s3: FakeS3, sagemaker: FakeSageMaker) -> None:
        self.launcher, self.s3, self.sagemaker = launcher, s3, sagemaker

    def parameters(self, pipeline: str, mode: str, **more: Any) -> dict[str, str]:
        source, body = trigger(pipeline, mode, **more)
        self.s3.put_object(Bucket=LAYOUT.data_bucket, Key=source.key, Body=body)
        run = self.launcher.launch(source)
        assert run.state is RunState.LAUNCHED, run.reason
        request = self.sagemaker.executions[run.execution_arn]
        assert request["PipelineName"] == f"rightpack-dev-{pipeline}"
        return {one["Name"]: one["Value"] for one in request["PipelineParameters"]}

    def topics(self, **more: Any) -> Any:
        parameters = self.parameters("training", "weekly", **{"package_type": "carton", **more})
        key = parameters["ConfigUri"].removeprefix(f"s3://{LAYOUT.data_bucket}/") + "settings.json"
        return Settings.from_json(self.s3.text(key)).topics


@pytest.fixture
def launched(
    s3: FakeS3, sagemaker: FakeSageMaker, dispatcher: Dispatcher, outbox: Outbox, clock: FakeClock
) -> Launched:
    return Launched(
        Launcher(Planner(LAYOUT, s3, sagemaker, clock), dispatcher.ledger, dispatcher, outbox), s3, sagemaker
    )


def test_a_topics_trigger_starts_its_pipeline_with_a_group_of_its_own(launched: Launched) -> None:
    parameters = launched.parameters("topics", "monthly")
    assert parameters["ModelPackageGroupName"] == "rightpack-dev-topics"
    assert parameters["ModelPackageGroupName"] in launched.sagemaker.groups
    assert parameters["MappingMode"] == "rule"
    assert not [name for name in parameters if name.endswith("InstanceType")]


def test_settings_decide_who_revises_and_on_which_machines(launched: Launched) -> None:
    machines = ["ml.m5.4xlarge", "ml.m5.2xlarge", "ml.m5.large"]
    own = {"topics": {"mapping": "held", "instance_types": machines}}
    parameters = launched.parameters("topics", "monthly", settings=own)
    assert parameters["MappingMode"] == "held"
    assert [parameters[f"Layer{n}InstanceType"] for n in (1, 2, 3)] == machines


def test_a_topics_trigger_has_no_package_type() -> None:
    source, body = trigger("topics", "monthly", package_type="carton")
    with pytest.raises(TriggerError, match="whatever they are packed in"):
        parse(body, source)
    source, body = trigger("topics", "weekly")
    with pytest.raises(TriggerError, match="must be one of monthly"):
        parse(body, source)


def test_a_topics_drop_is_one_with_the_texts_of_all_products() -> None:
    settings = Settings.load("dev")
    (request,) = requests_for({"pipeline": "topics", "mode": "monthly"}, settings, unique="u", today=DAY)
    assert request.package_type is None
    assert request.prefix == "drops/topics/2026-11-20/monthly-u/"
    query = topic_rows(settings.topics.text, DAY, schema="packaging")
    assert query.startswith("SELECT p.product_id, p.title")
    with pytest.raises(SettingsError, match="cannot be a column"):
        topic_rows("title; DROP TABLE products", DAY, schema="packaging")


def test_a_training_names_the_topic_model_that_was_approved_last(launched: Launched) -> None:
    now = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    launched.sagemaker.packages |= {MODEL.format(n): now + dt.timedelta(days=n) for n in (1, 2)}
    assert launched.topics().model == MODEL.format(2)


def test_a_training_without_an_approved_topic_model_sees_no_topics(launched: Launched) -> None:
    assert launched.topics().model == ""


@pytest.mark.parametrize(("own", "model"), [({"use": False}, ""), ({"model": "arn:mine"}, "arn:mine")])
def test_settings_may_turn_topics_off_or_name_the_model_themselves(
    launched: Launched, own: dict[str, Any], model: str
) -> None:
    launched.sagemaker.packages[MODEL.format(1)] = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert launched.topics(settings={"topics": own}).model == model


def test_the_joint_model_sees_no_topics(launched: Launched) -> None:
    launched.sagemaker.packages[MODEL.format(1)] = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    assert launched.topics(package_type="every-type").model == ""


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"mapping": "somebody"}, "one of rule, held"),
        ({"layers": 4}, "1 to 3"),
        ({"layers": 0, "coordinates": False}, "coordinates alone"),
        ({"instance_types": ["ml.m5.large"]}, "it names 3"),
        ({"most_texts": 0}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense_are_refused(own: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        Settings.load("dev", [{"topics": own}])


def test_no_package_type_can_take_the_group_of_topic_models() -> None:
    with pytest.raises(SettingsError, match="topic model of all products"):
        Settings.load("dev", [{"package_types": {"topics": {"rank": 9}}}])


def test_a_topic_model_is_not_exported_by_itself(s3: FakeS3, sagemaker: FakeSageMaker) -> None:
    sagemaker.packages[MODEL.format(1)] = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    exporter = Exporter(LAYOUT, Registry(sagemaker), s3, None)  # type: ignore[arg-type]
    assert exporter.publish("rightpack-dev-topics") is None
    assert not s3.objects
