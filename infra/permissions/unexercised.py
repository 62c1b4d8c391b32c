"""Permissions that a recorded cycle does not use, each with its reason; no CDK needed to read it.

`tests/e2e/test_permissions.py` demands that what a role may do is exactly what a recorded cycle did, and these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_IMAGE: Final = "SageMaker pulls the image with the job's role; the embedded cloud has no registry to pull from."
_LOG_GROUPS: Final = "SageMaker makes and looks up the log groups of jobs; the embedded cloud writes to them at once."
_UPLOADS: Final = "An upload of several parts that fails is taken back; in a recorded cycle none fails."
_STOPPING: Final = "Jobs are stopped with an execution that a person stops, or whose other branch has failed."
_LISTING: Final = "The developer guide names it among what a RegisterModel step needs; the embedded cloud does not ask."
_TUNING: Final = "Only a training pipeline with a tuning step uses it."
_TOPICS: Final = "The topics pipeline runs monthly on a catalogue of its own (tests/e2e/test_topics.py)."
_LOST_EVENTS: Final = "The reconciler does it for runs whose events were lost, or that wait for a free place."
_TROUBLE: Final = "Asked for when a run has failed: its jobs, their logs, a retry, a notice."
_CANCELLED: Final = "A run that was cancelled while it was being started is stopped by whoever started it."
_FIRST: Final = "Only the first run of a package type, in an account without the group, needs it."
_POLLER: Final = "Lambda asks it of every role of a function that reads a queue; the embedded cloud does not."
_VERSIONED: Final = "A trigger is read by its version, but by its key where a bucket has no versions."
_DRIFT: Final = (
    "The drift monitor asks for trainings when features have drifted, which they have not yet in a first week."
)
_FAILED_UNLOAD: Final = "Asked for, and told, when an UNLOAD has failed."
_CANDIDATES: Final = "Read where a candidate exists already: a second attempt of the same step."

_KINDS: Final = ("Processing", "Training", "Transform")
_TUNING_JOB: Final = "HyperParameterTuningJob"
_QUEUE: Final = ("sqs:DeleteMessage", "sqs:ReceiveMessage")
_LOG: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
_JOB_LOGS: Final = ("logs:DescribeLogStreams", "logs:GetLogEvents")
_DESCRIBE_JOBS: Final = tuple(f"sagemaker:Describe{kind}Job" for kind in _KINDS)
_MOVE_RUNS: Final = tuple(f"sagemaker:{verb}PipelineExecution" for verb in ("Start", "Stop", "Retry"))
_LOOK: Final = ("sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps")
_PULL: Final = ("BatchCheckLayerAvailability", "BatchGetImage", "GetAuthorizationToken", "GetDownloadUrlForLayer")
_ANSWER: Final = tuple(f"sagemaker:SendPipelineExecutionStep{how}" for how in ("Failure", "Success"))


def _rows() -> Iterator[tuple[str, Iterable[str], str]]:
    yield "job", (f"ecr:{action}" for action in _PULL), _IMAGE
    yield "job", ("logs:CreateLogGroup", "logs:DescribeLogStreams"), _LOG_GROUPS
    yield "job", ("s3:AbortMultipartUpload",), _UPLOADS
    yield "job", ("lambda:InvokeFunction",), _DRIFT
    yield "pipeline", (f"sagemaker:Stop{kind}Job" for kind in _KINDS), _STOPPING
    yield "pipeline", ("sagemaker:ListModelPackages",), _LISTING
    yield "pipeline", (f"sagemaker:{verb}{_TUNING_JOB}" for verb in ("Create", "Describe", "Stop")), _TUNING
    yield "pipeline", (f"sagemaker:ListTrainingJobsFor{_TUNING_JOB}",), _TUNING
    yield "pipeline", ("sqs:SendMessage",), _TOPICS
    yield "revise-mapping", (*_LOG, *_QUEUE, *_ANSWER, "s3:GetObject", "s3:ListBucket", "s3:PutObject"), _TOPICS
    yield "revise-mapping", ("sqs:GetQueueAttributes",), _POLLER
    yield "start-pipeline", ("sqs:GetQueueAttributes",), _POLLER
    yield "start-pipeline", ("s3:GetObject",), _VERSIONED
    yield "start-pipeline", ("sagemaker:StopPipelineExecution",), _CANCELLED
    yield "start-pipeline", ("sagemaker:CreateModelPackageGroup",), _FIRST
    yield "start-pipeline", ("sagemaker:DescribeModelPackage",), _TOPICS
    yield "create-candidate", ("sagemaker:DescribeModel", "sagemaker:DescribeModelPackage"), _CANDIDATES
    yield "track-runs", (*_MOVE_RUNS, *_JOB_LOGS, "sns:Publish"), _TROUBLE
    yield "reconcile", ("dynamodb:GetItem", "dynamodb:UpdateItem", "s3:GetObject", *_LOOK, *_MOVE_RUNS), _LOST_EVENTS
    yield "reconcile", (*_DESCRIBE_JOBS, *_JOB_LOGS, "sns:Publish"), _TROUBLE
    yield (
        "unload",
        ("redshift-data:DescribeStatement", "cloudwatch:PutMetricData", "sns:Publish", "s3:GetObject"),
        _FAILED_UNLOAD,
    )


#: By role (without project and stage) and action.
UNEXERCISED: Final[Mapping[tuple[str, str], str]] = {
    (role, action): reason for role, actions, reason in _rows() for action in actions
}


def why_unused(role: str, action: str) -> str:
    """Why a role keeps a permission that a recorded cycle does not use; empty if there is no reason."""
    return UNEXERCISED.get((role, action), "")
