"""Which resource an operation of a JSON, query or REST service is checked on: one line for each operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local_cloud.account import ACCOUNT, REGION
from local_cloud.iam.evaluation import Need
from local_cloud.wire import Json

Resources = Callable[[Json], list[str]]

EVERYTHING = "*"


def arn(service: str, rest: str) -> str:
    """ARN of something of this account and region."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


def nowhere(_request: Json) -> list[str]:
    """For actions that cannot be limited to resources."""
    return [EVERYTHING]


def named(service: str, kind: str, member: str) -> Resources:
    """A resource `<kind><name>` whose name (or ARN) is a member of the request."""

    def find(request: Json) -> list[str]:
        name = str(request.get(member) or EVERYTHING)
        return [name if name.startswith("arn:") else arn(service, f"{kind}{name}")]

    return find


def _queue(request: Json) -> list[str]:
    name = str(request.get("QueueUrl") or request.get("QueueName") or EVERYTHING).rstrip("/").rsplit("/", 1)[-1]
    return [arn("sqs", name)]


def _topic(request: Json) -> list[str]:
    return [str(request.get("TopicArn") or request.get("TargetArn") or EVERYTHING)]


def _parameter(request: Json) -> list[str]:
    names = request.get("Names") or [request.get("Name") or request.get("Path") or EVERYTHING]
    return [arn("ssm", f"parameter/{str(name).lstrip('/')}") for name in names]


def _package(request: Json) -> list[str]:
    name = str(request.get("ModelPackageName") or request.get("ModelPackageArn") or EVERYTHING)
    return [name if name.startswith("arn:") else arn("sagemaker", f"model-package/{name}")]


def _new_package(request: Json) -> list[str]:
    """Registering is checked on the group and on the version that comes to be."""
    name = str(request.get("ModelPackageGroupName") or EVERYTHING).rsplit("/", 1)[-1]
    return [arn("sagemaker", f"model-package-group/{name}"), arn("sagemaker", f"model-package/{name}/1")]


def _group(request: Json) -> list[str]:
    name = str(request.get("ModelPackageGroupName") or EVERYTHING).rsplit("/", 1)[-1]
    return [arn("sagemaker", f"model-package-group/{name}")]


def _workgroup(request: Json) -> list[str]:
    if "ClusterIdentifier" in request:
        return [arn("redshift", f"cluster:{request['ClusterIdentifier']}")]
    return named("redshift-serverless", "workgroup/", "WorkgroupName")(request)


def _database_user(request: Json) -> list[str]:
    cluster, user = request.get("ClusterIdentifier"), request.get("DbUser", EVERYTHING)
    return [arn("redshift", f"dbuser:{cluster}/{user}")]


def _log_group(request: Json) -> list[str]:
    return [arn("logs", f"log-group:{request.get('logGroupName', EVERYTHING)}")]


def _log_stream(request: Json) -> list[str]:
    group, stream = request.get("logGroupName", EVERYTHING), request.get("logStreamName", "")
    return [arn("logs", f"log-group:{group}:log-stream:{stream}")]


def _key(request: Json) -> list[str]:
    name = str(request.get("KeyId") or EVERYTHING)
    return [name if name.startswith("arn:") else arn("kms", name if name.startswith("alias/") else f"key/{name}")]


def _each(operations: str, resources: Resources) -> dict[str, Resources]:
    return dict.fromkeys(operations.split(), resources)


def _jobs(kind: str, resource: str, word: str) -> dict[str, Resources]:
    return {
        **_each(f"Create{kind} Describe{kind} Stop{kind}", named("sagemaker", f"{resource}/", f"{word}Name")),
        f"List{kind}s": nowhere,
    }


def _execution(request: Json) -> list[str]:
    return [str(request.get("PipelineExecutionArn") or EVERYTHING)]


