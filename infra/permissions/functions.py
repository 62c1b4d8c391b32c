"""What each Lambda function may do: the calls that its code makes, on the objects that it makes them on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import aws_cdk.aws_iam as iam

from infra.arns import Arns
from infra.permissions.reasons import JOB_KINDS
from infra.permissions.statement import allow, put_metrics
from rightpack.drop_failures import FAILED_NAME
from rightpack.drops import REQUEST_NAME
from rightpack.layout import TRIGGER_NAME
from rightpack.refused_rows import FILES

Statements = list[iam.PolicyStatement]


def start_pipeline(arns: Arns) -> Statements:
    """From a trigger to an execution, or to quarantine."""
    return [
        allow(
            "ReceiveTriggers",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            on=[arns.trigger_queue],
        ),
        allow("ReadTriggers", "s3:GetObject", "s3:GetObjectVersion", on=[arns.data(f"drops/*/{TRIGGER_NAME}")]),
        allow("WriteSettingsAndQuarantine", "s3:PutObject", on=[arns.data("config/*"), arns.data("quarantine/*")]),
        allow("ClaimRuns", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", on=[arns.ledger]),
        allow("CountRuns", "dynamodb:Query", on=[f"{arns.ledger}/index/by-queue"]),
        *start_runs(arns),
        allow(
            "EnsureModelGroups",
            "sagemaker:DescribeModelPackageGroup",
            "sagemaker:CreateModelPackageGroup",
            on=[arns.model_groups],
        ),
        allow(
            "FindTopicModel",
            "sagemaker:ListModelPackages",
            "sagemaker:DescribeModelPackage",
            on=[arns.model_groups, arns.model_packages],
        ),
        put_metrics(),
        notify(arns),
    ]


def track_runs(arns: Arns) -> Statements:
    """From an execution's status to the ledger, to people, and to whoever waits for its slot."""
    return [
        allow("UpdateRuns", "dynamodb:GetItem", "dynamodb:UpdateItem", on=[arns.ledger]),
        allow("FindRuns", "dynamodb:Query", on=[f"{arns.ledger}/index/*"]),
        allow(
            "ReadExecutions",
            "sagemaker:DescribePipelineExecution",
            "sagemaker:ListPipelineExecutionSteps",
            on=arns.executions,
        ),
        *start_runs(arns),
        allow("RetryRuns", "sagemaker:RetryPipelineExecution", on=arns.executions),
        # What a job says of its failure, and what it cost, stands in the job alone.
        *(
            allow(
                f"Read{kind}Jobs",
                f"sagemaker:Describe{kind}Job",
                on=[arns.arn("sagemaker", f"{kind.lower()}-job/pipelines-*")],
            )
            for kind in JOB_KINDS
        ),
        allow(
            "ReadJobLogs",
            "logs:DescribeLogStreams",
            "logs:GetLogEvents",
            # Without a colon before the star: a group is asked for by its bare ARN, a stream of it by a longer one.
            on=[arns.arn("logs", f"log-group:/aws/sagemaker/{kind}Jobs*") for kind in JOB_KINDS],
        ),
        allow("ReadRefusedRows", "s3:GetObject", on=[arns.artefacts(f"runs/*/{o}/{f}") for o, f in FILES.items()]),
        put_metrics(),
        notify(arns),
    ]


def reconcile(arns: Arns) -> Statements:
    """What track-runs may, look for executions that no event told of, and measure."""
    shaped = f"{arns.shaped_trainings}*"
    find = allow("FindExecutions", "sagemaker:ListPipelineExecutions", on=[*arns.pipelines, shaped])
    return [*track_runs(arns), find, keep_ages(arns)]


def keep_ages(arns: Arns) -> iam.PolicyStatement:
    """Allow recording since when a schedule owes a success."""
    return allow("KeepAgesOfSchedules", "dynamodb:PutItem", on=[arns.ledger])


def start_runs(arns: Arns) -> Statements:
    """Allow starting executions, and stopping one whose run was cancelled while it started."""
    return [
        allow("StartPipelines", "sagemaker:StartPipelineExecution", on=[*arns.pipelines, f"{arns.shaped_trainings}*"]),
        allow("StopCancelled", "sagemaker:StopPipelineExecution", on=arns.executions),
    ]


def unload(arns: Arns) -> Statements:
    """Start the UNLOAD of a drop, and tell people when one has failed."""
    return [
        allow("WriteRequests", "s3:PutObject", on=[arns.data(f"drops/*/{REQUEST_NAME}")]),
        allow("TellFailuresOnce", "s3:GetObject", "s3:PutObject", on=[arns.data(f"drops/*/{FAILED_NAME}")]),
        *run_statements(arns),
        allow("AskWhyItFailed", "redshift-data:DescribeStatement", on=["*"]),
        put_metrics(),
        notify(arns),
    ]


def drop(arns: Arns) -> Statements:
    """Write the trigger of a drop whose UNLOAD has finished, or note that there was nothing to do."""
    return [
        allow("ReadDrops", "s3:GetObject", on=[arns.data("drops/*")]),
        allow("WriteTriggers", "s3:PutObject", on=[arns.data(f"drops/*/{TRIGGER_NAME}")]),
        keep_ages(arns),
    ]


def export_model(arns: Arns) -> Statements:
    """Export the model that serves, and say in Parameter Store which one it is."""
    return [
        allow(
            "ReadModels",
            "sagemaker:ListModelPackages",
            "sagemaker:DescribeModelPackage",
            on=[arns.model_groups, arns.model_packages],
        ),
        allow("ReadModelFiles", "s3:GetObject", on=[arns.artefacts("runs/training/*")]),
        allow("WriteExports", "s3:PutObject", on=[arns.artefacts("exports/*")]),
        allow("TellWhichServes", "ssm:PutParameter", on=[arns.model_parameters]),
    ]


def create_candidate(arns: Arns) -> Statements:
    """Make the model of a candidate, and see whom it challenges."""
    return [
        allow(
            "MakeCandidates",
            "sagemaker:CreateModel",
            "sagemaker:DescribeModel",
            on=[arns.arn("sagemaker", f"model/{arns.layout.named('candidate-*')}")],
        ),
        allow(
            "ReadModels",
            "sagemaker:ListModelPackages",
            "sagemaker:DescribeModelPackage",
            on=[arns.model_groups, arns.model_packages],
        ),
        allow(
            "HandJobRoleToModels",
            "iam:PassRole",
            on=[arns.role("job")],
            when={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
    ]


def notify(arns: Arns) -> iam.PolicyStatement:
    """Allow telling people."""
    return allow("Notify", "sns:Publish", on=[arns.topic])


def run_statements(arns: Arns) -> Statements:
    """Allow running SQL through the Data API as the role's own database user."""
    return [
        allow(
            "RunStatements",
            "redshift-data:ExecuteStatement",
            "redshift-data:BatchExecuteStatement",
            on=[arns.workgroups],
        ),
        allow("LogInToWarehouse", "redshift-serverless:GetCredentials", on=[arns.workgroups]),
    ]


FUNCTIONS: Final[Mapping[str, Callable[[Arns], Statements]]] = {
    "start-pipeline": start_pipeline,
    "track-runs": track_runs,
    "reconcile": reconcile,
    "unload": unload,
    "drop": drop,
    "export-model": export_model,
    "create-candidate": create_candidate,
}
