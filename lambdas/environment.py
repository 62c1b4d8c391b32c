"""What a function knows of its surroundings: read once, on the first call, never at import."""

from __future__ import annotations

import datetime as dt
import os
from functools import cache
from typing import Any

from rightpack.layout import Layout


@cache
def layout() -> Layout:
    """Names of the stage that this function belongs to."""
    return Layout(os.environ["RIGHTPACK_STAGE"], os.environ["RIGHTPACK_ACCOUNT"], os.environ["AWS_REGION"])


@cache
def client(service: str) -> Any:
    """A boto3 client; boto3 is imported here because importing it costs more than the rest of a cold start."""
    import boto3

    return boto3.client(service)  # type: ignore[call-overload]


def now() -> dt.datetime:
    """The time in UTC."""
    return dt.datetime.now(dt.UTC)
