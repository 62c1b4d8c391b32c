"""Where moto keeps its state: the only doors through which our modules look at it. Imports wait for the first use."""

from __future__ import annotations

from typing import Any

from local_cloud.account import ACCOUNT, REGION


def s3() -> Any:
    """Buckets and objects."""
    from moto.s3.models import s3_backends

    return s3_backends[ACCOUNT]["aws"]


def dynamodb() -> Any:
    """Tables."""
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[ACCOUNT][REGION]


def sqs() -> Any:
    """Queues."""
    from moto.sqs.models import sqs_backends

    return sqs_backends[ACCOUNT][REGION]


def sns() -> Any:
    """Topics and subscriptions."""
    from moto.sns.models import sns_backends

    return sns_backends[ACCOUNT][REGION]


def events() -> Any:
    """Event buses and rules."""
    from moto.events.models import events_backends

    return events_backends[ACCOUNT][REGION]


def scheduler() -> Any:
    """EventBridge Scheduler's schedules."""
    from moto.scheduler.models import scheduler_backends

    return scheduler_backends[ACCOUNT][REGION]


def functions() -> Any:
    """Lambda functions and event source mappings."""
    from moto.awslambda.models import lambda_backends

    return lambda_backends[ACCOUNT][REGION]


def logs() -> Any:
    """Log groups."""
    from moto.logs.models import logs_backends

    return logs_backends[ACCOUNT][REGION]


def cloudwatch() -> Any:
    """Metrics and alarms."""
    from moto.cloudwatch.models import cloudwatch_backends

    return cloudwatch_backends[ACCOUNT][REGION]


def iam() -> Any:
    """Roles and policies."""
    from moto.iam.models import iam_backends

    return iam_backends[ACCOUNT]["aws"]


def sts() -> Any:
    """Sessions of assumed roles."""
    from moto.sts.models import sts_backends

    return sts_backends[ACCOUNT]["aws"]
