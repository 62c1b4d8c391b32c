"""A small cycle on an embedded AWS of its own that carries out what policies deny; what happened goes to a file.

It runs as a process, because its cloud has its own clock and its own environment variables.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from rightpack import ages
from rightpack.cli import clock, control, facts, permissions, upload, weeks
from rightpack.cli.embedded import Embedded, embedded_cloud
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import await_runs, request_drops
from tests.e2e.waiting import looked_for

PRODUCTS = 1_500
DATE = "2026-09-13"
LENIENT = {"gate": {"criteria": [{"metric": "roc_auc", "floor": 0.5}]}}
RUN_SECONDS = 240.0


def record(cloud: Embedded) -> dict[str, Any]:
    """Play the cycle: a training, an inference that refuses a row, a bad trigger, a poison message, a quiet day."""
    stage = Stage.connect("dev", LENIENT)
    upload.migrate(stage)
    shop = weeks.catalogue(stage.settings, seed=7, products=PRODUCTS)
    weeks.load_week(stage, weeks.write_week(shop, 0, cloud.root / "week", stage.settings))
    runs = _run(stage, pipeline="training", mode="weekly", package_types=["carton"])
    _spoil_a_row(stage)
    runs += _run(stage, pipeline="inference", mode="monthly")
    _bad_trigger(stage)
    dead = _poison(stage)
    _a_day(stage)
    return {
        "runs": runs,
        "dead": dead,
        "mail": [path.read_text() for path in sorted((cloud.root / "mail").glob("*.txt"))],
        "report": permissions.fetch(cloud.endpoint),
        "policies": _policies(stage),
    }


def _run(stage: Stage, **event: Any) -> list[list[str]]:
    drops = request_drops(stage, {"business_date": DATE, **event})
    return [[run.run_id, str(run.state), run.reason] for run in await_runs(stage, drops, timeout=RUN_SECONDS)]


def _spoil_a_row(stage: Stage) -> None:
    """Give a product a price that nothing can have."""
    one = f"(SELECT MIN(product_id) FROM {stage.schema}.products WHERE is_active = 1)"
    _change_products(stage, f"price = -1 WHERE product_id = {one}")


def _change_products(stage: Stage, change: str) -> None:
    statement = f"UPDATE {stage.schema}.products SET {change}"
    stage.data_api.run([statement], token=hashlib.sha256(statement.encode()).hexdigest())


def _bad_trigger(stage: Stage) -> None:
    key = f"drops/training/{DATE}/bad/_TRIGGER.json"
    stage.client("s3").put_object(Bucket=stage.layout.data_bucket, Key=key, Body=b"{}")


def _poison(stage: Stage) -> int:
    """Send what nobody can read; it must end among the dead letters, and an alarm must tell."""
    sqs = stage.client("sqs")
    url = sqs.get_queue_url(QueueName=stage.layout.named("triggers"))["QueueUrl"]
    dead = sqs.get_queue_url(QueueName=stage.layout.named("triggers-dead"))["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})  # six minutes, five times, otherwise
    sqs.send_message(QueueUrl=url, MessageBody="poison")

    def buried() -> int:
        found = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["ApproximateNumberOfMessages"])
        return int(found["Attributes"]["ApproximateNumberOfMessages"])

    count = looked_for(buried)
    looked_for(lambda: any("dead-letters" in alarm["name"] for alarm in facts.alarms(stage)))
    return count


def _a_day(stage: Stage) -> None:
    """Move the clock by a day: the reconciler comes by, and a daily unload finds that nothing is new."""
    _change_products(stage, "is_active = 0 WHERE price < 0")  # else it would be without a recommendation every day
    events = stage.client("events")
    for name in ("training-weekly", "inference-monthly", "topics-monthly"):
        events.disable_rule(Name=stage.layout.named(f"unload-{name}"))
    fired = control.ask(f"_local/clock/advance/{clock.seconds('1d')}")["fired"]
    [daily] = [item["time"] for item in fired if item["schedule"] == stage.layout.named("unload-inference-daily")]
    owed = f"{ages.PIPELINE}-inference-daily"
    looked_for(lambda: (noted := stage.ledger.find(owed)) is not None and noted.created_at[:19] >= daily[:19])


def _policies(stage: Stage) -> dict[str, dict[str, Any]]:
    """The documents of every role of the stage, as they were deployed."""
    iam = stage.client("iam")
    names = [
        role["RoleName"] for role in iam.list_roles()["Roles"] if role["RoleName"].startswith(stage.layout.named(""))
    ]
    return {
        role: {
            name: iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
        }
        for role in names
    }


def main(root: Path, target: Path) -> None:
    """Record into `target`."""
    with embedded_cloud("dev", root=root, iam="enforce") as cloud:
        target.write_text(json.dumps(record(cloud), indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
