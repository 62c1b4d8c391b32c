"""Sessions of roles: only roles that exist can be assumed, and every access key has an owner."""

from __future__ import annotations

from local_cloud import backends
from local_cloud.account import ACCOUNT, ADMIN_KEY, REGION
from local_cloud.iam.authority import Authority
from local_cloud.wire import AwsError, Call, Json

_ROOT = f"arn:aws:iam::{ACCOUNT}:root"
_HOUR = 3600
_NAME_LIMIT = 64


class Credentials:
    """The account's sessions, kept by moto; `authority` knows whom roles trust."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._owners = {ADMIN_KEY: _ROOT}

    def principal(self, access_key: str) -> str:
        """ARN of the owner of an access key; unknown keys and unsigned requests are `anonymous`."""
        if access_key not in self._owners:
            session = backends.sts().get_assumed_role_from_access_key(access_key) if access_key else None
            if session is None:
                return "anonymous"
            self._owners[access_key] = session.arn
        return self._owners[access_key]

    def session(self, role_arn: str, name: str, *, service: str) -> dict[str, str]:
        """Environment variables of a fresh session of the role, taken on by a service (`lambda.amazonaws.com`).

        Raises:
            AwsError: AccessDenied, as no such role was ever created, or it does not trust the service (if enforced).
        """
        _require_role(role_arn)
        self._authority.require_trust(role_arn, service=service)
        made = backends.sts().assume_role(REGION, name[:_NAME_LIMIT], role_arn, "", _HOUR, "")
        return {
            "AWS_ACCESS_KEY_ID": made.access_key_id,
            "AWS_SECRET_ACCESS_KEY": made.secret_access_key,
            "AWS_SESSION_TOKEN": made.session_token,
        }

    def check_assume_role(self, call: Call, request: Json) -> None:
        """Refuse what moto would grant: a session of a role that is not there or trusts others (sts:AssumeRole)."""
        _require_role(request.get("RoleArn", ""))
        self._authority.require_assumable(call.principal, request["RoleArn"])


def _require_role(role_arn: str) -> None:
    roles = backends.iam().roles.values()
    if not any(role.arn == role_arn for role in roles):
        raise AwsError(
            "AccessDenied", f"Not authorized to perform sts:AssumeRole: the role {role_arn} does not exist.", 403
        )
