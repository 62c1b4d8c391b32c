"""The `Fn::Sub` placeholders of a rendered definition, and the stand-ins that carry them through the SDK.

The SDK validates role ARNs and the like while it renders, so it never sees `${...}`: it gets a stand-in of the right
form, which is replaced in the text afterwards. The checker replaces placeholders by the same stand-ins, so that the
service's patterns and lengths are checked around them as well.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

PLACEHOLDER_PATTERN: Final = re.compile(r"\$\{([^}]*)\}?")


class Placeholder(StrEnum):
    """What the infrastructure fills in; the value is the name between `${` and `}`."""

    IMAGE = "Image"
    JOB_ROLE_ARN = "JobRoleArn"
    DATA_BUCKET = "DataBucket"
    ARTEFACT_BUCKET = "ArtefactBucket"
    STAGE = "Stage"
    REGION = "AWS::Region"
    ACCOUNT = "AWS::AccountId"

    @property
    def text(self) -> str:
        """How it is written in the definition, e.g. `${Stage}`."""
        return f"${{{self.value}}}"

    @property
    def stand_in(self) -> str:
        """A literal of the right form that occurs nowhere else and in no other stand-in."""
        return STAND_INS[self]


MARK: Final = "stand-in"
STAND_INS: Final = {
    Placeholder.IMAGE: f"000000000000.dkr.ecr.us-east-1.amazonaws.com/{MARK}-image:0",
    Placeholder.JOB_ROLE_ARN: f"arn:aws:iam::000000000000:role/{MARK}-job-role",
    Placeholder.DATA_BUCKET: f"{MARK}-data-bucket",
    Placeholder.ARTEFACT_BUCKET: f"{MARK}-artefact-bucket",
    Placeholder.STAGE: f"{MARK}-stage",
    Placeholder.REGION: f"{MARK}-region",
    Placeholder.ACCOUNT: f"{MARK}-account",
}


def to_placeholders(text: str) -> str:
    """Replace every stand-in in `text` by its placeholder."""
    for placeholder in Placeholder:
        text = text.replace(placeholder.stand_in, placeholder.text)
    return text


def to_stand_ins(text: str) -> str:
    """Replace every known placeholder in `text` by its stand-in."""
    for placeholder in Placeholder:
        text = text.replace(placeholder.text, placeholder.stand_in)
    return text


def unknown_placeholders(text: str) -> list[str]:
    """Names after `${` in `text` that nobody fills in; an unclosed one counts as well."""
    known = {placeholder.text for placeholder in Placeholder}
    return [match[1] for match in PLACEHOLDER_PATTERN.finditer(text) if match[0] not in known]
