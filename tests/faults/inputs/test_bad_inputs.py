"""Every bad input by its real door: what is said, where it went, and that none of it half-loads."""

from __future__ import annotations

import datetime as dt
import io
import json
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from processing.defence.admission import QUARANTINE_NAME
from rightpack.cli.stage import Stage
from rightpack.errors import Fault, RightpackError
from rightpack.layout import split_uri
from rightpack.ledger import RunState
from rightpack.trigger import TriggerObject
from tests.faults.inputs import table
from tests.faults.inputs.bad import Bad, Entry
from tests.faults.inputs.entering import (
    OUTPUTS,
    Ended,
    awaited,
    bundled,
    kept,
    load,
    own_file,
    prepare,
    put_trigger,
    until,
)
from tests.faults.inputs.own_files import ROWS
from tests.faults.inputs.table import RECORD, TABLE, recorded

TRIGGERS = [bad for bad in TABLE if bad.entry is Entry.TRIGGER]
DROPS = [bad for bad in TABLE if bad.entry in OUTPUTS]
LOADS = [bad for bad in TABLE if bad.entry is Entry.LOAD]
OWN = [bad for bad in TABLE if bad.entry is Entry.OWN]
MODELS = [bad for bad in TABLE if bad.entry is Entry.MODEL]


def compared(bad: Bad, says: str, went: str) -> None:
    """Hold what is seen against the record; with RECORD_BAD_INPUTS=1 write it there instead, to be reviewed."""
    says = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", says)
    seen = {key: re.sub(r"/\d{8}T\d{6}/", "/<time>/", text) for key, text in (("says", says), ("went", went))}
    if os.environ.get("RECORD_BAD_INPUTS"):
        RECORD.write_text(json.dumps({**recorded(), bad.name: seen}, indent=1, sort_keys=True) + "\n")
    assert recorded()[bad.name] == seen


def named(bad: Bad) -> str:
    return bad.name


@pytest.fixture(scope="module")
def put(stage: Stage) -> dict[str, TriggerObject]:
    """All bad triggers at once, as a bad day would bring them."""
    return {bad.name: put_trigger(stage, bad) for bad in TRIGGERS}


@pytest.fixture(scope="module")
def jobs(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory, stage: Stage
) -> dict[str, Future[Ended]]:
    """Every drop and every load in a process of its own, two at a time."""
    root = tmp_path_factory.mktemp("jobs")
    with ThreadPoolExecutor(max_workers=2) as pool:
        made = {bad.name: pool.submit(prepare, bad, root / bad.name, environment) for bad in DROPS}
        made |= {bad.name: pool.submit(load, bad, root / bad.name, stage, environment) for bad in LOADS}
    return made


@pytest.mark.parametrize("bad", TRIGGERS, ids=named)
def test_a_bad_trigger_is_refused_with_its_reason_and_kept(
    bad: Bad, put: dict[str, TriggerObject], stage: Stage
) -> None:
    run = awaited(stage, put[bad.name])
    assert (run.state, run.execution_arn) == (RunState.REFUSED, "")
    found = kept(stage, f"quarantine/{run.run_id}/")
    assert found.pop(f"quarantine/{run.run_id}/trigger.json") == bad.files()["_TRIGGER.json"][:65_537]
    reason = json.loads(found.pop(f"quarantine/{run.run_id}/reason.json"))["reason"]
    assert (reason, found) == (run.reason, {})
    compared(bad, run.reason, "quarantine/<run id>/trigger.json, reason.json")


def test_every_bad_trigger_is_counted_once_and_starts_nothing(put: dict[str, TriggerObject], stage: Stage) -> None:
    for source in put.values():
        awaited(stage, source)
    until(lambda: _refused(stage) >= len(TRIGGERS))
    assert _refused(stage) == len(TRIGGERS)
    for pipeline in ("training", "inference"):
        name = f"rightpack-dev-{pipeline}"
        assert not stage.client("sagemaker").list_pipeline_executions(PipelineName=name)["PipelineExecutionSummaries"]


def _refused(stage: Stage) -> float:
    now = dt.datetime.now(dt.UTC)
    answer = stage.client("cloudwatch").get_metric_statistics(
        Namespace="rightpack", MetricName="TriggerQuarantined", Dimensions=[{"Name": "Stage", "Value": "dev"}],
        StartTime=now - dt.timedelta(hours=2), EndTime=now + dt.timedelta(hours=1), Period=60, Statistics=["Sum"],
    )  # fmt: skip
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


@pytest.mark.parametrize("bad", [b for b in DROPS if not b.quarantined], ids=named)
def test_a_bad_drop_is_refused_whole_and_its_reason_kept(
    bad: Bad, jobs: dict[str, Future[Ended]], stage: Stage
) -> None:
    ended = jobs[bad.name].result()
    assert ended.code == 1, ended.log
    assert ended.outputs(*OUTPUTS[bad.entry], "profile") == []
    assert ended.says.endswith(" Fix the data, then drop again.")
    found = kept(stage, f"quarantine/{bad.drop}")
    compared(bad, ended.says, ", ".join(sorted(found)) or "stays in the drop")
    for key, body in found.items():
        if key.endswith("reason.json"):
            assert json.loads(body)["reason"] in ended.says