_PIPELINE = named("sagemaker", "pipeline/", "PipelineName")
_SAGEMAKER: Mapping[str, Resources] = {
    **_jobs("ProcessingJob", "processing-job", "ProcessingJob"),
    **_jobs("TrainingJob", "training-job", "TrainingJob"),
    **_jobs("TransformJob", "transform-job", "TransformJob"),
    **_jobs("HyperParameterTuningJob", "hyper-parameter-tuning-job", "HyperParameterTuningJob"),
    "ListTrainingJobsForHyperParameterTuningJob": named(
        "sagemaker", "hyper-parameter-tuning-job/", "HyperParameterTuningJobName"
    ),
    **_each("CreateModel DescribeModel DeleteModel", named("sagemaker", "model/", "ModelName")),
    "ListModels": nowhere,
    "CreateModelPackage": _new_package,
    **_each("DescribeModelPackage UpdateModelPackage DeleteModelPackage", _package),
    "ListModelPackages": _group,
    **_each(
        "CreateModelPackageGroup DescribeModelPackageGroup DeleteModelPackageGroup "
        "PutModelPackageGroupPolicy GetModelPackageGroupPolicy DeleteModelPackageGroupPolicy",
        _group,
    ),
    "ListModelPackageGroups": nowhere,
    **_each("CreatePipeline UpdatePipeline DeletePipeline DescribePipeline", _PIPELINE),
    **_each("StartPipelineExecution ListPipelineExecutions", _PIPELINE),
    "ListPipelines": nowhere,
    **_each(
        "DescribePipelineExecution ListPipelineExecutionSteps ListPipelineParametersForExecution "
        "DescribePipelineDefinitionForExecution StopPipelineExecution RetryPipelineExecution UpdatePipelineExecution",
        _execution,
    ),
    **_each("SendPipelineExecutionStepSuccess SendPipelineExecutionStepFailure", nowhere),
    **_each("AddTags ListTags DeleteTags", lambda request: [str(request.get("ResourceArn") or EVERYTHING)]),
    "Search": nowhere,
}
_QUEUES = (
    "SendMessage ReceiveMessage DeleteMessage ChangeMessageVisibility GetQueueAttributes SetQueueAttributes "
    "GetQueueUrl PurgeQueue DeleteQueue CreateQueue ListQueueTags TagQueue ListDeadLetterSourceQueues "
    "StartMessageMoveTask"
)
_PARAMETERS = "GetParameter GetParameters GetParametersByPath PutParameter DeleteParameter DeleteParameters"

#: Resources of the operations that roles may call, by service and operation. One that is not here is not judged but
#: refused in enforce mode, and listed as unknown otherwise: add its line.
RESOURCES: Mapping[str, Mapping[str, Resources]] = {
    "sagemaker": _SAGEMAKER,
    "sqs": {**_each(_QUEUES, _queue), "ListQueues": nowhere},
    "sns": {
        **_each(
            "Publish PublishBatch Subscribe GetTopicAttributes SetTopicAttributes ListSubscriptionsByTopic", _topic
        ),
        "ListTopics": nowhere,
        "ListSubscriptions": nowhere,
    },
    "ssm": {**_each(_PARAMETERS, _parameter), "DescribeParameters": nowhere},
    "redshift-data": {
        **_each("ExecuteStatement BatchExecuteStatement", _workgroup),
        **_each("ListDatabases ListSchemas ListTables DescribeTable", _workgroup),
        **_each("DescribeStatement GetStatementResult GetStatementResultV2 CancelStatement ListStatements", nowhere),
    },
    "redshift-serverless": {
        "GetCredentials": named("redshift-serverless", "workgroup/", "workgroupName"),
        "GetWorkgroup": named("redshift-serverless", "workgroup/", "workgroupName"),
        "GetNamespace": named("redshift-serverless", "namespace/", "namespaceName"),
        **_each("ListWorkgroups ListNamespaces", nowhere),
    },
    "redshift": {
        "GetClusterCredentials": _database_user,
        "GetClusterCredentialsWithIAM": lambda request: [
            arn("redshift", f"dbname:{request.get('ClusterIdentifier')}/*")
        ],
        "DescribeClusters": nowhere,
    },
    "lambda": {
        **_each(
            "Invoke GetFunction GetFunctionConfiguration UpdateFunctionCode UpdateFunctionConfiguration GetPolicy "
            "PutFunctionConcurrency GetFunctionEventInvokeConfig",
            named("lambda", "function:", "FunctionName"),
        ),
        **_each("ListFunctions ListEventSourceMappings", nowhere),
    },
    "logs": {
        **_each("CreateLogGroup DescribeLogGroups PutRetentionPolicy FilterLogEvents DescribeLogStreams", _log_group),
        **_each("CreateLogStream PutLogEvents GetLogEvents", _log_stream),
    },
    "monitoring": _each(
        "PutMetricData GetMetricData GetMetricStatistics ListMetrics DescribeAlarms DescribeAlarmHistory "
        "DescribeAlarmsForMetric",
        nowhere,
    ),
    "events": {
        "PutEvents": lambda _request: [arn("events", "event-bus/default")],
        **_each("DescribeRule ListTargetsByRule EnableRule DisableRule", named("events", "rule/", "Name")),
        "ListRules": nowhere,
    },
    "secretsmanager": _each(
        "GetSecretValue DescribeSecret PutSecretValue", named("secretsmanager", "secret:", "SecretId")
    ),
    "kms": _each(
        "Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext DescribeKey CreateGrant ReEncrypt", _key
    ),
    "ecr": {
        "GetAuthorizationToken": nowhere,
        **_each(
            "BatchGetImage GetDownloadUrlForLayer BatchCheckLayerAvailability DescribeImages DescribeRepositories",
            named("ecr", "repository/", "repositoryName"),
        ),
    },
    "iam": _each(
        "GetRole PassRole ListRolePolicies GetRolePolicy ListAttachedRolePolicies",
        lambda request: [f"arn:aws:iam::{ACCOUNT}:role/{request.get('RoleName', EVERYTHING)}"],
    )
    | {"SimulatePrincipalPolicy": lambda request: [str(request.get("PolicySourceArn", EVERYTHING))]},
    "sts": {"AssumeRole": lambda request: [str(request.get("RoleArn") or EVERYTHING)]},
    "cloudformation": _each(
        "DescribeStacks ListStackResources DescribeStackResources DescribeStackEvents",
        lambda request: [arn("cloudformation", f"stack/{request.get('StackName', EVERYTHING)}/*")],
    ),
    "tagging": {"GetResources": nowhere},
    "service-quotas": _each("GetServiceQuota ListServiceQuotas GetAWSDefaultServiceQuota", nowhere),
}

