"""What a seed stands for: which types are trained, who races whom, and which faults strike where."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from local_cloud.faults.fault import Fault, Kind

FUNCTIONS = "rightpack-dev-*"  # session names of functions
JOBS = "pipelines-*"  # and of jobs
POLLERS = "event-source-mapping"
SENT = '*":notice": {"S": "sent"}*'
FEWEST_FAULTS, MOST_FAULTS = 2, 7

_CALLS_OF_FUNCTIONS = (
    ("s3", "GetObject"),
    ("s3", "PutObject"),
    ("dynamodb", "PutItem"),
    ("dynamodb", "UpdateItem"),
    ("dynamodb", "GetItem"),
    ("dynamodb", "Query"),
    ("sagemaker", "StartPipelineExecution"),
    ("sagemaker", "DescribePipelineExecution"),
    ("sagemaker", "ListPipelineExecutionSteps"),
    ("sagemaker", "RetryPipelineExecution"),
    ("sagemaker", "CreateModelPackageGroup"),
    ("redshift-data", "ExecuteStatement"),
    ("redshift-data", "BatchExecuteStatement"),
    ("monitoring", "PutMetricData"),
)
_CALLS_OF_JOBS = (
    ("sagemaker", "ListModelPackages"),
    ("sagemaker", "DescribeModelPackage"),
    ("s3", "GetObject"),
    ("redshift-data", "ExecuteStatement"),
    ("redshift-data", "BatchExecuteStatement"),
    ("redshift-data", "DescribeStatement"),
    ("redshift-data", "GetStatementResult"),
    ("monitoring", "PutMetricData"),
)
_CREATIONS = ("CreateProcessingJob", "CreateTrainingJob", "CreateTransformJob", "CreateModel", "CreateModelPackage")
_STEPS = ("Prepare", "Train", "ScoreValidation", "Evaluate", "Bundle", "Score", "Recommend", "Load", "Monitor")
_AT_CALLS = (
    Kind.THROTTLING,
    Kind.SERVER_ERROR,
    Kind.LOST_ANSWER,
    Kind.GATEWAY_RESTART,
    Kind.KILL_BEFORE,
    Kind.KILL_AFTER,
)
_EVENTS = {
    "aws.s3": "Object Created",
    "aws.sagemaker": "SageMaker Model Building Pipeline Execution Status Change",
    "aws.redshift-data": "Redshift Data Statement Status Change",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """One seed's run. `race` lets somebody put each trigger a second time as soon as it is there."""

    seed: int
    types: tuple[str, ...]
    race_training: bool
    race_inference: bool
    training_faults: tuple[Fault, ...]
    inference_faults: tuple[Fault, ...]


def plan(seed: int, types: tuple[str, ...]) -> Plan:
    """Draw a plan; the same seed draws the same one."""
    draw = random.Random(f"chaos-{seed}")
    chosen = tuple(draw.sample(types, draw.choice((1, 1, 1, 2))))
    faults = [_fault(draw) for _ in range(draw.randint(FEWEST_FAULTS, MOST_FAULTS))]
    cut = draw.randint(0, len(faults))
    return Plan(
        seed,
        chosen,
        race_training=draw.random() < 0.15,
        race_inference=draw.random() < 0.4,
        training_faults=tuple(faults[:cut]),
        inference_faults=tuple(faults[cut:]),
    )


def _fault(draw: random.Random) -> Fault:
    makers: tuple[tuple[int, Callable[[random.Random], Fault]], ...] = (
        (5, _call_of_function),
        (5, _call_of_job),
        (2, _start_refused),
        (3, _creation_refused),
        (3, _job),
        (2, _function),
        (4, _event),
        (2, _queue),
        (3, _notice),
        (2, _object),
        (2, _statement),
    )
    weights = [weight for weight, _ in makers]
    return draw.choices([make for _, make in makers], weights)[0](draw)


def _call_of_function(draw: random.Random) -> Fault:
    service, operation = draw.choice(_CALLS_OF_FUNCTIONS)
    return Fault(draw.choice(_AT_CALLS), service, operation, caller=FUNCTIONS, after=draw.choice((0, 0, 1, 2, 4)))