@pytest.mark.parametrize("bad", [b for b in DROPS if b.quarantined], ids=named)
def test_bad_rows_go_to_quarantine_and_the_others_on(bad: Bad, jobs: dict[str, Future[Ended]], stage: Stage) -> None:
    ended = jobs[bad.name].result()
    assert ended.code == 0, ended.says
    profile = ended.root / "processing" / "output" / "profile"
    said = json.loads((profile / "profile.json").read_text())["quarantine"]
    listed = pq.read_table(profile / QUARANTINE_NAME)
    key = f"quarantine/{bad.drop}rows.parquet"
    assert said["rows"] == bad.quarantined == listed.num_rows
    assert said["file"].endswith(key)
    assert kept(stage, f"quarantine/{bad.drop}") == {key: (profile / QUARANTINE_NAME).read_bytes()}
    rows = listed.to_pylist()
    assert not _there(ended, bad, [json.loads(row["content"]) for row in rows])
    first = rows[0]
    words = f"row {first['row']} of {first['file']}: {first['column']} {first['reason']}, it is {first['value']!r}"
    compared(bad, words, key)


def _there(ended: Ended, bad: Bad, quarantined: list[dict[str, object]]) -> list[object]:
    """Rows of quarantine that got in nevertheless, by what names a row."""
    key = {Entry.PRODUCTS: "product_id", Entry.LABELS: "row_id", Entry.DAMAGE: "product_id"}[bad.entry]
    raw = "label_id" if key == "row_id" else key
    folder = ended.root / "processing" / "output"
    paths = [p for name in OUTPUTS[bad.entry] for p in (folder / name).glob("*.parquet")]
    taken = pa.concat_tables([pq.read_table(p, columns=[key]) for p in paths])[key].to_pylist()
    return [row[raw] for row in quarantined if row[raw] in taken]


@pytest.mark.parametrize("bad", LOADS, ids=named)
def test_a_bad_load_changes_no_table(bad: Bad, jobs: dict[str, Future[Ended]], stage: Stage) -> None:
    ended = jobs[bad.name].result()
    assert ended.code == 1, ended.log
    assert ended.outputs("load") == []
    for name, column in (("predictions", "run_id"), ("recommendations", "run_id")):
        query = f"SELECT COUNT(*) AS n FROM packaging.packaging_{name} WHERE {column} = '{bad.name}'"
        assert stage.data_api.rows(query) == [{"n": 0}]
    assert stage.data_api.rows(f"SELECT run_id FROM packaging.load_audit WHERE run_id = '{bad.name}'") == []
    compared(bad, ended.says, "stays in the run's outputs; tables unchanged, no audit row")


@pytest.mark.parametrize("bad", MODELS, ids=named)
def test_a_bad_archive_is_never_served(bad: Bad, tmp_path: Path) -> None:
    ended = bundled(bad, tmp_path)
    assert ended.code == 1
    assert ended.outputs("bundle") == []
    compared(bad, ended.says, "stays where it is; nothing is scored")


@pytest.mark.parametrize("bad", [b for b in OWN if not b.quarantined], ids=named)
def test_a_bad_file_of_ones_own_changes_no_table(bad: Bad, stage: Stage) -> None:
    before = _own_rows(stage)
    with pytest.raises(RightpackError) as refused:
        own_file(bad, stage)
    assert refused.value.fault in (Fault.DATA, Fault.SETTINGS)
    assert _own_rows(stage) == before
    compared(bad, str(refused.value), "stays where it is; nothing is loaded")


@pytest.mark.parametrize("bad", [b for b in OWN if b.quarantined], ids=named)
def test_bad_rows_of_ones_own_file_go_to_quarantine_and_the_others_in(bad: Bad, stage: Stage) -> None:
    loaded = own_file(bad, stage)
    _, key = split_uri(loaded.quarantine_uri)
    rows = pq.read_table(io.BytesIO(b"".join(kept(stage, key).values()))).to_pylist()
    assert (loaded.rows, loaded.quarantined, len(rows)) == (ROWS, bad.quarantined, bad.quarantined)
    assert len(_own_rows(stage)) >= ROWS
    first = rows[0]
    words = f"row {first['row']}: {first['column'] or 'the row'} {first['reason']}, it is {first['value']!r}"
    compared(bad, words, key)


def _own_rows(stage: Stage) -> list[dict[str, object]]:
    """What is in the tables of products and labels."""
    tables = ("packaging.products", "packaging.packaging_labels")
    return [row for table in tables for row in stage.data_api.rows(f"SELECT product_id FROM {table} ORDER BY 1")]


def test_the_table_holds_at_least_sixty_inputs_of_different_names() -> None:
    assert len({bad.name for bad in TABLE}) == len(TABLE) >= 60


def test_files_and_page_are_what_the_generator_writes() -> None:
    assert table.stale() == []
