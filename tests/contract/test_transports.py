"""The loader on both ways to the warehouse: exactly once, whatever goes wrong around the transaction."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import redshift_connector

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.runner import Faults
from processing.warehouse import driver_errors, transport
from rightpack.connector_transport import ConnectorTransport
from rightpack.data_api import DataApi
from rightpack.errors import ConflictError, ManifestError, PlatformError, ResultError, SettingsError
from rightpack.layout import Layout
from rightpack.loader import ATTEMPTS, Loader, RunLoad, StagedFiles, UsedModel
from rightpack.settings import Settings
from rightpack.transport import StatementError, Target, Transport
from rightpack.warehouse import schema_statements
from tests.contract.conftest import BUCKET, ROLE, WORKGROUP, Account

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # boto3 clients that the driver makes
    pytest.mark.filterwarnings("ignore:ssl:DeprecationWarning"),  # its TLS context
]

SCHEMA = "packaging"
DAY = dt.date(2026, 11, 20)
TYPES = {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "SMALLINT": pa.int32(), "INTEGER": pa.int32()}
TABLES = ("packaging_predictions", "packaging_recommendations", "model_versions", "load_audit")
CODE = re.compile(r"^[A-Z].*", re.MULTILINE)
COLUMN = re.compile(r"^\s*(\w+) (VARCHAR|DOUBLE|SMALLINT|INTEGER)", re.MULTILINE)


def staged_columns(statements: list[str], table: str) -> dict[str, pa.DataType]:
    """The columns that a staging table of the transaction asks for, in order."""
    (create,) = (text for text in statements if f"CREATE TEMP TABLE {table}" in text)
    return {name: TYPES[kind] for name, kind in COLUMN.findall(create.partition("(")[2])}


def values(kind: pa.DataType, name: str, rows: list[tuple[str, float]]) -> list[Any]:
    if name == "product_id":
        return [product for product, _ in rows]
    return ["carton"] * len(rows) if kind == pa.string() else [score for _, score in rows]


@dataclass
class World:
    """An empty warehouse with its schema, one way to it, and files to load."""

    account: Account
    transport: Transport
    faults: Faults
    salt: str
    slept: list[float] = field(default_factory=list)

    def id(self, run: str) -> str:
        """Run ids differ between tests, as the client tokens that are made of them do."""
        return f"{run}-{self.salt}"

    def loader(self) -> Loader:
        return Loader(self.transport, schema=SCHEMA, role=ROLE, sleep=self.slept.append)

    def drop(self, run: str, products: range, *, day: dt.date = DAY, score: float = 0.5, claim: int = 0) -> RunLoad:
        """Two parts and a manifest for each target; `claim` is how many rows more they are said to hold."""
        rows, run_id = [(f"p{number}", score) for number in products], self.id(run)
        files = {}
        for target in ("predictions", "recommendations"):
            self.write(run_id, target, rows)
            files[target] = StagedFiles(f"s3://{BUCKET}/{run_id}/{target}/manifest", len(rows) + claim)
        return RunLoad(run_id, day, **files, models=[UsedModel("carton", "arn:1", "2026-11-19T00:00:00")])

    def write(self, run_id: str, target: str, rows: list[tuple[str, float]]) -> None:
        """Write the files of a target and their manifest."""
        plan = Loader(self.transport, schema=SCHEMA, role=ROLE).statements(
            RunLoad(run_id, DAY, StagedFiles("s3://b/m", 1), StagedFiles("s3://b/m", 1))
        )
        columns = staged_columns(plan, f"stage_{target}")
        entries = []
        for part in (0, 1):
            buffer, chosen = io.BytesIO(), rows[part::2]
            table = {name: pa.array(values(kind, name, chosen), kind) for name, kind in columns.items()}
            pq.write_table(pa.table(table), buffer)
            key = f"{run_id}/{target}/{part}.parquet"
            self.account.put(key, buffer.getvalue())
            meta = {"content_length": buffer.tell(), "record_count": len(chosen)}
            entries.append({"url": f"s3://{BUCKET}/{key}", "mandatory": True, "meta": meta})
        self.account.put(f"{run_id}/{target}/manifest", json.dumps({"entries": entries}).encode())

    def state(self) -> tuple[int, int, int, int]:
        """Predictions, products among them, recommendations, audited runs."""
        query = f"""SELECT COUNT(*) AS a, COUNT(DISTINCT product_id) AS b,
                    (SELECT COUNT(*) FROM {SCHEMA}.packaging_recommendations) AS c,
                    (SELECT COUNT(*) FROM {SCHEMA}.load_audit) AS d FROM {SCHEMA}.packaging_predictions"""
        return tuple(self.transport.rows(query)[0].values())  # type: ignore[return-value]

    def one(self, query: str) -> Any:
        ((value,),) = (row.values() for row in self.transport.rows(query))
        return value


def tables_of_loads() -> list[str]:
    """The product's own definitions of the tables that a load touches."""
    touched = ("CREATE SCHEMA", *(f"CREATE TABLE IF NOT EXISTS {SCHEMA}.{name} (" for name in TABLES))
    found = [text for text in schema_statements(Settings.load("dev", [])) if CODE.search(text)[0].startswith(touched)]
    assert len(found) == len(TABLES) + 1
    return found


