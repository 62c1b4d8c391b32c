"""S3 buckets and their policies."""

from __future__ import annotations

from typing import Any

from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_GONE = ("NoSuchBucket", "NoSuchBucketPolicy")
_RULE = {"Id": "ID", "Status": "Status", "AbortIncompleteMultipartUpload": "AbortIncompleteMultipartUpload"}


def _create(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("BucketName"), limit=63, lower=True)
    context.call("s3", "create_bucket", Bucket=name)
    return _configure(context, name, properties)


def _update(context: Context, name: str, properties: Properties, former: Json) -> Made:
    if "LifecycleConfiguration" in former and "LifecycleConfiguration" not in properties:
        context.call("s3", "delete_bucket_lifecycle", Bucket=name)
    if "VersioningConfiguration" in former and "VersioningConfiguration" not in properties:
        context.call("s3", "put_bucket_versioning", Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    return _configure(context, name, properties)


def _configure(context: Context, name: str, properties: Properties) -> Made:
    direct = {
        "VersioningConfiguration": "put_bucket_versioning",
        "PublicAccessBlockConfiguration": "put_public_access_block",
        "OwnershipControls": "put_bucket_ownership_controls",
    }
    for member, operation in direct.items():
        if member in properties:
            context.call("s3", operation, Bucket=name, **{member: properties[member]})
    _encrypt(context, name, properties)
    if "LifecycleConfiguration" in properties:
        rules = [_lifecycle_rule(rule) for rule in properties["LifecycleConfiguration"]["Rules"]]
        context.call("s3", "put_bucket_lifecycle_configuration", Bucket=name, LifecycleConfiguration={"Rules": rules})
    _notify(context, name, properties)
    if properties.tags():
        context.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": properties.tag_list()})
    return Made(name, _attributes(name))


def _encrypt(context: Context, name: str, properties: Properties) -> None:
    given = properties.section("BucketEncryption").get("ServerSideEncryptionConfiguration")
    if given:
        rules = [
            _rename(rule, {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}) for rule in given
        ]
        context.call("s3", "put_bucket_encryption", Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})


def _notify(context: Context, name: str, properties: Properties) -> None:
    bridge = properties.section("NotificationConfiguration").get("EventBridgeConfiguration")
    told = bridge is not None and str(bridge.get("EventBridgeEnabled", True)).lower() == "true"
    configuration: Json = {"EventBridgeConfiguration": {}} if told else {}
    context.call("s3", "put_bucket_notification_configuration", Bucket=name, NotificationConfiguration=configuration)


def _lifecycle_rule(rule: Json) -> Json:
    """CloudFormation's spelling of a lifecycle rule in the API's."""
    made: Json = {new: rule[old] for old, new in _RULE.items() if old in rule}
    made["Filter"] = _lifecycle_filter(rule)
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": rule["ExpirationInDays"]}
    elif str(rule.get("ExpiredObjectDeleteMarker", "")).lower() == "true":
        made["Expiration"] = {"ExpiredObjectDeleteMarker": True}
    if "NoncurrentVersionExpiration" in rule:
        made["NoncurrentVersionExpiration"] = rule["NoncurrentVersionExpiration"]
    elif "NoncurrentVersionExpirationInDays" in rule:
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": rule["NoncurrentVersionExpirationInDays"]}
    if "Transitions" in rule:
        made["Transitions"] = [_rename(item, {"TransitionInDays": "Days"}) for item in rule["Transitions"]]
    return made


def _lifecycle_filter(rule: Json) -> Json:
    tags = rule.get("TagFilters", [])
    if not tags:
        return {"Prefix": rule.get("Prefix", "")}
    return {"And": {"Prefix": rule.get("Prefix", ""), "Tags": tags}}


def _rename(value: Json, names: dict[str, str]) -> Json:
    return {names.get(name, name): item for name, item in value.items()}


def _attributes(name: str) -> dict[str, Any]:
    return {
        "Arn": f"arn:aws:s3:::{name}",
        "DomainName": f"{name}.s3.amazonaws.com",
        "RegionalDomainName": f"{name}.s3.us-east-1.amazonaws.com",
    }


def _delete(context: Context, name: str, _properties: Json) -> None:
    context.try_call("s3", "delete_bucket", _GONE, Bucket=name)


def _put_policy(context: Context, properties: Properties) -> Made:
    bucket = properties.required("Bucket")
    context.call("s3", "put_bucket_policy", Bucket=bucket, Policy=properties.required("PolicyDocument"))
    return Made(bucket)


def _update_policy(context: Context, _bucket: str, properties: Properties, _former: Json) -> Made:
    return _put_policy(context, properties)


def _delete_policy(context: Context, bucket: str, _properties: Json) -> None:
    context.try_call("s3", "delete_bucket_policy", _GONE, Bucket=bucket)


TYPES = [
    ResourceType(
        "AWS::S3::Bucket",
        _create,
        _update,
        _delete,
        fixed=frozenset({"BucketName"}),
    ),
    ResourceType("AWS::S3::BucketPolicy", _put_policy, _update_policy, _delete_policy, fixed=frozenset({"Bucket"})),
]
