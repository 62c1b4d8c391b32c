from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest

from infra.permissions.reasons import WILDCARD_REASONS, is_wide
from rightpack.layout import catalogue_key, drift_request_key
from tests.infra.cloudformation import ACCOUNT, FUNCTIONS, Template, arn, listed, s3

JOB_KINDS = ("Processing", "Training", "Transform")
METRICS_AND_NOTICES = {"cloudwatch:PutMetricData", "sns:Publish"}
OWN_LOG = {"logs:CreateLogStream", "logs:PutLogEvents"}
RUN_SQL = {
    "redshift-data:ExecuteStatement",
    "redshift-data:BatchExecuteStatement",
    "redshift-serverless:GetCredentials",
}
# The whole of what each role may do. Whoever changes a line here changes who can do what.
MOVE_RUNS = {
    "s3:GetObject",
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "dynamodb:Query",
    "sagemaker:DescribePipelineExecution",
    "sagemaker:ListPipelineExecutionSteps",
    "sagemaker:StartPipelineExecution",
    "sagemaker:RetryPipelineExecution",
    "sagemaker:StopPipelineExecution",
    "sagemaker:DescribeProcessingJob",
    "sagemaker:DescribeTrainingJob",
    "sagemaker:DescribeTransformJob",
    "logs:DescribeLogStreams",
    "logs:GetLogEvents",
}
ROLES = {
    "start-pipeline": {
        *OWN_LOG,
        *METRICS_AND_NOTICES,
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "sagemaker:StartPipelineExecution",
        "sagemaker:StopPipelineExecution",
        "dynamodb:Query",
        "sagemaker:DescribeModelPackageGroup",
        "sagemaker:CreateModelPackageGroup",
        "sagemaker:ListModelPackages",
        "sagemaker:DescribeModelPackage",
    },
    "revise-mapping": {
        *OWN_LOG,
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sagemaker:SendPipelineExecutionStepSuccess",
        "sagemaker:SendPipelineExecutionStepFailure",
        "sns:Publish",
    },
    "track-runs": {
        *OWN_LOG,
        *METRICS_AND_NOTICES,
        *MOVE_RUNS,
    },
    "reconcile": {
        *OWN_LOG,
        *METRICS_AND_NOTICES,
        *MOVE_RUNS,
        "sagemaker:ListPipelineExecutions",
        "dynamodb:PutItem",
    },
    "unload": {
        *OWN_LOG,
        *METRICS_AND_NOTICES,
        *RUN_SQL,
        "s3:GetObject",
        "s3:PutObject",
        "redshift-data:DescribeStatement",
    },
    "drop": {*OWN_LOG, "s3:GetObject", "s3:PutObject", "dynamodb:PutItem"},
    "export-model": {
        *OWN_LOG,
        "s3:GetObject",
        "s3:PutObject",
        "sagemaker:ListModelPackages",
        "sagemaker:DescribeModelPackage",
        "ssm:PutParameter",
    },
    "create-candidate": {
        *OWN_LOG,
        "sagemaker:CreateModel",
        "sagemaker:DescribeModel",
        "sagemaker:ListModelPackages",
        "sagemaker:DescribeModelPackage",
        "iam:PassRole",
    },
    "pipeline": {
        *(
            f"sagemaker:{verb}{kind}Job"
            for verb in ("Create", "Describe", "Stop")
            for kind in ("Processing", "Training", "Transform")
        ),
        "sagemaker:CreateModel",
        "sagemaker:DescribeModel",
        "sagemaker:CreateModelPackage",
        "sagemaker:DescribeModelPackage",
        "sagemaker:ListModelPackages",
        "sagemaker:AddTags",
        "iam:PassRole",
        "sqs:SendMessage",
        *(f"sagemaker:{verb}HyperParameterTuningJob" for verb in ("Create", "Describe", "Stop")),
        "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
        "lambda:InvokeFunction",
        "s3:GetObject",
    },
    "job": {
        *RUN_SQL,
        "redshift-data:DescribeStatement",
        "redshift-data:GetStatementResult",
        "s3:ListBucket",
        "s3:GetObject",
        "s3:PutObject",
        "s3:AbortMultipartUpload",
        "sagemaker:ListModelPackages",
        "sagemaker:DescribeModelPackage",
        "lambda:InvokeFunction",
        "cloudwatch:PutMetricData",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
    },
    "warehouse": {"s3:ListBucket", "s3:GetObject", "s3:PutObject"},
}
TRUSTED = {
    "pipeline": ["sagemaker"],
    "job": ["sagemaker"],
    "warehouse": ["redshift-serverless", "redshift"],
    **{name: ["lambda"] for name in FUNCTIONS},
}


