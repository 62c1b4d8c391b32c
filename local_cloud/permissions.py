"""What clients ask about permissions; the local cloud enforces no IAM policies, so what a role may do is everything."""

from __future__ import annotations

from local_cloud import backends
from local_cloud.wire import AwsError, Call, Json


def simulate_principal_policy(_call: Call, request: Json) -> Json:
    """iam:SimulatePrincipalPolicy: every action is allowed, as it will be; the SageMaker SDK asks before it trains.

    Raises:
        AwsError: There is no such role.
    """
    arn = request["PolicySourceArn"]
    if ":role/" in arn and all(role.arn != arn for role in backends.iam().roles.values()):
        raise AwsError("NoSuchEntity", f"The role {arn} cannot be found.", 404)
    resources = request.get("ResourceArns") or ["*"]
    results = [
        {"EvalActionName": action, "EvalResourceName": resource, "EvalDecision": "allowed"}
        for action in request["ActionNames"]
        for resource in resources
    ]
    return {"EvaluationResults": results, "IsTruncated": False}