#: Prefixes of actions where they are not the name in the signature.
PREFIXES: Mapping[str, str] = {"monitoring": "cloudwatch", "tagging": "tag", "service-quotas": "servicequotas"}

#: Operations that are permitted by an action of another name.
ACTIONS: Mapping[tuple[str, str], str] = {
    ("lambda", "Invoke"): "InvokeFunction",
    ("sqs", "SendMessageBatch"): "SendMessage",
    ("sqs", "DeleteMessageBatch"): "DeleteMessage",
    ("sqs", "ChangeMessageVisibilityBatch"): "ChangeMessageVisibility",
    ("sns", "PublishBatch"): "Publish",
    ("redshift-data", "GetStatementResultV2"): "GetStatementResult",
}

#: What nobody needs a permission for.
FREE = frozenset({("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")})


def also_needed(service: str, operation: str, request: Json) -> list[Need]:
    """Permissions that an operation needs beside its own: roles that are handed on, tags, a login to the database."""
    if service == "sagemaker":
        return _handed_on(operation, request) + _tagged(operation, request)
    if service == "redshift-data" and "WorkgroupName" in request and "SecretArn" not in request:
        return [Need("redshift-serverless:GetCredentials", _workgroup(request)[0])]
    return []


def _handed_on(operation: str, request: Json) -> list[Need]:
    if not operation.startswith(("Create", "Update")):
        return []
    roles = [request.get(member) for member in ("RoleArn", "ExecutionRoleArn")]
    roles += [(request.get("TrainingJobDefinition") or {}).get("RoleArn")]
    return [pass_role(str(role), "sagemaker.amazonaws.com") for role in roles if role]


def _tagged(operation: str, request: Json) -> list[Need]:
    if not operation.startswith("Create") or not request.get("Tags") or operation not in _SAGEMAKER:
        return []
    return [Need("sagemaker:AddTags", resource) for resource in _SAGEMAKER[operation](request)]


def log_needs(group: str, stream: str) -> tuple[Need, Need]:
    """What writing to a log stream needs."""
    where = arn("logs", f"log-group:{group}:log-stream:{stream}")
    return Need("logs:CreateLogStream", where), Need("logs:PutLogEvents", where)


def pass_role(role_arn: str, service: str) -> Need:
    """The permission to let a service work with a role."""
    return Need("iam:PassRole", role_arn, (("iam:passedtoservice", (service,)),))
