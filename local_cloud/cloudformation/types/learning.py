"""SageMaker's model package groups and pipelines."""

from __future__ import annotations

import uuid

from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_GONE = ("ValidationException", "ResourceNotFound")
_PIPELINE = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")


def _create_group(context: Context, properties: Properties) -> Made:
    name = properties.required("ModelPackageGroupName")
    given = properties.pick("ModelPackageGroupDescription")
    if properties.tags():
        given["Tags"] = properties.tag_list()
    arn = context.call("sagemaker", "create_model_package_group", ModelPackageGroupName=name, **given)[
        "ModelPackageGroupArn"
    ]
    if "ModelPackageGroupPolicy" in properties:
        policy = properties["ModelPackageGroupPolicy"]
        context.call("sagemaker", "put_model_package_group_policy", ModelPackageGroupName=name, ResourcePolicy=policy)
    return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})


def _update_group(context: Context, arn: str, properties: Properties, former: Json) -> Made:
    name = properties.required("ModelPackageGroupName")
    properties.pick("Tags")
    if "ModelPackageGroupPolicy" in properties:
        policy = properties["ModelPackageGroupPolicy"]
        context.call("sagemaker", "put_model_package_group_policy", ModelPackageGroupName=name, ResourcePolicy=policy)
    elif "ModelPackageGroupPolicy" in former:
        context.call("sagemaker", "delete_model_package_group_policy", ModelPackageGroupName=name)
    return Made(arn, {"ModelPackageGroupArn": arn, "ModelPackageGroupStatus": "Completed"})


def _delete_group(context: Context, arn: str, _properties: Json) -> None:
    name = arn.rsplit("/", 1)[-1]
    context.try_call("sagemaker", "delete_model_package_group", _GONE, ModelPackageGroupName=name)


def _create_pipeline(context: Context, properties: Properties) -> Made:
    name = properties.required("PipelineName")
    given = _pipeline(context, properties)
    if properties.tags():
        given["Tags"] = properties.tag_list()
    context.call("sagemaker", "create_pipeline", PipelineName=name, ClientRequestToken=str(uuid.uuid4()), **given)
    return Made(name)


def _update_pipeline(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    properties.pick("Tags")
    context.call("sagemaker", "update_pipeline", PipelineName=name, **_pipeline(context, properties))
    return Made(name)


def _pipeline(context: Context, properties: Properties) -> Json:
    definition = properties.section("PipelineDefinition")
    if "PipelineDefinitionBody" in definition:
        body = str(definition["PipelineDefinitionBody"])
    else:
        location = definition.required("PipelineDefinitionS3Location")
        body = context.read_object(location["Bucket"], location["Key"]).decode()
    return {"PipelineDefinition": body, **properties.pick(*_PIPELINE)}


def _delete_pipeline(context: Context, name: str, _properties: Json) -> None:
    token = str(uuid.uuid4())
    context.try_call("sagemaker", "delete_pipeline", _GONE, PipelineName=name, ClientRequestToken=token)


TYPES = [
    ResourceType(
        "AWS::SageMaker::ModelPackageGroup",
        _create_group,
        _update_group,
        _delete_group,
        fixed=frozenset({"ModelPackageGroupName", "ModelPackageGroupDescription"}),
        lasting=frozenset({"Tags"}),
    ),
    ResourceType(
        "AWS::SageMaker::Pipeline",
        _create_pipeline,
        _update_pipeline,
        _delete_pipeline,
        fixed=frozenset({"PipelineName"}),
        lasting=frozenset({"Tags"}),
    ),
]
