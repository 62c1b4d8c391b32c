"""iam:SimulatePrincipalPolicy, answered by the policies that calls are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from local_cloud.account import ACCOUNT
from local_cloud.iam import directory
from local_cloud.iam.authority import Authority
from local_cloud.iam.evaluation import Decision, Need
from local_cloud.wire import AwsError, Call, Json

_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
Keys = Mapping[str, tuple[str, ...]]


def simulating(authority: Authority) -> Callable[[Call, Json], Json]:
    """Make the operation: what a role's own policies, and those of the resources, say to actions.

    Raises:
        AwsError: There is no such role.
    """

    def simulate(_call: Call, request: Json) -> Json:
        arn = str(request["PolicySourceArn"])
        if ":role/" in arn and directory.find_role(arn) is None:
            raise AwsError("NoSuchEntity", f"The role {arn} cannot be found.", 404)
        needs = [
            Need(action, resource)
            for action in request["ActionNames"]
            for resource in request.get("ResourceArns") or ["*"]
        ]
        keys = _keys(request)
        return {"EvaluationResults": [_result(authority, arn, need, keys) for need in needs], "IsTruncated": False}

    return simulate


def _keys(request: Json) -> Keys:
    """Condition keys that the caller supposes, e.g. `iam:PassedToService`."""
    entries = request.get("ContextEntries") or []
    return {entry["ContextKeyName"].lower(): tuple(entry.get("ContextKeyValues") or ()) for entry in entries}


def _result(authority: Authority, arn: str, need: Need, keys: Keys) -> Json:
    decision = Decision(True, "allowed") if arn == _ROOT else authority.allows(arn, need, keys)
    verdict = "allowed" if decision.allowed else "explicitDeny" if decision.explicit else "implicitDeny"
    matched = [{"SourcePolicyId": name, "SourcePolicyType": "IAM Policy"} for name in _sources(decision)]
    return {
        "EvalActionName": need.action,
        "EvalResourceName": need.resource,
        "EvalDecision": verdict,
        "MatchedStatements": matched,
    }


def _sources(decision: Decision) -> list[str]:
    return list(dict.fromkeys(match.policy for match in decision.matched))
