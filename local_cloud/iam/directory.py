"""The policies of the account as moto keeps them: of roles, of the resources that have some, and whom roles trust."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from local_cloud import backends
from local_cloud.iam.evaluation import Documents
from local_cloud.wire import NotSimulatedError


def find_role(arn: str) -> Any:
    """Moto's record of a role by its ARN or by that of one of its sessions; `None` if there is none."""
    name = arn.split(":", 5)[5].split("/")[1] if ":assumed-role/" in arn else ""
    roles = list(backends.iam().roles.values())
    return next((role for role in roles if role.arn == arn or (name and role.name == name)), None)


def identity_policies(role: Any) -> Documents:
    """Inline and attached policies of a role."""
    inline = [(name, _text(text)) for name, text in role.policies.items()]
    managed = [(policy.name, _in_force(policy)) for policy in role.managed_policies.values()]
    return tuple(inline + managed)


def boundary(role: Any) -> str | None:
    """The document of a role's permissions boundary.

    Raises:
        NotSimulatedError: It is no policy of this account.
    """
    arn = getattr(role, "permissions_boundary_arn", None)
    if not arn:
        return None
    policy = backends.iam().managed_policies.get(arn)
    if policy is None:
        raise NotSimulatedError(f"the permissions boundary {arn} of {role.name}")
    return _in_force(policy)


def trust(role: Any) -> str:
    """Who may take on a role."""
    return _text(role.assume_role_policy_document)


def resource_policy(arn: str) -> str:
    """The policy of a bucket (also asked by its objects), a queue, a topic or a function; empty if it has none."""
    service, name = arn.split(":")[2:3], arn.split(":", 5)[-1]
    match service:
        case ["s3"]:
            bucket = backends.s3().buckets.get(name.split("/")[0])
            return "" if bucket is None or bucket.policy is None else _text(bucket.policy)
        case ["sqs"]:
            queue = backends.sqs().queues.get(name)
            return _text(queue.policy) if queue is not None and queue.policy else ""
        case ["sns"]:
            topic = backends.sns().topics.get(arn)
            return topic.policy if topic is not None else ""
        case ["lambda"]:
            return _function_policy(name)
    return ""


def _function_policy(name: str) -> str:
    from moto.awslambda.exceptions import UnknownFunctionException

    try:
        function = backends.functions().get_function(name.removeprefix("function:").split(":")[0])
    except UnknownFunctionException:
        return ""
    return json.dumps({"Statement": function.policy.statements}) if function.policy.statements else ""


def _in_force(policy: Any) -> str:
    """The document of a managed policy's default version."""
    return _text(next(version for version in policy.versions if version.is_default).document)


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    if not isinstance(document, str):
        return json.dumps(document)
    return document if document.lstrip().startswith("{") else unquote(document)
