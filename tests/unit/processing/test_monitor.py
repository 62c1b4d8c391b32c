from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from processing import monitor
from processing.artefact import Entry, write_index
from processing.columns import SIDES
from processing.job import Record, manifest_of
from processing.monitor import Arguments
from rightpack.errors import ContractError
from rightpack.layout import Layout, catalogue_key
from tests.unit.processing.world import Desk, FakeCloudWatch, FakeSageMaker, labelled, products, settings

LAYOUT = Layout("dev", "123456789012", "us-east-1")
TYPES = ("carton", "padded-mailer")
TRAINED = "2026-11-10"


class FakeFunctions:
    """Asynchronous calls that were made."""

    class exceptions:  # noqa: N801  # as boto3 calls it
        ClientError = ClientError

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, InvocationType: str, Payload: bytes) -> None:
        self.calls.append(json.loads(Payload))

    @property
    def asked(self) -> list[str]:
        return [name for call in self.calls for name in call["package_types"]]


class Shop(Desk):
    """A desk with an S3 that knows conditional writes, and a bundle of two approved models."""

    def begin(self, s3: Any) -> None:
        self.functions, self.metrics, self.registry = FakeFunctions(), FakeCloudWatch(), FakeSageMaker()
        self.clients = {"s3": s3, "lambda": self.functions, "cloudwatch": self.metrics, "sagemaker": self.registry}
        self.cloud.client = self.clients.__getitem__  # type: ignore[method-assign]
        self.versions = {name: self._register(name) for name in TYPES}
        self.bundled = self.folder / "bundle"
        self.bundled.mkdir()
        write_index(self.bundled, [Entry(n, n, "lightgbm", arn) for n, arn in self.versions.items()])
        record = Record("Bundle")
        record.wrote("bundle", self.bundled)
        record.save(self.bundled)

    def _register(self, name: str) -> str:
        arn = self.registry.approve(LAYOUT.model_group(name), f"s3://models/{name}.tar.gz")
        self.registry.packages[arn]["CustomerMetadataProperties"] = {"business-date": TRAINED}
        return arn

    def look(self, table: pa.Table, date: str, mode: str = "monthly") -> dict[str, Any]:
        """One inference drop through Prepare and Monitor; its drift.json."""
        prepared = self.prepare_inference(table, f"prepare-{date}-{mode}")
        self._dated(prepared / "profile", date)
        inputs = {"profile": prepared / "profile", "bundle": self.bundled}
        arguments = Arguments(f"inference-{date}", date, mode)
        self.drift = self.do(f"monitor-{date}-{mode}", lambda job: monitor.run(job, arguments), inputs) / "drift"
        return dict(json.loads((self.drift / "drift.json").read_text()))

    def _dated(self, folder: Path, date: str) -> None:
        profile = json.loads((folder / "profile.json").read_text()) | {"business_date": date}
        (folder / "profile.json").write_text(json.dumps(profile))
        record = Record("Prepare")
        record.wrote("profile", folder)
        record.save(folder)

    def drifted(self) -> dict[str, float]:
        return self.metrics.values("FeatureDrift")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_bucket(Bucket=LAYOUT.artefact_bucket)
        made = Shop(tmp_path, settings())
        made.begin(client)
        yield made


def other(count: int, seed: int = 2) -> pa.Table:
    """Products of another assortment: four times as expensive, nearly all of them from the kitchen."""
    table = products(count, seed)
    prices = pa.array(table["price"].to_numpy() * 4)
    table = table.set_column(table.column_names.index("price"), "price", prices)
    names = np.where(np.random.default_rng(seed).random(count) < 0.9, "kitchen", "toys")
    return table.set_column(table.column_names.index("category"), "category", pa.array(names))


