"""What the topics pipeline needs beyond what every pipeline does, and what revises its mappings."""

from __future__ import annotations

import aws_cdk.aws_iam as iam

from infra.arns import Arns
from infra.permissions.functions import notify
from infra.permissions.statement import allow
from rightpack.mapping_desk import HELD, MAPPINGS

Statements = list[iam.PolicyStatement]


def revise_mapping(arns: Arns) -> Statements:
    """Read a layer's model or mapping, write the revised or held mapping, answer the callback step; tell people."""
    return [
        allow(
            "ReceiveQuestions",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            on=[arns.mapping_queue],
        ),
        allow("ReadMappings", "s3:GetObject", on=[arns.artefacts("runs/*")]),
        # Without it S3 answers 403 where there is nothing, and a question about that would be asked for ever.
        allow("TellAbsentFromForbidden", "s3:ListBucket", on=[arns.artefacts()]),
        allow("WriteMappings", "s3:PutObject", on=[arns.artefacts(f"{MAPPINGS}*"), arns.artefacts(f"{HELD}*")]),
        allow(
            "AnswerSteps",
            "sagemaker:SendPipelineExecutionStepSuccess",
            "sagemaker:SendPipelineExecutionStepFailure",
            on=["*"],
        ),
        notify(arns),
    ]


def ask_for_revisions(arns: Arns) -> iam.PolicyStatement:
    """Allow a callback step to ask for a mapping to be revised."""
    return allow("AskForRevisions", "sqs:SendMessage", on=[arns.mapping_queue])


def search(arns: Arns) -> Statements:
    """Allow hyperparameters to be searched; the trials are trained with the job's role."""
    jobs = arns.arn("sagemaker", "hyper-parameter-tuning-job/*")
    return [
        allow(
            "RunTuningJobs",
            *(f"sagemaker:{verb}HyperParameterTuningJob" for verb in ("Create", "Describe", "Stop")),
            "sagemaker:ListTrainingJobsForHyperParameterTuningJob",
            on=[jobs],
        ),
        allow("TagTuningJobs", "sagemaker:AddTags", on=[jobs]),
    ]
