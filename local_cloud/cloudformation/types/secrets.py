"""Parameters, secrets and keys."""

from __future__ import annotations

import hashlib
import json

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_GONE = ("ParameterNotFound", "ResourceNotFoundException", "NotFoundException")
_PASSWORD_LENGTH = 32


def _create_parameter(context: Context, properties: Properties) -> Made:
    return _put_parameter(context, context.name(properties.get("Name"), limit=900), properties)


def _put_parameter(context: Context, name: str, properties: Properties) -> Made:
    given = properties.pick("Value", "Type", "Description", "Tier", "AllowedPattern", "DataType")
    context.call("ssm", "put_parameter", Name=name, Overwrite=True, **given)
    return Made(name, {"Type": given.get("Type", "String"), "Value": given["Value"]})


def _update_parameter(context: Context, name: str, properties: Properties, _former: Json) -> Made:
    return _put_parameter(context, name, properties)


def _delete_parameter(context: Context, name: str, _properties: Json) -> None:
    context.try_call("ssm", "delete_parameter", _GONE, Name=name)


def _create_secret(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("Name"), limit=500)
    given = properties.pick("Description", "KmsKeyId")
    value = _secret_value(name, properties)
    arn = context.call(
        "secretsmanager", "create_secret", Name=name, SecretString=value, Tags=properties.tag_list(), **given
    )["ARN"]
    return Made(arn, {"Id": arn})


def _secret_value(name: str, properties: Properties) -> str:
    """The given value, or a generated one that is the same for the same name: nothing here is secret."""
    if "GenerateSecretString" not in properties:
        return str(properties.get("SecretString", ""))
    generate = properties["GenerateSecretString"]
    length = int(generate.get("PasswordLength", _PASSWORD_LENGTH))
    password = ("Aa1" + hashlib.sha512(name.encode()).hexdigest())[:length]
    if "SecretStringTemplate" not in generate:
        return password
    return json.dumps(json.loads(generate["SecretStringTemplate"]) | {generate["GenerateStringKey"]: password})


def _update_secret(context: Context, arn: str, properties: Properties, former: Json) -> Made:
    properties.pick("Tags")
    given = properties.pick("Description", "KmsKeyId")
    changed = properties.pick("SecretString", "GenerateSecretString")
    if changed != {key: former[key] for key in ("SecretString", "GenerateSecretString") if key in former}:
        given["SecretString"] = _secret_value(arn, properties)
    context.call("secretsmanager", "update_secret", SecretId=arn, **given)
    return Made(arn, {"Id": arn})


def _delete_secret(context: Context, arn: str, _properties: Json) -> None:
    context.try_call("secretsmanager", "delete_secret", _GONE, SecretId=arn, ForceDeleteWithoutRecovery=True)


def _create_key(context: Context, properties: Properties) -> Made:
    given = properties.pick("Description", "KeyUsage", "KeySpec")
    tags = [{"TagKey": key, "TagValue": value} for key, value in properties.tags().items()]
    key = context.call("kms", "create_key", Policy=properties.required("KeyPolicy"), Tags=tags, **given)["KeyMetadata"]
    _rotate(context, key["KeyId"], properties)
    properties.pick("PendingWindowInDays")  # counts when the key is deleted
    return _key(key["KeyId"])


def _update_key(context: Context, key_id: str, properties: Properties, _former: Json) -> Made:
    policy = properties.required("KeyPolicy")
    context.call("kms", "put_key_policy", KeyId=key_id, PolicyName="default", Policy=policy)
    properties.pick("Description", "Tags", "PendingWindowInDays")
    _rotate(context, key_id, properties)
    return _key(key_id)


def _rotate(context: Context, key_id: str, properties: Properties) -> None:
    if str(properties.get("EnableKeyRotation", False)).lower() == "true":
        context.call("kms", "enable_key_rotation", KeyId=key_id)


def _key(key_id: str) -> Made:
    return Made(key_id, {"Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key_id}", "KeyId": key_id})


def _delete_key(context: Context, key_id: str, properties: Json) -> None:
    days = {"PendingWindowInDays": properties["PendingWindowInDays"]} if "PendingWindowInDays" in properties else {}
    context.try_call("kms", "schedule_key_deletion", _GONE, KeyId=key_id, **days)


def _create_alias(context: Context, properties: Properties) -> Made:
    target = str(properties.required("TargetKeyId")).rsplit("/", 1)[-1]
    name = properties.required("AliasName")
    context.call("kms", "create_alias", AliasName=name, TargetKeyId=target)
    return Made(name)


def _delete_alias(context: Context, name: str, _properties: Json) -> None:
    context.try_call("kms", "delete_alias", _GONE, AliasName=name)


TYPES = [
    ResourceType(
        "AWS::SSM::Parameter",
        _create_parameter,
        _update_parameter,
        _delete_parameter,
        fixed=frozenset({"Name"}),
    ),
    ResourceType(
        "AWS::SecretsManager::Secret", _create_secret, _update_secret, _delete_secret, fixed=frozenset({"Name"})
    ),
    ResourceType(
        "AWS::KMS::Key",
        _create_key,
        _update_key,
        _delete_key,
        fixed=frozenset({"KeyUsage", "KeySpec"}),
        lasting=frozenset({"Description", "Tags"}),
    ),
    ResourceType("AWS::KMS::Alias", _create_alias, delete=_delete_alias),
]
