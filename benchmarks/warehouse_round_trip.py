"""How long a million rows take to the embedded Redshift and back, by the genuine awswrangler and redshift_connector.

    python -m benchmarks.warehouse_round_trip [--rows 1000000]

Writes out/warehouse-round-trip.json: seconds of `copy`, `unload` and a cursor that fetches everything, after checking
that what came back is what went there.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import awswrangler
import numpy as np
import pandas as pd
import redshift_connector

from local_cloud.account import admin_environment
from local_cloud.cloud import LocalCloud
from local_cloud.redshift.account import RedshiftAccount
from local_cloud.redshift.pgwire.certificate import authority

OUTPUT = Path("out/warehouse-round-trip.json")
BUCKET = "round-trip"
ROLE = "arn:aws:iam::123456789012:role/warehouse"


def frame(rows: int) -> pd.DataFrame:
    """Predictions as a loader brings them: two texts, two numbers, a day and a moment."""
    random = np.random.default_rng(7)
    numbers = np.arange(rows)
    return pd.DataFrame(
        {
            "product_id": [f"B{number:09d}" for number in numbers],
            "package_type": np.array(["carton", "padded-mailer", "paper-bag"])[numbers % 3],
            "suitability": random.random(rows),
            "units": random.integers(0, 10_000, rows),
            "business_date": pd.Timestamp("2026-11-20").date(),
            "scored_at": pd.Timestamp("2026-11-20 01:02:03") + pd.to_timedelta(numbers, unit="ms"),
        }
    )


@contextmanager
def warehouse() -> Iterator[Any]:
    """A connection to a fresh embedded warehouse, signed in through IAM."""
    redshift = RedshiftAccount()
    with LocalCloud(services=[redshift.data_api, redshift.serverless]) as cloud:
        os.environ.update(admin_environment(cloud.url), SSL_CERT_FILE=str(authority(cloud.root)))
        serverless = cloud.client("redshift-serverless")
        serverless.create_namespace(namespaceName="rightpack")
        serverless.create_workgroup(workgroupName="rightpack-dev", namespaceName="rightpack")
        cloud.client("s3").create_bucket(Bucket=BUCKET)
        options = {"serverless_work_group": "rightpack-dev", "database": "rightpack", "region": "us-east-1"}
        with closing(redshift_connector.connect(iam=True, is_serverless=True, **options)) as connection:
            yield connection


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and its seconds."""
    started = time.perf_counter()
    found = work()
    return found, round(time.perf_counter() - started, 2)


def fetched(connection: Any) -> pd.DataFrame:
    """Everything through a cursor."""
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM predictions")
    return pd.DataFrame(cursor.fetchall(), columns=[column[0] for column in cursor.description])


def check(sent: pd.DataFrame, found: pd.DataFrame, way: str) -> None:
    """Fail if a cell differs.

    Raises:
        SystemExit: naming the way that lost or changed something.
    """
    found = found.sort_values("product_id", ignore_index=True)
    for column in sent.columns:
        same = (
            (sent[column].astype("object") == found[column].astype("object")).all()
            if len(sent) == len(found)
            else False
        )
        if not same:
            raise SystemExit(f"{way}: {len(found)} of {len(sent)} rows came back; {column} is not the same")


def round_trip(rows: int) -> dict[str, Any]:
    """Seconds by way."""
    sent = frame(rows)
    with warehouse() as connection:
        place = {"con": connection, "iam_role": ROLE}
        _, copied = timed(
            lambda: awswrangler.redshift.copy(
                sent,
                f"s3://{BUCKET}/in/",
                table="predictions",
                schema="public",
                dtype={"business_date": "date"},
                **place,
            )
        )
        unloaded, unloading = timed(
            lambda: awswrangler.redshift.unload("SELECT * FROM predictions", f"s3://{BUCKET}/out/", **place)
        )
        check(sent, unloaded, "unload")
        through_cursor, fetching = timed(lambda: fetched(connection))
        check(sent, through_cursor, "cursor")
    return {"rows": rows, "copy_seconds": copied, "unload_seconds": unloading, "cursor_seconds": fetching}


def main() -> int:
    """Run and write the result."""
    parser = argparse.ArgumentParser(description="Round trip of many rows through the embedded Redshift.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    found = round_trip(parser.parse_args().rows)
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
