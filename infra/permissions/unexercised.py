"""Permissions that a cycle may leave unused, each with its reason; no CDK needed to read it.

`tests/e2e/test_permissions.py` demands that what a role may do is exactly what a recorded cycle did, and these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

Row = tuple[str, str, Iterable[str], str]  # role, statement, actions, reason

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
_UNLOADED: Final = "The database guide lists it for UNLOAD; the embedded warehouse only writes."
_SPOILED: Final = "Only for rows that cannot be used, and a generated shop has none."
_QUIET: Final = "Only after a daily unload that found no new product."
_REFUSED: Final = "Only for a trigger that is refused."
_RECONCILER: Final = "The reconciler comes every five minutes; a cycle may end before."
_CANDIDATES: Final = "Read where a candidate exists already: a second attempt of the same step."

_KINDS: Final = ("Processing", "Training", "Transform")
_TUNING_JOB: Final = "HyperParameterTuningJob"
_JOB_LOGS: Final = ("logs:DescribeLogStreams", "logs:GetLogEvents")
_LOOK: Final = ("sagemaker:DescribePipelineExecution", "sagemaker:ListPipelineExecutionSteps")
_PULL: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
_ANSWER: Final = tuple(f"sagemaker:SendPipelineExecutionStep{how}" for how in ("Failure", "Success"))


def _of_jobs() -> Iterator[Row]:
    yield "job", "LogInToRegistry", ("ecr:GetAuthorizationToken",), _IMAGE
    yield "job", "PullImage", _PULL, _IMAGE
    yield "job", "WriteLogs", ("logs:CreateLogGroup", "logs:DescribeLogStreams"), _LOG_GROUPS
    yield "job", "ReadAndWriteResults", ("s3:AbortMultipartUpload",), _UPLOADS
    yield "job", "AskForTrainings", ("lambda:InvokeFunction",), _DRIFT
    yield "warehouse", "Unload", ("s3:GetObject",), _UNLOADED


def _of_executions() -> Iterator[Row]:
    yield from (("pipeline", f"Run{kind}Jobs", (f"sagemaker:Stop{kind}Job",), _STOPPING) for kind in _KINDS)
    yield "pipeline", "RegisterModels", ("sagemaker:ListModelPackages",), _LISTING
    verbs = ("Create", "Describe", "Stop", "ListTrainingJobsFor")
    yield "pipeline", "RunTuningJobs", (f"sagemaker:{verb}{_TUNING_JOB}" for verb in verbs), _TUNING
    yield "pipeline", "TagTuningJobs", ("sagemaker:AddTags",), _TUNING
    yield "pipeline", "AskForRevisions", ("sqs:SendMessage",), _TOPICS
    yield "create-candidate", "MakeCandidates", ("sagemaker:DescribeModel",), _CANDIDATES
    yield "create-candidate", "ReadModels", ("sagemaker:DescribeModelPackage",), _CANDIDATES
    yield "revise-mapping", "WriteLog", ("logs:CreateLogStream", "logs:PutLogEvents"), _TOPICS
    yield "revise-mapping", "ReceiveQuestions", ("sqs:DeleteMessage", "sqs:ReceiveMessage"), _TOPICS
    yield "revise-mapping", "ReceiveQuestions", ("sqs:GetQueueAttributes",), _POLLER
    yield "revise-mapping", "ReadMappings", ("s3:GetObject",), _TOPICS
    yield "revise-mapping", "TellAbsentFromForbidden", ("s3:ListBucket",), _TOPICS
    yield "revise-mapping", "WriteMappings", ("s3:PutObject",), _TOPICS
    yield "revise-mapping", "AnswerSteps", _ANSWER, _TOPICS
    yield "revise-mapping", "Notify", ("sns:Publish",), _TOPICS


def _of_runs() -> Iterator[Row]:
    yield "start-pipeline", "ReceiveTriggers", ("sqs:GetQueueAttributes",), _POLLER
    yield "start-pipeline", "ReadTriggers", ("s3:GetObject",), _VERSIONED
    yield "start-pipeline", "StopCancelled", ("sagemaker:StopPipelineExecution",), _CANCELLED
    yield "start-pipeline", "EnsureModelGroups", ("sagemaker:CreateModelPackageGroup",), _FIRST
    yield "start-pipeline", "FindTopicModel", ("sagemaker:DescribeModelPackage",), _TOPICS
    for role, reason in {"track-runs": _TROUBLE, "reconcile": _LOST_EVENTS}.items():
        yield role, "StartPipelines", ("sagemaker:StartPipelineExecution",), reason
        yield role, "StopCancelled", ("sagemaker:StopPipelineExecution",), reason
        yield role, "RetryRuns", ("sagemaker:RetryPipelineExecution",), reason
        yield role, "ReadJobLogs", _JOB_LOGS, _TROUBLE
        yield role, "Notify", ("sns:Publish",), _TROUBLE
    yield "reconcile", "UpdateRuns", ("dynamodb:UpdateItem",), _LOST_EVENTS
    yield "reconcile", "ReadExecutions", _LOOK, _LOST_EVENTS
    yield from (("reconcile", f"Read{kind}Jobs", (f"sagemaker:Describe{kind}Job",), _LOST_EVENTS) for kind in _KINDS)
    yield "reconcile", "ReadRefusedRows", ("s3:GetObject",), _LOST_EVENTS


def _of_unloads() -> Iterator[Row]:
    yield "unload", "TellFailuresOnce", ("s3:GetObject", "s3:PutObject"), _FAILED_UNLOAD
    yield "unload", "AskWhyItFailed", ("redshift-data:DescribeStatement",), _FAILED_UNLOAD
    yield "unload", "WriteMetrics", ("cloudwatch:PutMetricData",), _FAILED_UNLOAD
    yield "unload", "Notify", ("sns:Publish",), _FAILED_UNLOAD


def _of_chance() -> Iterator[Row]:
    yield "job", "KeepRefusedRows", ("s3:PutObject",), _SPOILED
    yield "drop", "KeepAgesOfSchedules", ("dynamodb:PutItem",), _QUIET
    yield "start-pipeline", "WriteMetrics", ("cloudwatch:PutMetricData",), _REFUSED
    yield "start-pipeline", "Notify", ("sns:Publish",), _REFUSED
    yield "reconcile", "WriteLog", ("logs:CreateLogStream", "logs:PutLogEvents"), _RECONCILER
    yield "reconcile", "UpdateRuns", ("dynamodb:GetItem",), _RECONCILER
    yield "reconcile", "FindRuns", ("dynamodb:Query",), _RECONCILER
    yield "reconcile", "FindExecutions", ("sagemaker:ListPipelineExecutions",), _RECONCILER
    yield "reconcile", "WriteMetrics", ("cloudwatch:PutMetricData",), _RECONCILER
    yield "reconcile", "KeepAgesOfSchedules", ("dynamodb:PutItem",), _RECONCILER


def _by_permission(*tables: Iterable[Row]) -> dict[tuple[str, str, str], str]:
    rows = (row for table in tables for row in table)
    return {(role, statement, action): reason for role, statement, actions, reason in rows for action in actions}


#: What the recorded cycle leaves unused, by role (without project and stage), statement and action.
UNEXERCISED: Final = _by_permission(_of_jobs(), _of_executions(), _of_runs(), _of_unloads())
#: What the recorded cycle must use and another cycle, such as the demo, need not.
OCCASIONAL: Final = _by_permission(_of_chance())


def why_unused(role: str, statement: str, action: str) -> str:
    """Why a role keeps a permission that a cycle has not used; empty if there is no reason."""
    return {**UNEXERCISED, **OCCASIONAL}.get((role, statement, action), "")
