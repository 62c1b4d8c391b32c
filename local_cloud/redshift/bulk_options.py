"""What UNLOAD and COPY share in their syntax: authorization and sizes."""

from __future__ import annotations

import re
from decimal import Decimal

from local_cloud.redshift.errors import SqlError, SqlState
from local_cloud.redshift.reader import TokenReader

MEGABYTE = 2**20
_KEYS = ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d+:role/\S+")


def read_authorization(reader: TokenReader) -> bool:
    """Move past IAM_ROLE, keys or CREDENTIALS; their values are checked for their form and then forgotten."""
    if reader.accept("IAM_ROLE"):
        if not reader.accept("DEFAULT"):
            _check_roles(reader.text())
        return True
    if reader.accept_any(*_KEYS):
        reader.text()
        return True
    if reader.accept("WITH", "CREDENTIALS") or reader.accept("CREDENTIALS"):
        reader.accept("AS")
        reader.text()
        return True
    return False


def _check_roles(chain: str) -> None:
    for role in chain.split(","):
        if not _ROLE.fullmatch(role):
            raise SqlError(f'Invalid IAM_ROLE "{role}": it must be the ARN of a role', SqlState.SYNTAX)


def require_authorization(statement: str, *, given: bool) -> None:
    """Raise SqlError unless the statement said on whose behalf it reads or writes S3."""
    if not given:
        raise SqlError(f"{statement}: no authorization given; add IAM_ROLE", SqlState.SYNTAX)


def read_size(reader: TokenReader) -> int:
    """A size in MB (the default unit) or GB, as bytes."""
    reader.accept("AS")
    number = Decimal(reader.number())
    unit = 1024 if reader.accept_any("MB", "GB") == "GB" else 1
    return int(number * unit * MEGABYTE)
