"""The step Load as its container runs it, over redshift_connector; tests/e2e runs it over the Data API."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from processing.warehouse import transport
from rightpack.layout import Layout
from rightpack.manifest import Artefact, StepManifest
from rightpack.settings import Settings
from rightpack.warehouse import schema_statements
from tests.contract.conftest import Account
from tests.faults.inputs.bad import DATE
from tests.faults.inputs.entering import Ended, run_module
from tests.faults.inputs.loads import ARTEFACTS, COUNT, NAMES, prefix, results

LAYOUT = Layout("dev", "123456789012", "us-east-1")


@pytest.fixture(scope="module")
def warehouse(account: Account) -> Account:
    """The account with the warehouse's schema and the bucket of results."""
    account.client("s3").create_bucket(Bucket=ARTEFACTS)
    settings = Settings.load("dev")
    statements = schema_statements(settings)
    for start in range(0, len(statements), 40):
        transport(settings, LAYOUT, account.client).run(statements[start : start + 40], token=f"schema-{start}")
    return account


@pytest.fixture(scope="module")
def called(account: Account) -> list[str]:
    """Services in the order of their calls."""
    seen: list[str] = []
    account.cloud.observe(lambda call, _status: seen.append(call.service))
    return seen


def load(account: Account, root: Path, run: str) -> Ended:
    """Run the step on sound results, with settings that choose the driver."""
    settings = Settings.load("dev", [{"warehouse": {"transport": "redshift-connector"}}])
    for name, body in results(run).items():
        account.client("s3").put_object(Bucket=ARTEFACTS, Key=prefix(run) + name, Body=body)
    said = StepManifest("Recommend", (), tuple(Artefact(name, COUNT, 1, "0") for name in NAMES), 1.0)
    files = {"config/settings.json": settings.to_json(), "report/manifest.json": said.to_json()}
    for name, text in {**files, "report/summary.json": json.dumps({"models": []})}.items():
        path = root / "processing" / "input" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    uris = [(f"--{name}-manifest", f"s3://{ARTEFACTS}/{prefix(run)}{name}/manifest") for name in NAMES]
    arguments = ["--run-id", run, "--business-date", DATE, *(part for pair in uris for part in pair)]
    return run_module("load", root, dict(os.environ), *arguments)


def test_the_step_loads_through_the_driver_where_the_settings_say_so(
    warehouse: Account, called: list[str], tmp_path: Path
) -> None:
    called.clear()
    ended = load(warehouse, tmp_path, "by-driver")
    assert (ended.code, ended.says) == (0, ""), ended.log
    assert ended.outputs("load") == ["load.json", "manifest.json"]
    assert "redshift-serverless" in called  # gives the driver its password
    assert "redshift-data" not in called
    ask = transport(Settings.load("dev"), LAYOUT, warehouse.client).rows
    for table, rows in (("packaging_predictions", COUNT), ("packaging_recommendations", COUNT), ("load_audit", 1)):
        assert ask(f"SELECT COUNT(*) AS n FROM packaging.{table} WHERE run_id = 'by-driver'") == [{"n": rows}]
