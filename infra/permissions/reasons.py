"""Why some actions are allowed on more than this project's own resources; no CDK needed to read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rightpack.layout import PROJECT

JOB_KINDS: Final = ("Processing", "Training", "Transform")
JOB_VERBS: Final = ("Create", "Describe", "Stop")

_NAMED_BY_SAGEMAKER: Final = (
    "SageMaker names what a pipeline creates `pipelines-<execution>-<step>-...`; no part of that is ours to choose."
)
_WORKGROUP_ID: Final = "A workgroup's ARN ends in an id unknown before it exists; in it, grants to the role decide."
_STATEMENT_OWNER: Final = "Statements have no ARN; the service shows them only to the role that ran them."

# Why an action is allowed on more than resources of this project. An action that is not here cannot be.
WILDCARD_REASONS: Final[Mapping[str, str]] = {
    "cloudwatch:PutMetricData": "Metrics have no ARN; the condition on the namespace limits the statement instead.",
    "ecr:GetAuthorizationToken": "A token belongs to the registry, not to a repository; pulling is limited to ours.",
    **dict.fromkeys(
        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        "The image is built in one account and run in those of all stages; its repository says in which.",
    ),
    **dict.fromkeys(
        (
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogStreams",
            "logs:GetLogEvents",
            "logs:PutLogEvents",
        ),
        "SageMaker names the log groups of jobs, one per kind of job and the same for the whole account.",
    ),
    **dict.fromkeys(
        ("sagemaker:SendPipelineExecutionStepFailure", "sagemaker:SendPipelineExecutionStepSuccess"),
        "An answer names a callback token; there is no resource to check, and who has no token answers nothing.",
    ),
    **dict.fromkeys(("redshift-data:DescribeStatement", "redshift-data:GetStatementResult"), _STATEMENT_OWNER),
    **dict.fromkeys(
        (
            "redshift-data:BatchExecuteStatement",
            "redshift-data:ExecuteStatement",
            "redshift-serverless:GetCredentials",
        ),
        _WORKGROUP_ID,
    ),
    **dict.fromkeys(
        (
            *(f"sagemaker:{verb}{kind}Job" for kind in (*JOB_KINDS, "HyperParameterTuning") for verb in JOB_VERBS),
            "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
            "sagemaker:AddTags",
            "sagemaker:CreateModel",
            "sagemaker:DescribeModel",
        ),
        _NAMED_BY_SAGEMAKER,
    ),
}


def is_wide(resource: str) -> bool:
    """Whether a resource pattern reaches beyond this project: nothing of ours stands before its first wildcard."""
    head, star, _ = resource.partition("*")
    return bool(star) and not any(f"{PROJECT}{mark}" in head for mark in "-/")