@pytest.fixture(params=["data-api", "redshift-connector"])
def world(request: pytest.FixtureRequest, account: Account, database: str, faults: Faults) -> World:
    target = Target(WORKGROUP, database)

    data_api = DataApi(account.client("redshift-data"), target)
    data_api.run(tables_of_loads(), token=database)
    if request.param == "data-api":
        return World(account, data_api, faults, salt=database)
    connect = partial(redshift_connector.connect, database=database, **account.password())
    return World(account, ConnectorTransport(connect, driver_errors()), faults, salt=database)


@pytest.fixture
def loaded(world: World) -> World:
    """A warehouse with one loaded run of 20 products."""
    audit = world.loader().load(world.drop("r1", range(20)))
    assert (audit["run_id"], audit["predictions"], audit["business_date"]) == (world.id("r1"), 20, "2026-11-20")
    assert world.state() == (20, 20, 20, 1)
    return world


def strike(times: int, error: SqlError) -> tuple[Callable[[str], None], list[str]]:
    """A fault that hits the transactions of runs so many times, and its record."""
    hits: list[str] = []

    def fault(name: str) -> None:
        if name.startswith("r") and len(hits) < times:
            hits.append(name)
            raise error

    return fault, hits


def test_loading_a_run_again_changes_nothing(loaded: World) -> None:
    first = loaded.loader().audit(loaded.id("r1"))
    assert loaded.loader().load(loaded.drop("r1", range(20), score=0.9)) == first
    assert loaded.state() == (20, 20, 20, 1)
    assert loaded.one(f"SELECT MAX(suitability) AS s FROM {SCHEMA}.packaging_predictions") == 0.5


def test_the_transaction_itself_refuses_a_run_that_is_loaded(loaded: World) -> None:
    statements = loaded.loader().statements(loaded.drop("r1", range(20)))
    with pytest.raises(StatementError, match="already_loaded"):
        loaded.transport.run(statements, token="another" + loaded.salt, name="r1")


def test_an_answer_lost_after_the_commit_is_found_in_the_audit(loaded: World) -> None:
    loaded.faults.after_commit, hits = strike(1, SqlError("connection lost after commit"))
    assert loaded.loader().load(loaded.drop("r2", range(15, 30)))["run_id"] == loaded.id("r2")
    assert (hits, loaded.state()) == ([loaded.id("r2")], (30, 30, 30, 2))


def test_failures_before_the_run_are_tried_again(loaded: World) -> None:
    loaded.faults.before_run, hits = strike(2, SqlError("cluster restarting"))
    assert loaded.loader().load(loaded.drop("r3", range(10)))["run_id"] == loaded.id("r3")
    assert (len(hits), len(loaded.slept), loaded.state()) == (2, 2, (20, 20, 20, 2))


def test_a_conflict_with_another_writer_is_tried_again(loaded: World) -> None:
    conflict = SqlError("1023 DETAIL: Serializable isolation violation on table - 1", SqlState.SERIALIZATION)
    loaded.faults.before_run, hits = strike(2, conflict)
    assert loaded.loader().load(loaded.drop("r3", range(10)))["run_id"] == loaded.id("r3")
    assert (len(hits), loaded.state()) == (2, (20, 20, 20, 2))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (SqlError("1023 DETAIL: Serializable isolation violation", SqlState.SERIALIZATION), ConflictError),
        (SqlError("cluster restarting"), PlatformError),
    ],
)
def test_what_never_ends_is_given_up_with_nothing_loaded(
    loaded: World, error: SqlError, expected: type[Exception]
) -> None:
    loaded.faults.before_run, hits = strike(ATTEMPTS, error)
    with pytest.raises(expected, match=rf"r3-\w+ could not be loaded.*{ATTEMPTS} attempts"):
        loaded.loader().load(loaded.drop("r3", range(10)))
    assert (len(hits), loaded.state()) == (ATTEMPTS, (20, 20, 20, 1))


def test_a_missing_part_is_refused(loaded: World) -> None:
    run = loaded.drop("r4", range(50))
    loaded.account.cloud.objects.delete(BUCKET, f"{run.run_id}/predictions/1.parquet")
    with pytest.raises(StatementError, match=r"r4-\w+/predictions/1\.parquet"):
        loaded.loader().load(run)
    assert loaded.state() == (20, 20, 20, 1)


def test_a_truncated_part_is_refused(loaded: World) -> None:
    run = loaded.drop("r5", range(50))
    key = f"{run.run_id}/recommendations/1.parquet"
    loaded.account.put(key, loaded.account.cloud.objects.read(BUCKET, key)[:-10])
    with pytest.raises(StatementError, match=r"content_length.*r5-\w+/recommendations/1.parquet"):
        loaded.loader().load(run)
    assert loaded.state() == (20, 20, 20, 1)


