"""Telling of an UNLOAD that failed, once: its end may be announced twice, and who tells of it may die while telling.

A mark beside the drop's request says which invocation tells. The repetition of an invocation that died has the same
request id and so may go on; the invocation of a second announcement has another one and leaves it alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightpack.drops import REQUEST_NAME, statement_prefix
from rightpack.layout import Layout

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FAILED_NAME: Final = "_FAILED.json"
TAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


@dataclass(frozen=True, slots=True)
class DropFailures:
    """The marks of one stage."""

    s3: S3Client
    layout: Layout

    def claim(self, statement_name: str, *, reason: str, teller: str) -> bool:
        """Whether the invocation `teller` is the one that tells of a failed UNLOAD."""
        name = statement_name.removeprefix(statement_prefix(self.layout.stage))
        bucket, key = self.layout.data_bucket, name.removesuffix(REQUEST_NAME) + FAILED_NAME
        body = json.dumps({"statement": statement_name, "reason": reason, "teller": teller}, indent=1).encode()
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=body, IfNoneMatch="*")
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] not in TAKEN:
                raise
            found = json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
            return bool(found["teller"] == teller)
        return True
