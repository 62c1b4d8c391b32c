"""The weekly and daily cycle through its real entry: trigger files in S3."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import facts
from rightpack.cli.stage import Stage
from rightpack.layout import split_uri
from rightpack.ledger import Run, RunState
from rightpack.registry import ModelPackage
from rightpack.trigger import TriggerObject
from tests.e2e.conftest import PRODUCTS, Drop
from tests.e2e.waiting import TIMEOUT, until


def ended(stage: Stage, run_id: str) -> Run:
    def terminal() -> Run | None:
        run = stage.ledger.find(run_id)
        return run if run is not None and not run.open else None

    found: Run = until(terminal)
    return found


def put_again(stage: Stage, run: Run, change: Callable[[dict[str, Any]], None] = lambda _: None) -> TriggerObject:
    """Write the trigger of a run again, as a person would on purpose: a new version of the same object."""
    bucket, key = split_uri(run.trigger_uri)
    s3 = stage.client("s3")
    body = json.loads(s3.get_object(Bucket=bucket, Key=key, VersionId=run.trigger_version)["Body"].read())
    change(body)
    answer = s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(body).encode())
    return TriggerObject(bucket, key, answer["VersionId"])


def registered(stage: Stage, run: Run) -> ModelPackage:
    versions = stage.registry.versions(stage.layout.model_group("carton"))
    return next(package for package in versions if package.metadata["run-id"] == run.run_id)


def model_text(stage: Stage, run: Run) -> bytes:
    bucket, key = split_uri(registered(stage, run).model_data_url)
    body = stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        member = next(m for m in archive.getmembers() if m.name.endswith(".txt"))
        stream = archive.extractfile(member)
        assert stream is not None
        return stream.read()


def tables(stage: Stage) -> str:
    """Digest of everything that inference loads."""
    whole = hashlib.sha256()
    for table, order in (
        ("packaging_predictions", "product_id, package_type"),
        ("packaging_recommendations", "product_id"),
    ):
        rows = stage.data_api.rows(f"SELECT * FROM {stage.schema}.{table} ORDER BY {order}")
        whole.update(json.dumps(rows).encode())
    return whole.hexdigest()


def test_a_training_ends_with_a_registered_model_and_its_report(stage: Stage, trained: Run) -> None:
    assert trained.state is RunState.COMPLETED
    model = registered(stage, trained)
    assert model.status == "Approved"
    bucket, key = split_uri(model.metadata["report"])
    page = stage.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "carton" in page


def test_an_inference_gives_every_product_a_prediction_and_a_recommendation(stage: Stage, scored: Run) -> None:
    counts = facts.counts(stage)
    assert scored.state is RunState.COMPLETED, scored.reason
    assert counts["products"] == counts["recommendations"] == counts["predictions"] == PRODUCTS
    assert counts["order_violations"] == 0
    audit = stage.data_api.rows(f"SELECT * FROM packaging.load_audit WHERE run_id = '{scored.run_id}'")
    assert [row["recommendations"] for row in audit] == [PRODUCTS]


def test_any_aws_client_sees_what_runs(stage: Stage, scored: Run) -> None:
    sagemaker = stage.client("sagemaker")
    summaries = sagemaker.list_pipeline_executions(PipelineName="rightpack-dev-inference")["PipelineExecutionSummaries"]
    assert scored.execution_arn in {s["PipelineExecutionArn"] for s in summaries}
    assert sagemaker.list_model_packages(ModelPackageGroupName="rightpack-dev-carton")["ModelPackageSummaryList"]
    statements = stage.client("redshift-data").list_statements(Status="FINISHED")["Statements"]
    assert scored.run_id in {s.get("StatementName") for s in statements}
    queue = stage.client("sqs").get_queue_url(QueueName=stage.layout.trigger_queue)["QueueUrl"]
    assert stage.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]


def test_the_same_trigger_delivered_five_times_starts_one_execution(stage: Stage, trained: Run) -> None:
    bucket, key = split_uri(trained.trigger_uri)
    stored = {"key": key, "version-id": trained.trigger_version, "etag": "x"}
    event = {"detail": {"bucket": {"name": bucket}, "object": stored}}
    sqs = stage.client("sqs")
    queue = sqs.get_queue_url(QueueName=stage.layout.trigger_queue)["QueueUrl"]
    before = _executions(stage)
    for _ in range(5):
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    until(
        lambda: (
            not any(
                int(n) for n in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"].values()
            )
        )
    )
    assert _executions(stage) == before


def _executions(stage: Stage) -> set[str]:
    pages = stage.client("sagemaker").get_paginator("list_pipeline_executions")
    found = pages.paginate(PipelineName="rightpack-dev-training")
    return {s["PipelineExecutionArn"] for page in found for s in page["PipelineExecutionSummaries"]}


def test_a_malformed_trigger_goes_to_quarantine_with_its_reason_metric_and_notice(
    stage: Stage, trained: Run, mail: Path
) -> None:
    source = put_again(stage, trained, lambda body: body.update(package_type="cartoon"))
    run = ended(stage, source.run_id)
    assert run.state is RunState.REFUSED
    assert "Did you mean 'carton'" in run.reason
    kept = stage.client("s3").get_object(Bucket=source.bucket, Key=f"quarantine/{run.run_id}/reason.json")
    assert "Did you mean 'carton'" in json.loads(kept["Body"].read())["reason"]
    until(lambda: any(alarm["name"].endswith("trigger-quarantined") for alarm in facts.alarms(stage)))
    until(lambda: any("Did you mean" in file.read_text() for file in mail.glob("*.txt")))


def test_a_drop_whose_manifest_disagrees_with_its_files_fails_before_training_and_names_the_file(
    stage: Stage, trained: Run, mail: Path
) -> None:
    bucket, key = split_uri(trained.trigger_uri)
    folder = key.rpartition("/")[0].replace("carton-", "carton-broken-")
    s3 = stage.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket, Prefix=key.rpartition("/")[0] + "/data/")["Contents"]:
        body = s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
        target = f"{folder}/data/{found['Key'].rpartition('/')[2]}"
        if target.endswith("manifest"):
            text = body.decode().replace(key.rpartition("/")[0], folder)
            s3.put_object(Bucket=bucket, Key=target, Body=text.encode())
        else:
            s3.put_object(Bucket=bucket, Key=target, Body=body[:-100])  # half-written
            part = target.rpartition("/")[2]
    trigger = json.loads(s3.get_object(Bucket=bucket, Key=key, VersionId=trained.trigger_version)["Body"].read())
    data = f"s3://{bucket}/{folder}/data/"
    trigger["data"] = {"uri": data, "manifest": f"{data}part_manifest"}
    answer = s3.put_object(Bucket=bucket, Key=f"{folder}/_TRIGGER.json", Body=json.dumps(trigger).encode())
    run = ended(stage, TriggerObject(bucket, f"{folder}/_TRIGGER.json", answer["VersionId"]).run_id)
    assert run.state is RunState.FAILED
    assert run.cause == "data"
    assert part in run.reason
    steps = {step["name"]: step["status"] for step in facts.run_facts(stage, run)["steps"]}
    assert steps == {"Prepare": "Failed"}
    until(lambda: any(part in file.read_text() for file in mail.glob("*.txt")))


def test_the_same_inference_drop_again_on_more_machines_leaves_the_tables_as_they_are(
    stage: Stage, scored: Run
) -> None:
    def on_two(body: dict[str, Any]) -> None:
        body["settings"].update(inference={"machines": 2})

    # Once more first: another test may have approved a newer model since.
    states = []
    runs = [ended(stage, put_again(stage, scored).run_id)]
    states.append(tables(stage))
    runs.append(ended(stage, put_again(stage, scored, on_two).run_id))
    states.append(tables(stage))
    assert [_scoring_machines(stage, run) for run in runs] == [1, 2]
    assert {run.state for run in runs} == {RunState.COMPLETED}
    assert states[0] == states[1]
    audited = stage.data_api.rows("SELECT run_id, COUNT(*) AS n FROM packaging.load_audit GROUP BY run_id")
    assert {row["n"] for row in audited} == {1}
    assert {run.run_id for run in (scored, *runs)} <= {row["run_id"] for row in audited}


def _scoring_machines(stage: Stage, run: Run) -> int:
    sagemaker = stage.client("sagemaker")
    steps = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=run.execution_arn)["PipelineExecutionSteps"]
    arn = next(step["Metadata"]["TransformJob"]["Arn"] for step in steps if step["StepName"] == "Score")
    job = sagemaker.describe_transform_job(TransformJobName=arn.rpartition("/")[2])
    return int(job["TransformResources"]["InstanceCount"])


def test_the_same_drop_again_is_answered_from_the_step_cache(stage: Stage, trained: Run) -> None:
    again = ended(stage, put_again(stage, trained).run_id)
    cached = {step["name"] for step in facts.run_facts(stage, again)["steps"] if step["cached"]}
    assert {"Prepare", "Train"} <= cached


def test_training_again_on_the_same_rows_gives_the_same_model_text(stage: Stage, trained: Run) -> None:
    def other(body: dict[str, Any]) -> None:
        """Other settings, but none that a model depends on: the step cache cannot answer."""
        body["settings"].update(inference={"rows_per_file": 777})

    again = ended(stage, put_again(stage, trained, other).run_id)
    assert not any(step["cached"] for step in facts.run_facts(stage, again)["steps"])
    assert model_text(stage, again) == model_text(stage, trained)


def test_a_daily_drop_without_new_products_starts_nothing(stage: Stage, scored: Run, dropped: Drop) -> None:
    from rightpack.cli.waiting import await_runs, request_drops

    drops = request_drops(stage, {"pipeline": "inference", "mode": "daily", "business_date": scored.business_date})
    assert await_runs(stage, drops, timeout=TIMEOUT) == []


@pytest.mark.parametrize("kind", ["training", "inference"])
def test_the_reconciler_measures_the_age_of_the_last_success(stage: Stage, scored: Run, kind: str) -> None:
    payload = json.dumps({"reconcile": True}).encode()
    stage.client("lambda").invoke(FunctionName=stage.layout.function("reconcile"), Payload=payload)
    metrics = stage.client("cloudwatch").list_metrics(Namespace="rightpack", MetricName="HoursSinceLastSuccess")
    pipelines = {d["Value"] for m in metrics["Metrics"] for d in m["Dimensions"] if d["Name"] == "Pipeline"}
    assert kind in pipelines
