"""What UNLOAD and COPY share in their syntax: authorization and sizes."""

from __future__ import annotations

import re
from decimal import Decimal

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.reader import TokenReader

MEGABYTE = 2**20
_KEYS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d+:role/\S+")


def read_authorization(reader: TokenReader) -> str | None:
    """Move past IAM_ROLE, keys or CREDENTIALS; answers the role (the last of a chain), empty for the other ways.

    `None` when the next words are something else.
    """
    if reader.accept("IAM_ROLE"):
        return "" if reader.accept("DEFAULT") else _last_role(reader.text())
    if reader.accept_any(*_KEYS):
        reader.text()
        return ""
    if reader.accept("WITH", "CREDENTIALS") or reader.accept("CREDENTIALS"):
        reader.accept("AS")
        reader.text()
        return ""
    return None


def _last_role(chain: str) -> str:
    roles = chain.split(",")
    for role in roles:
        if not _ROLE.fullmatch(role):
            raise SqlError(f'Invalid IAM_ROLE "{role}": it must be the ARN of a role', SqlState.SYNTAX)
    return roles[-1]


def require_authorization(statement: str, role: str | None) -> str:
    """The role; raise SqlError unless the statement said on whose behalf it reads or writes S3."""
    if role is None:
        raise SqlError(f"{statement}: no authorization given; add IAM_ROLE", SqlState.SYNTAX)
    return role


def read_size(reader: TokenReader) -> int:
    """A size in MB (the default unit) or GB, as bytes."""
    reader.accept("AS")
    number = Decimal(reader.number())
    unit = 1024 if reader.accept_any("MB", "GB") == "GB" else 1
    return int(number * unit * MEGABYTE)
