from __future__ import annotations

import importlib
import json
from typing import Any

import pytest

from rightpack.drops import statement_prefix
from rightpack.layout import MODES, Layout, PipelineKind
from tests.infra.cloudformation import ACCOUNT, FUNCTIONS, REGION, Template, arn

RULES = "AWS::Events::Rule"


def _function(platform: Template, name: str) -> dict[str, Any]:
    return platform.by("AWS::Lambda::Function", "FunctionName")[f"rightpack-dev-{name}"]


def _queue(platform: Template, name: str) -> dict[str, Any]:
    return platform.by("AWS::SQS::Queue", "QueueName")[f"rightpack-dev-{name}"]


def _rule(platform: Template, name: str) -> dict[str, Any]:
    return platform.by(RULES, "Name")[f"rightpack-dev-{name}"]


def _arn_of(platform: Template, function: str) -> str:
    logical_id = platform.logical_id("AWS::Lambda::Function", "FunctionName", f"rightpack-dev-{function}")
    return f"<{logical_id}.Arn>"


def test_every_handler_is_a_function_and_every_function_has_one(platform: Template) -> None:
    names = platform.by("AWS::Lambda::Function", "FunctionName")

    assert sorted(names) == sorted(f"rightpack-dev-{name}" for name in FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_calls_its_own_handler(platform: Template, name: str) -> None:
    module, _, attribute = _function(platform, name)["Handler"].rpartition(".")

    assert module == f"lambdas.{name.replace('-', '_')}.handler"
    assert callable(getattr(importlib.import_module(module), attribute))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_knows_its_stage_and_account_and_nothing_else(platform: Template, name: str) -> None:
    environment = _function(platform, name)["Environment"]["Variables"]

    assert environment == {"RIGHTPACK_STAGE": "dev", "RIGHTPACK_ACCOUNT": ACCOUNT}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_writes_to_a_log_group_of_its_own_that_ends(platform: Template, name: str) -> None:
    groups = platform.of_type("AWS::Logs::LogGroup")
    group = groups[_function(platform, name)["LoggingConfig"]["LogGroup"].strip("<>")]

    assert group["LogGroupName"] == f"/aws/lambda/rightpack-dev-{name}"
    assert group["RetentionInDays"] == 90


def test_functions_share_one_package(platform: Template) -> None:
    codes = {json.dumps(_function(platform, name)["Code"]) for name in FUNCTIONS}

    assert codes == {json.dumps({"S3Bucket": f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", "S3Key": "lambdas.zip"})}


def test_only_a_trigger_file_in_a_drop_reaches_the_queue(platform: Template) -> None:
    rule = _rule(platform, "trigger-dropped")
    queue = platform.logical_id("AWS::SQS::Queue", "QueueName", "rightpack-dev-triggers")

    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [f"rightpack-dev-data-{ACCOUNT}-{REGION}"]},
            "object": {"key": [{"wildcard": "drops/*/_TRIGGER.json"}]},
        },
    }
    assert [target["Arn"] for target in rule["Targets"]] == [f"<{queue}.Arn>"]


def test_a_trigger_that_cannot_be_delivered_lies_with_the_dead_letters(platform: Template) -> None:
    dead = platform.logical_id("AWS::SQS::Queue", "QueueName", "rightpack-dev-triggers-dead")
    [target] = _rule(platform, "trigger-dropped")["Targets"]

    assert target["DeadLetterConfig"] == {"Arn": f"<{dead}.Arn>"}


@pytest.mark.parametrize("queue", ["triggers", "triggers-dead"])
def test_queues_take_messages_from_the_trigger_rule_alone(platform: Template, queue: str) -> None:
    logical_id = platform.logical_id("AWS::SQS::Queue", "QueueName", f"rightpack-dev-{queue}")
    rule = platform.logical_id(RULES, "Name", "rightpack-dev-trigger-dropped")
    statements = [
        statement
        for policy in platform.of_type("AWS::SQS::QueuePolicy").values()
        if policy["Queues"] == [f"<{logical_id}>"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]

    assert [statement["Principal"] for statement in statements] == [{"Service": "events.amazonaws.com"}]
    assert statements[0]["Condition"] == {"ArnEquals": {"aws:SourceArn": f"<{rule}.Arn>"}}
    assert "sqs:SendMessage" in statements[0]["Action"]


def test_queue_visibility_is_six_function_timeouts(platform: Template) -> None:
    timeout = _function(platform, "start-pipeline")["Timeout"]

    assert _queue(platform, "triggers")["VisibilityTimeout"] == 6 * timeout


def test_a_trigger_is_tried_five_times_and_then_kept_longer_than_it_could_wait(platform: Template) -> None:
    queue, dead = _queue(platform, "triggers"), _queue(platform, "triggers-dead")

    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert dead["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]


def test_one_bad_message_does_not_bring_back_its_batch(platform: Template) -> None:
    mappings = platform.of_type("AWS::Lambda::EventSourceMapping").values()

    assert mappings
    for mapping in mappings:
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        assert mapping["BatchSize"] <= 10
        assert "MaximumBatchingWindowInSeconds" not in mapping  # it would have to be added to the visibility timeout


def test_runs_are_tracked_on_every_status_of_both_pipelines(platform: Template) -> None:
    rule = _rule(platform, "execution-changed")
    layout = Layout("dev", ACCOUNT, REGION)

    published = [arn("sagemaker", f"pipeline/{layout.pipeline(kind)}") for kind in PipelineKind]
    shaped = {"prefix": arn("sagemaker", f"pipeline/{layout.pipeline(PipelineKind.TRAINING)}-")}
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Building Pipeline Execution Status Change"],
        "detail": {"pipelineArn": [*published, shaped]},
    }
    assert _target(rule) == (_arn_of(platform, "track-runs"), None)


def test_what_events_miss_is_reconciled_every_five_minutes(platform: Template) -> None:
    rule = _rule(platform, "reconcile")

    assert rule["ScheduleExpression"] == "rate(5 minutes)"
    assert _target(rule) == (_arn_of(platform, "reconcile"), {"reconcile": True})


@pytest.mark.parametrize(
    ("how", "states", "function"),
    [("finished", ["FINISHED"], "drop"), ("failed", ["FAILED", "ABORTED"], "unload")],
)
def test_the_end_of_a_drops_unload_calls_who_can_act_on_it(
    platform: Template, how: str, states: list[str], function: str
) -> None:
    rule = _rule(platform, f"unload-{how}")

    assert rule["EventPattern"] == {
        "source": ["aws.redshift-data"],
        "detail-type": ["Redshift Data Statement Status Change"],
        "detail": {"statementName": [{"prefix": statement_prefix("dev")}], "state": states},
    }
    assert _target(rule) == (_arn_of(platform, function), None)


@pytest.mark.parametrize(
    ("name", "schedule"),
    [
        ("training-weekly", "cron(0 3 ? * MON *)"),
        ("inference-daily", "cron(0 5 * * ? *)"),
        ("inference-monthly", "cron(0 6 1 * ? *)"),
    ],
)
def test_unloads_start_by_the_clock(platform: Template, name: str, schedule: str) -> None:
    pipeline, mode = name.split("-")
    rule = _rule(platform, f"unload-{name}")

    assert rule["ScheduleExpression"] == schedule
    assert _target(rule) == (_arn_of(platform, "unload"), {"pipeline": pipeline, "mode": mode})


def test_every_mode_that_a_trigger_may_have_is_scheduled(platform: Template) -> None:
    scheduled = {
        (event["pipeline"], event["mode"])
        for name, rule in platform.by(RULES, "Name").items()
        if name.startswith("rightpack-dev-unload-") and (event := _target(rule)[1])
    }

    assert scheduled == {(kind.value, mode) for kind, modes in MODES.items() for mode in modes}


def test_every_change_of_a_model_of_the_stage_exports_what_serves(platform: Template) -> None:
    rule = _rule(platform, "model-changed")

    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {"ModelPackageGroupName": [{"prefix": "rightpack-dev-"}]},
    }
    assert _target(rule)[0] == _arn_of(platform, "export-model")


def test_every_rule_that_calls_a_function_is_allowed_to(platform: Template) -> None:
    allowed = {
        (permission["SourceArn"], permission["FunctionName"])
        for permission in platform.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "events.amazonaws.com"
    }
    functions = {_arn_of(platform, name) for name in FUNCTIONS}
    called = {
        (f"<{logical_id}.Arn>", target["Arn"])
        for logical_id, rule in platform.of_type(RULES).items()
        for target in rule["Targets"]
        if target["Arn"] in functions
    }

    assert allowed == called


def test_every_rule_is_switched_on(platform: Template) -> None:
    assert {rule["State"] for rule in platform.of_type(RULES).values()} == {"ENABLED"}


def _target(rule: dict[str, Any]) -> tuple[str, Any]:
    [target] = rule["Targets"]
    return target["Arn"], json.loads(target["Input"]) if "Input" in target else None
