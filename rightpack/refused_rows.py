"""What a run could not use of its drop: how many rows, and where they, or why all of it, are kept.

Prepare writes the rows into its profile, and the reports of the steps after it repeat it. Where Prepare refuses the
whole drop, its last words say where the reason is kept.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rightpack.layout import split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FILES: Final[Mapping[str, str]] = {"profile": "profile.json", "evaluation": "evaluation.json", "report": "summary.json"}
GONE: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
KEPT: Final = re.compile(r"The reason is kept in (s3://\S+)\.(?:\s|$)")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """`rows` of a drop, listed in the Parquet file `file`."""

    rows: int = 0
    file: str = ""


NONE_REFUSED: Final = RefusedRows()


def kept_in(uri: str) -> str:
    """Words that say where the reason of a refusal is kept."""
    return f"The reason is kept in {uri}."


def where_kept(words: str) -> str:
    """Where the reason is kept, if a message says so; else empty."""
    found = KEPT.search(words)
    return found[1] if found else ""


def told_by(described: Mapping[str, Any]) -> dict[str, str]:
    """Files of a processing job that tell of refused rows, by the name of its output."""
    outputs = described.get("ProcessingOutputConfig", {}).get("Outputs", [])
    found = {output["OutputName"]: output["S3Output"]["S3Uri"].rstrip("/") for output in outputs}
    return {name: f"{found[name]}/{file}" for name, file in FILES.items() if name in found}


def refused_rows(s3: S3Client, told: Mapping[str, str]) -> RefusedRows:
    """What the first of a run's files says; nothing where there is none, or none that can be read."""
    uri = next((told[name] for name in FILES if name in told), "")
    if not uri:
        return NONE_REFUSED
    bucket, key = split_uri(uri)
    try:
        said = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())["quarantine"] or {}
        rows, file = int(said.get("rows", 0)), str(said.get("file", ""))
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        log.warning("%s, which tells of refused rows, is gone.", uri)
        return NONE_REFUSED
    except (ValueError, LookupError, TypeError, AttributeError):
        log.warning("%s does not tell of refused rows.", uri, exc_info=True)
        return NONE_REFUSED
    return RefusedRows(rows, file if rows else "")