def test_a_wrong_row_count_is_refused(loaded: World) -> None:
    with pytest.raises(ManifestError, match="exactly 51 different predictions"):
        loaded.loader().load(loaded.drop("r6", range(50), claim=1))
    assert loaded.state() == (20, 20, 20, 1)


def test_a_product_that_comes_twice_is_refused(loaded: World) -> None:
    run = loaded.drop("r7", range(50))
    loaded.write(run.run_id, "recommendations", [(f"p{n}", 0.5) for n in [*range(49), 3]])
    with pytest.raises(ManifestError, match="different recommendations"):
        loaded.loader().load(run)
    assert loaded.state() == (20, 20, 20, 1)


@pytest.mark.parametrize("target", ["predictions", "recommendations"])
@pytest.mark.parametrize("score", [math.nan, -0.001, 1.001, math.inf])
def test_a_suitability_that_cannot_be_is_refused_and_its_row_named(loaded: World, target: str, score: float) -> None:
    run = loaded.drop("r12", range(50))
    loaded.write(run.run_id, target, [(f"p{n}", score if n in (7, 30) else 0.5) for n in range(50)])
    with pytest.raises(ResultError, match=rf"r12-\w+: p30 in carton, the first of 2 rows,.*{target}/manifest"):
        loaded.loader().load(run)
    assert loaded.state() == (20, 20, 20, 1)


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_certainty_is_loaded(loaded: World, score: float) -> None:
    loaded.loader().load(loaded.drop("r13", range(5), score=score))
    assert loaded.state() == (20, 20, 20, 2)


def test_an_older_run_that_comes_late_overwrites_nothing(loaded: World) -> None:
    late = loaded.drop("r0", range(15, 25), day=DAY - dt.timedelta(days=1), score=0.9)
    assert loaded.loader().load(late)["predictions_changed"] == 5
    assert loaded.state() == (25, 25, 25, 2)
    assert loaded.one(f"SELECT COUNT(*) AS n FROM {SCHEMA}.packaging_predictions WHERE run_id = '{late.run_id}'") == 5


@pytest.mark.parametrize("runs", [["r8"] * 4, ["r8", "r9", "r10", "r11"]], ids=["one run", "four runs"])
def test_four_loaders_at_once_load_every_run_once(loaded: World, runs: list[str]) -> None:
    drops = {run: loaded.drop(run, range(30, 60)) for run in sorted(set(runs))}
    ended: list[str] = []

    def load(run: str) -> None:
        ended.append(loaded.loader().load(drops[run])["run_id"])

    threads = [threading.Thread(target=load, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(ended) == sorted(map(loaded.id, runs))
    assert loaded.state() == (50, 50, 50, 1 + len(drops))


def test_both_ways_answer_a_query_alike(world: World) -> None:
    query = """SELECT 1 AS a, CAST('2026-01-02' AS DATE) AS b, CAST('2026-01-02 03:04:05.25' AS TIMESTAMP) AS c,
               CAST(1.5 AS DECIMAL(9, 2)) AS d, TRUE AS e, CAST(NULL AS VARCHAR) AS f, 0.25::FLOAT8 AS g, 'x' AS h"""
    assert world.transport.rows(query) == [
        {
            "a": 1,
            "b": "2026-01-02",
            "c": "2026-01-02 03:04:05.25",
            "d": "1.50",
            "e": True,
            "f": None,
            "g": 0.25,
            "h": "x",
        }
    ]


def test_a_refusal_undoes_what_came_before_it(world: World) -> None:
    world.transport.run([f"CREATE TABLE {SCHEMA}.notes (n INTEGER)"], token=f"t1-{world.salt}")
    with pytest.raises(StatementError, match=r'relation "packaging\.nowhere" does not exist'):
        world.transport.run(
            [f"INSERT INTO {SCHEMA}.notes VALUES (1)", f"DELETE FROM {SCHEMA}.nowhere"],
            token=f"t2-{world.salt}",
            name="notes",
        )
    assert world.one(f"SELECT COUNT(*) AS n FROM {SCHEMA}.notes") == 0


@pytest.mark.parametrize("name", ["data-api", "redshift-connector"])
def test_the_settings_choose_the_way(account: Account, name: str) -> None:
    settings = Settings.load("dev", [{"warehouse": {"transport": name}}])
    way = transport(settings, Layout("dev", "123456789012", "us-east-1"), account.client)
    assert way.rows("SELECT current_database() AS name, 1 AS one") == [{"name": "rightpack", "one": 1}]


def test_an_unknown_way_is_refused_by_name(account: Account) -> None:
    settings = Settings.load("dev", [{"warehouse": {"transport": "odbc"}}])
    with pytest.raises(SettingsError, match=r"odbc.*data-api or redshift-connector"):
        transport(settings, Layout("dev", "123456789012", "us-east-1"), account.client)