def _call_of_job(draw: random.Random) -> Fault:
    service, operation = draw.choice(_CALLS_OF_JOBS)
    kind = draw.choice(_AT_CALLS)
    return Fault(kind, service, operation, caller=JOBS, after=draw.choice((0, 0, 1, 2, 3)), count=draw.choice((1, 2)))


def _start_refused(draw: random.Random) -> Fault:
    kind = draw.choice((Kind.LIMIT, Kind.LIMIT, Kind.THROTTLING, Kind.SERVER_ERROR, Kind.QUOTA_ZERO))
    return Fault(kind, "sagemaker", "StartPipelineExecution", count=draw.choice((1, 2)))


def _creation_refused(draw: random.Random) -> Fault:
    kind = draw.choice((Kind.THROTTLING, Kind.SERVER_ERROR, Kind.LIMIT, Kind.QUOTA_ZERO))
    return Fault(kind, "sagemaker", draw.choice(_CREATIONS), after=draw.choice((0, 1, 2)), count=draw.choice((1, 3, 9)))


def _job(draw: random.Random) -> Fault:
    name = f"*-{draw.choice(_STEPS)}-*"
    kind = draw.choice((Kind.CAPACITY, Kind.CAPACITY, Kind.KILL_JOB))
    broken = "InternalServerError: We encountered an internal error.  Please try again."
    message = draw.choice(("", broken)) if kind is Kind.CAPACITY else ""
    return Fault(kind, name=name, count=draw.choice((1, 1, 2, 9, 20)), message=message)


def _function(draw: random.Random) -> Fault:
    name = f"rightpack-dev-{draw.choice(('start-pipeline', 'track-runs', 'unload', 'drop', 'reconcile'))}"
    return Fault(Kind.KILL_FUNCTION, name=name, after=draw.choice((0, 0, 1)), count=draw.choice((1, 2)))


def _event(draw: random.Random) -> Fault:
    # S3 and the Data API promise at least once, SageMaker promises nothing: only its events may be lost.
    source = draw.choice(list(_EVENTS))
    kinds = [Kind.DUPLICATE_EVENT, Kind.LATE_EVENT, Kind.REORDER_EVENT]
    kinds += [Kind.LOSE_EVENT] * 3 if source == "aws.sagemaker" else []
    after, count, seconds = draw.choice((0, 0, 1, 2)), draw.choice((1, 2, 9)), draw.choice((0.2, 1.0))
    return Fault(draw.choice(kinds), source, _EVENTS[source], after=after, count=count, seconds=seconds)


def _queue(draw: random.Random) -> Fault:
    operation = draw.choice(("ReceiveMessage", "DeleteMessageBatch", "DeleteMessageBatch"))
    kind = draw.choice((Kind.THROTTLING, Kind.SERVER_ERROR, Kind.LOST_ANSWER, Kind.GATEWAY_RESTART))
    return Fault(kind, "sqs", operation, caller=POLLERS)


def _notice(draw: random.Random) -> Fault:
    kind = draw.choice((Kind.THROTTLING, Kind.SERVER_ERROR, Kind.KILL_BEFORE, Kind.KILL_AFTER, Kind.LOST_ANSWER))
    if draw.random() < 0.6:
        return Fault(kind, "sns", "Publish", caller=FUNCTIONS)
    return Fault(kind, "dynamodb", "UpdateItem", name=SENT, caller=FUNCTIONS)  # what was published is written down


def _object(draw: random.Random) -> Fault:
    kind = draw.choice((Kind.CUT_OBJECT, Kind.HALF_WRITTEN, Kind.SLOW))
    if kind is Kind.SLOW:
        return Fault(kind, "s3", name="*/runs/*", count=3, seconds=0.2)
    name = draw.choice(("*/drops/*/data/part_*.parquet", "*/runs/*.parquet", "*/runs/*.out", "*/runs/*"))
    return Fault(kind, name=name, after=draw.choice((0, 0, 1, 3)))


def _statement(draw: random.Random) -> Fault:
    kind = draw.choice((Kind.CONFLICT, Kind.CONFLICT, Kind.LOST_COMMIT))
    name = draw.choice(("inference-*", "inference-*", "rightpack-drop:*")) if kind is Kind.CONFLICT else "inference-*"
    return Fault(kind, name=name, count=draw.choice((1, 2)))
