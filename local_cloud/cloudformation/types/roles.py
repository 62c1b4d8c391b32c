"""IAM roles with their inline and attached policies, policies of several roles, and managed policies."""

from __future__ import annotations

from typing import Any

from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.wire import Json

_GONE = ("NoSuchEntity",)
_AWS_MANAGED = "arn:aws:iam::aws:policy/"


def _create_role(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("RoleName"))
    given = properties.pick(
        "AssumeRolePolicyDocument", "Path", "Description", "MaxSessionDuration", "PermissionsBoundary"
    )
    role = context.call("iam", "create_role", RoleName=name, Tags=properties.tag_list(), **given)["Role"]
    _put_policies(context, name, properties)
    return _role(role)


def _update_role(context: Context, name: str, properties: Properties, former: Json) -> Made:
    document = properties.required("AssumeRolePolicyDocument")
    context.call("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=document)
    changed = properties.pick("Description", "MaxSessionDuration")
    if changed:
        context.call("iam", "update_role", RoleName=name, **changed)
    properties.pick("Tags", "PermissionsBoundary")
    _remove_policies(context, name, former)
    _put_policies(context, name, properties)
    return _role(context.call("iam", "get_role", RoleName=name)["Role"])


def _role(role: Json) -> Made:
    return Made(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})


def _put_policies(context: Context, name: str, properties: Properties) -> None:
    for policy in properties.get("Policies", []):
        context.call("iam", "put_role_policy", RoleName=name, **policy)
    for arn in properties.get("ManagedPolicyArns", []):
        _provide(arn)
        context.call("iam", "attach_role_policy", RoleName=name, PolicyArn=arn)


def _remove_policies(context: Context, name: str, properties: Json) -> None:
    for policy in properties.get("Policies", []):
        context.try_call("iam", "delete_role_policy", _GONE, RoleName=name, PolicyName=policy["PolicyName"])
    for arn in properties.get("ManagedPolicyArns", []):
        context.try_call("iam", "detach_role_policy", _GONE, RoleName=name, PolicyArn=arn)


def _delete_role(context: Context, name: str, properties: Json) -> None:
    _remove_policies(context, name, properties)
    context.try_call("iam", "delete_role", _GONE, RoleName=name)


def _put_policy(context: Context, properties: Properties) -> Made:
    for role in properties.get("Roles", []):
        context.call("iam", "put_role_policy", RoleName=role, **properties.pick("PolicyName", "PolicyDocument"))
    return Made(properties["PolicyName"])


def _update_policy(context: Context, _name: str, properties: Properties, former: Json) -> Made:
    for role in set(former.get("Roles", [])) - set(properties.get("Roles", [])):
        context.try_call("iam", "delete_role_policy", _GONE, RoleName=role, PolicyName=former["PolicyName"])
    return _put_policy(context, properties)


def _delete_policy(context: Context, name: str, properties: Json) -> None:
    for role in properties.get("Roles", []):
        context.try_call("iam", "delete_role_policy", _GONE, RoleName=role, PolicyName=name)


def _create_managed(context: Context, properties: Properties) -> Made:
    name = context.name(properties.get("ManagedPolicyName"), limit=128)
    given = properties.pick("PolicyDocument", "Path", "Description")
    arn = context.call("iam", "create_policy", PolicyName=name, **given)["Policy"]["Arn"]
    for role in properties.get("Roles", []):
        context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
    return Made(arn, {"PolicyArn": arn})


def _update_managed(context: Context, arn: str, properties: Properties, former: Json) -> Made:
    for version in context.call("iam", "list_policy_versions", PolicyArn=arn)["Versions"]:
        if not version["IsDefaultVersion"]:
            context.call("iam", "delete_policy_version", PolicyArn=arn, VersionId=version["VersionId"])
    document = properties.required("PolicyDocument")
    context.call("iam", "create_policy_version", PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
    wanted, had = set(properties.get("Roles", [])), set(former.get("Roles", []))
    for role in had - wanted:
        context.try_call("iam", "detach_role_policy", _GONE, RoleName=role, PolicyArn=arn)
    for role in wanted - had:
        context.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)
    return Made(arn, {"PolicyArn": arn})


def _delete_managed(context: Context, arn: str, properties: Json) -> None:
    for role in properties.get("Roles", []):
        context.try_call("iam", "detach_role_policy", _GONE, RoleName=role, PolicyArn=arn)
    context.try_call("iam", "delete_policy", _GONE, PolicyArn=arn)


def _provide(arn: str) -> None:
    """Put one of AWS's own policies where moto looks for it; loading all of them would take a second at each start."""
    from moto.iam.models import AWSManagedPolicy

    from local_cloud import backends
    from local_cloud.account import ACCOUNT

    store = backends.iam().managed_policies
    if arn.startswith(_AWS_MANAGED) and arn not in store:
        name, data = _aws_policy(arn)
        store[arn] = AWSManagedPolicy.from_data(name, ACCOUNT, "us-east-1", data)


def _aws_policy(arn: str) -> tuple[str, Any]:
    import json

    from moto.iam.aws_managed_policies import aws_managed_policies_data

    from local_cloud.cloudformation.template import ValidationError

    for name, data in json.loads(aws_managed_policies_data).items():
        if f"arn:aws:iam::aws:policy{data['Path']}{name}" == arn:
            return name, data
    raise ValidationError(f"The AWS managed policy {arn} is not known.")


TYPES = [
    ResourceType(
        "AWS::IAM::Role",
        _create_role,
        _update_role,
        _delete_role,
        fixed=frozenset({"RoleName", "Path"}),
        lasting=frozenset({"Tags", "PermissionsBoundary"}),
    ),
    ResourceType("AWS::IAM::Policy", _put_policy, _update_policy, _delete_policy, fixed=frozenset({"PolicyName"})),
    ResourceType(
        "AWS::IAM::ManagedPolicy",
        _create_managed,
        _update_managed,
        _delete_managed,
        fixed=frozenset({"ManagedPolicyName", "Path", "Description"}),
    ),
]
