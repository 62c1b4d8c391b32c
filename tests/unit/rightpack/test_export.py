from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import tarfile
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from rightpack.endpoint import CONFIG, MODEL, endpoint_requests
from rightpack.errors import DataError, SettingsError
from rightpack.export import CARD, CHECKSUMS, CONTRACT, EXAMPLE, Exporter, packaged, serving
from rightpack.layout import Layout
from rightpack.registry import ModelPackage
from rightpack.settings import Online

LAYOUT = Layout("dev", "123456789012", "us-east-1")
ENCODER = {
    "features": {"numeric": ["weight_g"], "categorical": ["category"], "text": ["title"]},
    "vocabularies": {"category": ["toys, games", "books"]},
}
CARD_JSON = {
    "architecture": "lightgbm",
    "parameters": {"rounds": 9},
    "rows": 100,
    "positives": 90,
    "settings_digest": "d",
}


def archive() -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w:gz") as opened:
        for name, content in (("bundle.json", {}), ("carton/encoder.json", ENCODER), ("carton/card.json", CARD_JSON)):
            body = json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(body)
            opened.addfile(member, io.BytesIO(body))
    return sink.getvalue()


OBJECTS = {"s3://a/model.tar.gz": archive(), "s3://a/report.html": b"<html>", "s3://a/statistics.json": b"{}"}


def model(group: str = "rightpack-dev-carton", **metadata: str) -> ModelPackage:
    return ModelPackage(
        arn=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{group}/3",
        group=group,
        version=3,
        status="Approved",
        created=dt.datetime(2026, 9, 13, tzinfo=dt.UTC),
        image="image",
        model_data_url="s3://a/model.tar.gz",
        metadata={"package-type": "carton", "report": "s3://a/report.html", **metadata},
        statistics_uri="s3://a/statistics.json",
    )


def test_an_export_holds_all_that_another_portal_needs() -> None:
    files = packaged(model(), OBJECTS.__getitem__)
    assert set(files) == {"model.tar.gz", CONTRACT, EXAMPLE, "report.html", "statistics.json", CARD, CHECKSUMS}
    for line in files[CHECKSUMS].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest


def test_a_team_that_serves_online_gets_requests_which_the_service_takes() -> None:
    online = Online(instance_type="ml.m5.large", instances=2)
    requests = endpoint_requests(model(), LAYOUT, online)
    files = packaged(model(), OBJECTS.__getitem__, requests)
    service = botocore.session.get_session().get_service_model("sagemaker")
    found = {}
    for name, operation in ((MODEL, "CreateModel"), (CONFIG, "CreateEndpointConfig")):
        found[name] = json.loads(files[name])
        shape = service.operation_model(operation).input_shape
        assert not ParamValidator().validate(found[name], shape).has_errors()
        assert f"  {name}" in files[CHECKSUMS].decode()
    [variant] = found[CONFIG]["ProductionVariants"]
    assert variant["ModelName"] == found[MODEL]["ModelName"] == "rightpack-dev-carton-3"
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    assert found[MODEL]["ExecutionRoleArn"] == "arn:aws:iam::123456789012:role/rightpack-dev-job"


def test_without_a_machine_there_are_no_such_requests() -> None:
    assert endpoint_requests(model(), LAYOUT, Online()) == {}


@pytest.mark.parametrize("wrong", [{"instance_type": "m5.large"}, {"instance_type": "ml.m5.large", "instances": 0}])
def test_machines_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"online\."):
        Online(**wrong)


def test_the_contract_names_raw_columns_and_types() -> None:
    contract = json.loads(packaged(model(), OBJECTS.__getitem__)[CONTRACT])
    assert {c["name"]: c["type"] for c in contract["columns"]} == {
        "product_id": "string",
        "weight_g": "double",
        "category": "string",
        "title": "string",
    }


def test_the_example_request_has_the_contract_s_columns() -> None:
    header, row = packaged(model(), OBJECTS.__getitem__)[EXAMPLE].decode().splitlines()
    assert header == "product_id,weight_g,category,title"
    assert row == 'example-1,1.0,"toys, games",an example'


def test_the_same_model_exports_to_the_same_bytes() -> None:
    assert packaged(model(), OBJECTS.__getitem__) == packaged(model(), OBJECTS.__getitem__)


def test_a_model_card_tells_version_architecture_and_rows() -> None:
    text = packaged(model(), OBJECTS.__getitem__)[CARD].decode()
    assert "version 3" in text
    assert "lightgbm" in text
    assert "100 labelled products, 90 of them suitable" in text


def test_an_artefact_that_is_none_is_refused() -> None:
    with pytest.raises(DataError, match=r"not a whole tar\.gz"):
        packaged(model(), lambda _: b"nothing")


def test_a_parameter_stays_within_what_the_store_takes() -> None:
    files = packaged(model(), OBJECTS.__getitem__)
    found = json.loads(serving(model(), files, "s3://a/exports/carton/3/"))
    assert (found["version"], found["architecture"], found["parameters"]) == (3, "lightgbm", {"rounds": 9})


class Store:
    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def put_parameter(self, *, Name: str, Value: str, **_: Any) -> None:
        self.values[Name] = Value


class Bucket:
    exceptions = SimpleNamespace(NoSuchKey=KeyError)

    def __init__(self) -> None:
        self.objects = {uri.removeprefix("s3://"): body for uri, body in OBJECTS.items()}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[f"{Bucket}/{Key}"])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[f"{Bucket}/{Key}"] = Body


def exporter(champion: ModelPackage | None, store: Store, bucket: Bucket) -> Exporter:
    registry: Any = SimpleNamespace(champion=lambda _: champion)
    s3: Any = bucket
    return Exporter(LAYOUT, registry, s3, store)


def test_the_parameter_follows_the_version_that_serves_and_says_when_none_does() -> None:
    store, bucket = Store(), Bucket()
    assert exporter(model(), store, bucket).publish("rightpack-dev-carton") == "/rightpack/dev/models/carton"
    assert json.loads(store.values["/rightpack/dev/models/carton"])["version"] == 3
    assert any(key.endswith("exports/carton/3/checksums.sha256") for key in bucket.objects)
    exporter(None, store, bucket).publish("rightpack-dev-carton")
    assert json.loads(store.values["/rightpack/dev/models/carton"])["version"] is None


@pytest.mark.parametrize("group", ["somebody-elses", "rightpack-dev-x-carton"])
def test_groups_of_others_are_left_alone(group: str) -> None:
    store = Store()
    assert exporter(model(group), store, Bucket()).publish(group) is None
    assert store.values == {}


def test_a_model_whose_files_are_gone_is_named() -> None:
    bucket = Bucket()
    bucket.objects.clear()
    with pytest.raises(DataError, match=r"s3://a/model\.tar\.gz"):
        exporter(model(), Store(), bucket).publish("rightpack-dev-carton")