def by_type(facts: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {one["package_type"]: one[key] for one in facts["package_types"]}


def test_the_first_whole_catalogue_is_compared_with_nothing_and_kept(shop: Shop) -> None:
    facts = shop.look(products(1500), "2026-11-01")
    assert set(by_type(facts, "compared").values()) == {False}
    assert set(by_type(facts, "note").values()) == {"There is no earlier whole catalogue to compare with."}
    assert shop.drifted() == {}
    kept = shop.clients["s3"].get_object(Bucket=LAYOUT.artefact_bucket, Key=catalogue_key("2026-11-01"))
    assert json.loads(kept["Body"].read())["products"] == 1500


def test_the_same_assortment_later_is_no_drift(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    facts = shop.look(products(1600, seed=9), "2026-12-01")
    assert by_type(facts, "drifted") == {name: [] for name in TYPES}
    assert set(by_type(facts, "compared").values()) == {True}
    assert shop.drifted() == dict.fromkeys(TYPES, 0.0)
    assert shop.functions.calls == []
    assert "as they were when the models were trained" in (shop.drift / "report.html").read_text()


def test_another_assortment_is_measured_reported_and_asks_for_trainings_once(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    facts = shop.look(other(1500), "2026-12-01")
    assert by_type(facts, "drifted") == {name: ["category", "price"] for name in TYPES}
    assert by_type(facts, "requested") == dict.fromkeys(TYPES, True)
    assert shop.drifted() == dict.fromkeys(TYPES, 2.0)
    assert shop.functions.asked == list(TYPES)
    page = (shop.drift / "report.html").read_text()
    assert "The products have changed: category, price." in page
    assert "New trainings of carton, padded-mailer were asked for" in page


def test_within_the_cool_down_drift_is_told_but_no_training_is_asked_for(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    shop.look(other(1500), "2026-12-01")
    facts = shop.look(other(1500, seed=5), "2026-12-03", "daily")
    assert by_type(facts, "requested") == dict.fromkeys(TYPES, False)
    assert by_type(facts, "note")["carton"] == "A training was asked for within the last 7 days."
    assert len(shop.functions.asked) == 2
    assert shop.drifted() == dict.fromkeys(TYPES, 2.0)


def test_a_model_is_held_against_the_catalogue_of_the_time_it_was_trained(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    shop.look(other(1500), "2026-12-01")
    shop.registry.packages[shop.versions["carton"]]["CustomerMetadataProperties"] = {"business-date": "2026-12-04"}
    facts = shop.look(other(1500, seed=5), "2027-01-01")
    assert by_type(facts, "drifted") == {"carton": [], "padded-mailer": ["category", "price"]}
    assert {t: b["business_date"] for t, b in by_type(facts, "baseline").items()} == {
        "carton": "2026-12-01",
        "padded-mailer": "2026-11-01",
    }


def test_the_products_of_a_few_days_are_compared_only_where_there_are_enough(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    few = shop.look(other(999), "2026-11-12", "daily")
    assert set(by_type(few, "compared").values()) == {False}
    assert "999 products are too few to compare; 1,000 are needed." in (shop.drift / "report.html").read_text()
    enough = shop.look(other(1000), "2026-11-13", "daily")
    assert by_type(enough, "drifted")["carton"] == ["category", "price"]


def test_only_whole_catalogues_are_counted_and_kept(shop: Shop) -> None:
    shop.look(products(3000), "2026-11-01")
    daily = shop.look(products(1000, seed=4), "2026-11-12", "daily")
    assert by_type(daily, "drifted")["carton"] == []
    monthly = shop.look(products(1500, seed=4), "2026-12-01")
    assert by_type(monthly, "drifted")["carton"] == ["(all rows)"]
    assert shop.functions.calls == []  # a smaller catalogue is nothing that a model could learn
    listed = shop.clients["s3"].list_objects_v2(Bucket=LAYOUT.artefact_bucket, Prefix="runs/drift/catalogue/")
    assert [o["Key"] for o in listed["Contents"]] == [catalogue_key("2026-11-01"), catalogue_key("2026-12-01")]


def test_a_model_can_be_held_against_its_own_training_rows(shop: Shop) -> None:
    shop.settings = settings(drift={"against": "training"})
    prepared = shop.prepare(labelled(3000))
    body = (prepared / "profile" / "profile.json").read_bytes()
    shop.clients["s3"].put_object(Bucket=LAYOUT.artefact_bucket, Key="runs/training/e1/profile.json", Body=body)
    uri = f"s3://{LAYOUT.artefact_bucket}/runs/training/e1/profile.json"
    shop.registry.packages[shop.versions["carton"]]["CustomerMetadataProperties"]["baseline"] = uri
    same = shop.look(products(2000, seed=3), "2026-12-01")
    assert by_type(same, "drifted")["carton"] == []
    assert by_type(same, "compared") == {"carton": True, "padded-mailer": False}
    assert "without the profile of its training rows" in by_type(same, "note")["padded-mailer"]
    assert by_type(shop.look(other(2000), "2026-12-02"), "drifted")["carton"] == ["category", "price"]


def test_a_service_in_trouble_is_reported_and_fails_nothing(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    del shop.registry.packages[shop.versions["carton"]]["CustomerMetadataProperties"]
    shop.registry.describe_model_package = _refused  # type: ignore[method-assign]
    facts = shop.look(other(1500), "2026-12-01")
    assert set(by_type(facts, "compared").values()) == {False}
    assert "AccessDenied" in by_type(facts, "note")["carton"]
    assert "AccessDenied" in (shop.drift / "report.html").read_text()


def _refused(**request: Any) -> dict[str, Any]:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeModelPackage")


def test_a_request_that_cannot_be_made_leaves_the_finding_in_the_report(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    shop.functions.invoke = _refused  # type: ignore[method-assign]
    facts = shop.look(other(1500), "2026-12-01")
    assert by_type(facts, "drifted")["carton"] == ["category", "price"]
    assert by_type(facts, "requested")["carton"] is False
    assert "could not be asked for a training" in by_type(facts, "note")["carton"]


def test_the_step_leaves_a_manifest_of_what_it_read_and_wrote(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    manifest = manifest_of(shop.drift)
    assert manifest.step == "Monitor"
    assert [a.name for a in manifest.inputs] == ["profile", "bundle"]
    assert [a.name for a in manifest.outputs] == ["drift"]


LIGHT = {"weight_g": 0.3}  # a shop of pillows: its density is plausible in inches too


def times(count: int, seed: int, **factors: float) -> pa.Table:
    """Products whose columns are multiplied."""
    table = products(count, seed)
    for name, factor in factors.items():
        table = table.set_column(table.column_names.index(name), name, pc.multiply(table[name], factor))
    return table


@pytest.mark.parametrize(
    ("factor", "words"),
    [(1 / 2.54, "as if they were in inches"), (2.54, "as if they were converted from inches twice")],
)
def test_products_in_other_units_than_before_fail_the_run_and_are_no_baseline(
    shop: Shop, factor: float, words: str
) -> None:
    before = LIGHT if factor < 1 else {}
    now = before | dict.fromkeys(SIDES, factor)
    shop.look(times(1500, 1, **before), "2026-11-01")
    for date, mode in (("2026-12-01", "daily"), ("2026-12-02", "monthly")):
        with pytest.raises(ContractError, match=words):
            shop.look(times(1500, 9, **now), date, mode)
    assert (shop.functions.calls, shop.drifted()) == ([], {})
    known = shop.clients["s3"].list_objects_v2(Bucket=LAYOUT.artefact_bucket)["Contents"]
    assert [item["Key"] for item in known] == [catalogue_key("2026-11-01")]


def test_products_that_are_longer_in_one_way_are_drift_and_not_other_units(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    facts = shop.look(times(1500, 9, length_cm=2.54), "2026-12-01")
    assert "length_cm" in by_type(facts, "drifted")[TYPES[0]]


def test_other_units_can_be_allowed(shop: Shop) -> None:
    shop.look(products(1500), "2026-11-01")
    shop.settings = settings(defence={"units_as_before": False})
    facts = shop.look(times(1500, 9, **dict.fromkeys(SIDES, 2.54)), "2026-12-01")
    assert set(by_type(facts, "compared").values()) == {True}
