"""What the properties of a template mean here: which are carried out, and which have no meaning on one machine.

A path stands for all below it; items of lists have no part in it. A property of one of these types that is in neither
table fails its deployment by name, however deep it is. Of types that are not here, whatever `create` and `update` of
the type leave unread fails it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from local_cloud.wire import Json

_ALARM = ("AlarmName", "AlarmDescription", "ActionsEnabled", "AlarmActions", "OKActions", "InsufficientDataActions")
_TARGETS = ("Id", "Arn", "Input", "InputPath", "InputTransformer", "SqsParameters", "DeadLetterConfig")

CARRIED_OUT: Mapping[str, Collection[str]] = {
    "AWS::CloudWatch::Alarm": (
        *(*_ALARM, "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Period"),
        *("EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "Metrics"),
        "Tags",
    ),
    "AWS::CloudWatch::CompositeAlarm": (*_ALARM, "AlarmRule", "Tags"),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::DynamoDB::Table": (
        *("TableName", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes"),
        *("StreamSpecification", "DeletionProtectionEnabled", "Tags"),
    ),
    "AWS::Events::Rule": (
        *("Name", "Description", "EventPattern", "ScheduleExpression", "State", "EventBusName"),
        *(f"Targets.{name}" for name in _TARGETS),
    ),
    "AWS::IAM::Role": (
        *("RoleName", "AssumeRolePolicyDocument", "Policies", "ManagedPolicyArns", "PermissionsBoundary", "Path"),
        *("Description", "Tags"),
    ),
    "AWS::KMS::Alias": ("AliasName", "TargetKeyId"),
    "AWS::KMS::Key": ("Description", "KeyUsage", "KeySpec", "PendingWindowInDays", "Tags"),
    "AWS::Lambda::EventSourceMapping": (
        *("EventSourceArn", "FunctionName", "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"),
        "Enabled",
    ),
    "AWS::Lambda::Function": (
        *("FunctionName", "Description", "Environment", "Handler", "Role", "Timeout", "LoggingConfig.LogGroup"),
        *("Code.S3Bucket", "Code.S3Key", "Code.S3ObjectVersion", "Code.ZipFile", "PackageType", "Tags"),
    ),
    "AWS::Lambda::Permission": ("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"),
    "AWS::Logs::LogGroup": ("LogGroupName", "Tags"),
    "AWS::RedshiftServerless::Namespace": ("NamespaceName", "DbName", "Tags"),
    "AWS::RedshiftServerless::Workgroup": ("WorkgroupName", "NamespaceName", "Tags"),
    "AWS::S3::Bucket": (
        *("BucketName", "VersioningConfiguration.Status", "Tags"),
        "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled",
    ),
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SNS::Subscription": (
        *("TopicArn", "Protocol", "Endpoint", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery"),
    ),
    "AWS::SNS::Topic": (
        *("TopicName", "DisplayName", "FifoTopic", "ContentBasedDeduplication", "Tags"),
        *("Subscription.Protocol", "Subscription.Endpoint"),
    ),
    "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
    "AWS::SQS::Queue": (
        *("QueueName", "VisibilityTimeout", "RedrivePolicy", "DelaySeconds", "MessageRetentionPeriod", "Tags"),
        *("MaximumMessageSize", "ReceiveMessageWaitTimeSeconds", "FifoQueue", "ContentBasedDeduplication"),
        "DeduplicationScope",
    ),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::SageMaker::ModelPackageGroup": ("ModelPackageGroupName", "ModelPackageGroupDescription", "Tags"),
    "AWS::SageMaker::Pipeline": (
        *("PipelineName", "PipelineDisplayName", "PipelineDescription", "PipelineDefinition", "RoleArn"),
        *("ParallelismConfiguration", "Tags"),
    ),
}

_NOTHING_ENCRYPTED = "kept and shown; nothing is encrypted on this machine"
_NOBODY_OUTSIDE = "kept and shown; nobody from outside reaches this machine"
_NOTHING_EXPIRES = "kept and shown; nothing expires here"
_NO_ADMINISTRATOR = "who signs in is known by IAM: there is no administrator with a password"

WITHOUT_MEANING: Mapping[str, Mapping[str, str]] = {
    "AWS::CloudWatch::Dashboard": {"DashboardBody": "kept and shown by GetDashboard; there is no console to draw it"},
    "AWS::DynamoDB::Table": {
        "BillingMode": "kept and shown; nothing is billed, nothing throttled",
        "PointInTimeRecoverySpecification": "kept and shown; there are no backups to restore from",
    },
    "AWS::IAM::Role": {"MaxSessionDuration": "kept and shown; sessions last as long as the cloud runs"},
    "AWS::KMS::Key": {
        "EnableKeyRotation": "kept and shown; no key grows a year old here",
        "KeyPolicy": "kept and shown; the use of keys is not judged",
    },
    "AWS::Lambda::Function": {
        "Architectures": "the machine is this one",
        "MemorySize": "kept, shown and told to the function; it may use the machine's memory",
        "Runtime": "the runtime is this machine's Python",
    },
    "AWS::Logs::LogGroup": {"RetentionInDays": _NOTHING_EXPIRES},
    "AWS::RedshiftServerless::Namespace": {
        "AdminUsername": _NO_ADMINISTRATOR,
        "DefaultIamRoleArn": "COPY and UNLOAD with the default role are not judged",
        "IamRoles": "COPY and UNLOAD may name every role that trusts Redshift",
        "LogExports": "statements are in the system views; no logs are written",
        "ManageAdminPassword": _NO_ADMINISTRATOR,
    },
    "AWS::RedshiftServerless::Workgroup": {
        "BaseCapacity": "kept and shown; it computes with what the machine has",
        "PubliclyAccessible": _NOBODY_OUTSIDE,
    },
    "AWS::S3::Bucket": {
        "BucketEncryption.ServerSideEncryptionConfiguration.BucketKeyEnabled": _NOTHING_ENCRYPTED,
        "BucketEncryption.ServerSideEncryptionConfiguration.ServerSideEncryptionByDefault": _NOTHING_ENCRYPTED,
        "LifecycleConfiguration.Rules.AbortIncompleteMultipartUpload": _NOTHING_EXPIRES,
        "LifecycleConfiguration.Rules.ExpirationInDays": _NOTHING_EXPIRES,
        "LifecycleConfiguration.Rules.Id": _NOTHING_EXPIRES,
        "LifecycleConfiguration.Rules.NoncurrentVersionExpiration": _NOTHING_EXPIRES,
        "LifecycleConfiguration.Rules.Prefix": _NOTHING_EXPIRES,
        "LifecycleConfiguration.Rules.Status": _NOTHING_EXPIRES,
        "OwnershipControls": "kept and shown; the account is alone and ACLs are not judged",
        "PublicAccessBlockConfiguration": _NOBODY_OUTSIDE,
    },
    "AWS::SQS::Queue": {"SqsManagedSseEnabled": _NOTHING_ENCRYPTED},
    "AWS::SageMaker::ModelPackageGroup": {
        "ModelPackageGroupPolicy": "kept and shown; there is no other account to be let in"
    },
}


def unknown(kind: str, properties: Json) -> list[str]:
    """Paths of a resource's properties that are in neither table; none for types that have no table."""
    if kind not in CARRIED_OUT:
        return []
    return sorted(set(_beyond(properties, "", {*CARRIED_OUT[kind], *WITHOUT_MEANING.get(kind, ())})))


def _beyond(value: Any, path: str, known: set[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _beyond(item, path, known)
    elif isinstance(value, dict):
        for name, item in value.items():
            here = f"{path}.{name}" if path else name
            if here not in known:
                inside = any(other.startswith(f"{here}.") for other in known) and isinstance(item, dict | list)
                yield from _beyond(item, here, known) if inside else [here]
