"""What pipeline executions, their jobs and the warehouse may do."""

from __future__ import annotations

from typing import Final

import aws_cdk.aws_iam as iam

from infra.arns import Arns
from infra.permissions.functions import run_statements
from infra.permissions.reasons import JOB_KINDS, JOB_VERBS
from infra.permissions.statement import allow, put_metrics
from infra.permissions.topics import ask_for_revisions, search

Statements = list[iam.PolicyStatement]

JOB_REPOSITORY: Final = "rightpack-jobs"
PULL: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def pipeline(arns: Arns) -> Statements:
    """What SageMaker does in the name of an execution: create the jobs and models of its steps and register results."""
    return [
        *(_run_jobs(arns, kind) for kind in JOB_KINDS),
        allow("CreateModels", "sagemaker:CreateModel", "sagemaker:DescribeModel", on=[_made(arns, "model")]),
        # On the group as well as on its packages: which of the two is checked depends on the call.
        allow(
            "RegisterModels",
            "sagemaker:CreateModelPackage",
            "sagemaker:DescribeModelPackage",
            "sagemaker:ListModelPackages",
            on=[arns.model_groups, arns.model_packages],
        ),
        allow(
            "TagWhatItCreates",
            "sagemaker:AddTags",
            on=[*(_made(arns, _job(kind)) for kind in JOB_KINDS), _made(arns, "model"), arns.model_packages],
        ),
        allow(
            "HandJobRoleToJobs",
            "iam:PassRole",
            on=[arns.role("job")],
            when={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        ),
        allow("CallFunctions", "lambda:InvokeFunction", on=[arns.function("create-candidate")]),
        ask_for_revisions(arns),
        *search(arns),
        # Property files are read by the execution itself, not by a job.
        allow("ReadPropertyFiles", "s3:GetObject", on=[arns.artefacts("runs/*")]),
    ]


def job(arns: Arns) -> Statements:
    """What the code in the job image does, and SageMaker around it: fetch the image, move files, keep logs."""
    return [
        allow("ListBuckets", "s3:ListBucket", on=[arns.data(), arns.artefacts()]),
        allow("ReadDropsAndSettings", "s3:GetObject", on=[arns.data("drops/*"), arns.data("config/*")]),
        allow("KeepRefusedRows", "s3:PutObject", on=[arns.data("quarantine/drops/*")]),
        allow(
            "ReadAndWriteResults",
            "s3:GetObject",
            "s3:PutObject",
            "s3:AbortMultipartUpload",
            on=[arns.artefacts("runs/*")],
        ),
        allow(
            "ReadModels",
            "sagemaker:ListModelPackages",
            "sagemaker:DescribeModelPackage",
            on=[arns.model_groups, arns.model_packages],
        ),
        *run_statements(arns),
        allow("ReadResults", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult", on=["*"]),
        allow("AskForTrainings", "lambda:InvokeFunction", on=[arns.function("unload")]),
        # SageMaker writes the load of a job's machine with the job's role.
        put_metrics(*(f"/aws/sagemaker/{kind}Jobs" for kind in JOB_KINDS)),
        allow(
            "WriteLogs",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            on=[arns.arn("logs", "log-group:/aws/sagemaker/*")],
        ),
        allow("LogInToRegistry", "ecr:GetAuthorizationToken", on=["*"]),
        # In whatever account the image was built; there the repository's policy decides as well.
        allow("PullImage", *PULL, on=[arns.in_any_account("ecr", f"repository/{JOB_REPOSITORY}")]),
    ]


def warehouse(arns: Arns) -> Statements:
    """What Redshift does for UNLOAD and COPY."""
    return [
        allow("ListBuckets", "s3:ListBucket", on=[arns.data(), arns.artefacts()]),
        allow("Unload", "s3:GetObject", "s3:PutObject", on=[arns.data("drops/*")]),
        allow("Copy", "s3:GetObject", on=[arns.artefacts("runs/inference/*"), arns.data("loads/*")]),
    ]


def _run_jobs(arns: Arns, kind: str) -> iam.PolicyStatement:
    actions = [f"sagemaker:{verb}{kind}Job" for verb in JOB_VERBS]
    return allow(f"Run{kind}Jobs", *actions, on=[_made(arns, _job(kind))])


def _job(kind: str) -> str:
    return f"{kind.lower()}-job"


def _made(arns: Arns, resource: str) -> str:
    """What SageMaker makes for a pipeline step; it chooses the names."""
    return arns.arn("sagemaker", f"{resource}/pipelines-*")