def _all_statements(platform: Template) -> list[tuple[str, dict[str, Any]]]:
    roles = platform.by("AWS::IAM::Role", "RoleName")
    return [(role, statement) for role in roles for statement in platform.statements(role)]


def test_there_is_one_role_for_each_purpose(platform: Template) -> None:
    assert sorted(platform.by("AWS::IAM::Role", "RoleName")) == sorted(f"rightpack-dev-{role}" for role in ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_role_may_do_what_its_code_does_and_nothing_else(platform: Template, role: str) -> None:
    assert platform.actions(f"rightpack-dev-{role}") == ROLES[role]


@pytest.mark.parametrize("role", TRUSTED)
def test_role_is_taken_on_by_its_own_service_only(platform: Template, role: str) -> None:
    properties = platform.by("AWS::IAM::Role", "RoleName")[f"rightpack-dev-{role}"]
    [statement] = properties["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Action"] == "sts:AssumeRole"
    assert listed(statement["Principal"]["Service"]) == [f"{name}.amazonaws.com" for name in TRUSTED[role]]


@pytest.mark.parametrize("role", ["pipeline", "job"])
def test_sagemaker_takes_on_a_role_for_this_account_only(platform: Template, role: str) -> None:
    properties = platform.by("AWS::IAM::Role", "RoleName")[f"rightpack-dev-{role}"]
    [statement] = properties["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_every_function_has_a_role_of_its_own(platform: Template) -> None:
    roles = platform.of_type("AWS::IAM::Role")
    for name, function in platform.by("AWS::Lambda::Function", "FunctionName").items():
        assert roles[function["Role"].strip("<>").removesuffix(".Arn")]["RoleName"] == name


def test_no_role_has_a_managed_policy_or_a_policy_elsewhere(platform: Template, pipelines: Template) -> None:
    assert not [role for role in platform.of_type("AWS::IAM::Role").values() if "ManagedPolicyArns" in role]
    for template in (platform, pipelines):
        for elsewhere in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy"):
            assert template.of_type(elsewhere) == {}


def test_no_action_has_a_wildcard(platform: Template) -> None:
    assert not [action for _, s in _all_statements(platform) for action in listed(s["Action"]) if "*" in action]


def test_no_statement_excludes_instead_of_naming(platform: Template) -> None:
    assert not [s for _, s in _all_statements(platform) if {"NotAction", "NotResource", "NotPrincipal"} & set(s)]


def test_no_wildcard_resource_without_a_reason(platform: Template) -> None:
    for role, statement in _all_statements(platform):
        if any(is_wide(resource) for resource in listed(statement["Resource"])):
            unexplained = set(listed(statement["Action"])) - set(WILDCARD_REASONS)
            assert not unexplained, f"{role}: {statement['Sid']}"


def test_no_reason_without_a_wildcard_resource(platform: Template) -> None:
    wide = {
        action
        for _, statement in _all_statements(platform)
        if any(is_wide(resource) for resource in listed(statement["Resource"]))
        for action in listed(statement["Action"])
    }

    assert set(WILDCARD_REASONS) == wide


def test_everything_else_is_of_this_stage(platform: Template) -> None:
    for role, statement in _all_statements(platform):
        for resource in listed(statement["Resource"]):
            head = resource.partition("*")[0]
            of_stage = "rightpack-dev-" in head or "parameter/rightpack/dev/" in head
            assert of_stage or is_wide(resource), role


def test_whoever_may_write_metrics_everywhere_may_do_so_in_named_namespaces_only(platform: Template) -> None:
    sagemaker = [f"/aws/sagemaker/{kind}Jobs" for kind in JOB_KINDS]
    for role, statement in _all_statements(platform):
        if "cloudwatch:PutMetricData" in listed(statement["Action"]):
            namespaces = listed(statement["Condition"]["StringEquals"]["cloudwatch:namespace"])
            expected = ["rightpack", *sagemaker] if role == "rightpack-dev-job" else ["rightpack"]
            assert sorted(namespaces) == sorted(expected)


@pytest.fixture(scope="module")
def authorization() -> dict[str, Any]:
    """AWS's own list of actions, and of the resources that each can be limited to."""
    return json.loads(files("cfnlint").joinpath("data/AdditionalSpecs/Policies.json").read_text())


def _limits(authorization: dict[str, Any], action: str) -> list[str]:
    """Patterns of the ARNs that an action can be limited to; `*` is always one (and needs a reason elsewhere)."""
    service, _, name = action.partition(":")
    types = authorization[service]["Actions"][name.lower()].get("Resources", [])
    formats = [text for one in types for text in authorization[service]["Resources"][one]["ARNFormats"]]
    return [r"\*", *(re.sub(r"\$\{[^}]*\}", ".*", text) for text in formats)]


def test_every_action_exists_and_is_limited_to_resources_that_it_knows(
    platform: Template, authorization: dict[str, Any]
) -> None:
    for role, statement in _all_statements(platform):
        for action in listed(statement["Action"]):
            patterns = _limits(authorization, action)
            fitting = [r for r in listed(statement["Resource"]) if any(re.fullmatch(p, r) for p in patterns)]
            assert fitting, f"{role}: {action} cannot be limited to {statement['Resource']}"


# The list knows packages only, the developer guide says that registering and listing are checked on the group as well.
def test_every_resource_is_one_that_some_action_of_its_statement_knows(
    platform: Template, authorization: dict[str, Any]
) -> None:
    for role, statement in _all_statements(platform):
        patterns = [p for action in listed(statement["Action"]) for p in _limits(authorization, action)]
        for resource in listed(statement["Resource"]):
            known = any(re.fullmatch(p, resource) for p in patterns)
            assert known or ":model-package-group/" in resource, f"{role}: {statement['Sid']} names {resource}"


def test_every_statement_has_a_name_that_reports_can_use(platform: Template) -> None:
    for role in platform.by("AWS::IAM::Role", "RoleName"):
        sids = [statement["Sid"] for statement in platform.statements(role)]
        assert len(set(sids)) == len(sids)
        assert all(sid.isalnum() for sid in sids)


def test_nobody_can_delete_anything_but_a_message(platform: Template) -> None:
    deleting = {a for role in ROLES for a in platform.actions(f"rightpack-dev-{role}") if "Delete" in a}

    assert deleting == {"sqs:DeleteMessage"}


def test_only_what_makes_jobs_and_models_hands_a_role_on_and_only_the_job_role_to_sagemaker(platform: Template) -> None:
    passing = [(role, s) for role, s in _all_statements(platform) if "iam:PassRole" in listed(s["Action"])]

    assert sorted(role for role, _ in passing) == ["rightpack-dev-create-candidate", "rightpack-dev-pipeline"]
    for _, statement in passing:
        assert statement["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/rightpack-dev-job"
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


START = "sagemaker:StartPipelineExecution"
TRIGGER = s3("data", "drops/training/2026-11-16/carton-1/_TRIGGER.json")
REQUEST = s3("data", "drops/training/2026-11-16/carton-1/_REQUEST.json")
PART = s3("data", "drops/training/2026-11-16/carton-1/data/part_0000.parquet")
SETTINGS = s3("data", "config/00ff/settings.json")
MODEL = s3("artefacts", "runs/training/e1/models/job/output/model.tar.gz")
PREDICTIONS = s3("artefacts", "runs/inference/e1/recommend/predictions/part.parquet")


@pytest.mark.parametrize(
    ("role", "action", "resource", "allowed"),
    [
        ("start-pipeline", "s3:GetObjectVersion", TRIGGER, True),
        ("start-pipeline", "s3:GetObject", PART, False),
        ("start-pipeline", "s3:PutObject", SETTINGS, True),
        ("start-pipeline", "s3:PutObject", s3("data", "quarantine/run/reason.json"), True),
        ("start-pipeline", "s3:PutObject", TRIGGER, False),  # it would start itself
        ("unload", "s3:PutObject", REQUEST, True),
        ("unload", "s3:PutObject", TRIGGER, False),  # only data that is complete has a trigger
        ("drop", "s3:PutObject", TRIGGER, True),
        ("drop", "s3:PutObject", PART, False),
        ("drop", "s3:GetObject", REQUEST, True),
        ("job", "s3:GetObject", PART, True),
        ("job", "s3:GetObject", SETTINGS, True),
        ("job", "s3:PutObject", TRIGGER, False),
        ("job", "s3:PutObject", s3("data", "quarantine/drops/inference/2026-11-20/daily-1/rows.parquet"), True),
        ("job", "s3:PutObject", MODEL, True),
        ("job", "s3:PutObject", s3("artefacts", drift_request_key("carton")), True),
        ("job", "s3:PutObject", s3("artefacts", catalogue_key("2026-11-01")), True),
        ("job", "ecr:BatchGetImage", "arn:aws:ecr:eu-central-1:444455556666:repository/rightpack-jobs", True),
        ("job", "ecr:BatchGetImage", arn("ecr", "repository/somebody-elses"), False),
        ("job", "lambda:InvokeFunction", arn("lambda", "function:rightpack-dev-unload"), True),
        ("job", "lambda:InvokeFunction", arn("lambda", "function:rightpack-dev-start-pipeline"), False),
        ("pipeline", "s3:GetObject", s3("artefacts", "runs/training/e1/evaluate/evaluation/evaluation.json"), True),
        ("warehouse", "s3:PutObject", PART, True),
        ("warehouse", "s3:GetObject", PREDICTIONS, True),
        ("warehouse", "s3:GetObject", s3("data", "loads/products/00ff/part_0000.parquet"), True),
        ("warehouse", "s3:GetObject", MODEL, False),
        ("warehouse", "s3:GetObject", SETTINGS, False),
        ("warehouse", "s3:PutObject", PREDICTIONS, False),
        ("job", "sagemaker:DescribeModelPackage", arn("sagemaker", "model-package/rightpack-dev-carton/3"), True),
        ("job", "sagemaker:DescribeModelPackage", arn("sagemaker", "model-package/rightpack-prod-carton/3"), False),
        (
            "start-pipeline",
            "sagemaker:StartPipelineExecution",
            arn("sagemaker", "pipeline/rightpack-dev-training"),
            True,
        ),
        (
            "start-pipeline",
            "sagemaker:StartPipelineExecution",
            arn("sagemaker", "pipeline/rightpack-prod-training"),
            False,
        ),
        (
            "track-runs",
            "sagemaker:DescribePipelineExecution",
            arn("sagemaker", "pipeline/rightpack-dev-inference/execution/abc"),
            True,
        ),
        *(
            (role, action, arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs{stream}"), True)
            for role in ("track-runs", "reconcile")
            for kind in JOB_KINDS
            for action, stream in (
                ("logs:DescribeLogStreams", ""),
                ("logs:DescribeLogStreams", ":log-stream:"),
                ("logs:GetLogEvents", ":log-stream:pipelines-e-Load-x/algo-1"),
            )
        ),
        (
            "reconcile",
            "sagemaker:ListPipelineExecutions",
            arn("sagemaker", "pipeline/rightpack-dev-training-1a2b"),
            True,
        ),
        ("reconcile", "sagemaker:ListPipelineExecutions", arn("sagemaker", "pipeline/rightpack-prod-training"), False),
        ("track-runs", "s3:GetObject", s3("artefacts", "runs/inference/e1/prepare/profile/profile.json"), True),
        ("reconcile", "s3:GetObject", s3("artefacts", "runs/inference/e1/recommend/report/summary.json"), True),
        ("track-runs", "s3:GetObject", PREDICTIONS, False),
        ("drop", "dynamodb:PutItem", arn("dynamodb", "table/rightpack-dev-ledger"), True),
        ("track-runs", "dynamodb:Query", arn("dynamodb", "table/rightpack-dev-ledger/index/by-pipeline"), True),
        ("pipeline", "sagemaker:CreateTrainingJob", arn("sagemaker", "training-job/pipelines-e1-Train-x"), True),
        ("pipeline", "sagemaker:CreateTrainingJob", arn("sagemaker", "training-job/somebody-elses"), False),
    ],
)
def test_roles_reach_what_they_need_and_stop_there(
    platform: Template, role: str, action: str, resource: str, allowed: bool
) -> None:
    assert platform.allows(f"rightpack-dev-{role}", action, resource) is allowed


@pytest.mark.parametrize(
    ("resource", "wide"),
    [
        ("*", True),
        ("arn:aws:redshift-serverless:r:a:workgroup/*", True),
        ("arn:aws:s3:::*/rightpack-dev-data", True),
        ("arn:aws:s3:::rightpack-dev-data/drops/*", False),
        ("arn:aws:sns:r:a:somebody-elses", False),
    ],
)
def test_a_wildcard_is_wide_unless_a_name_of_ours_stands_before_it(resource: str, wide: bool) -> None:
    assert is_wide(resource) is wide


@pytest.mark.cdk
def test_a_wildcard_without_a_reason_cannot_be_written() -> None:
    from infra.permissions.statement import allow
    from rightpack.errors import InternalError

    with pytest.raises(InternalError, match="ReadAll allows s3:GetObject beyond"):
        allow("ReadAll", "s3:GetObject", on=["*"])
