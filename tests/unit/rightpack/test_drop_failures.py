from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rightpack.drop_failures import DropFailures
from rightpack.drops import statement_prefix
from rightpack.layout import Layout

LAYOUT = Layout("dev", "123456789012", "us-east-1")
NAME = f"{statement_prefix('dev')}drops/training/2026-11-20/carton-1/_REQUEST.json"


class FakeS3:
    """Objects in a dictionary, with the one condition that is asked for."""

    def __init__(self, code: str = "PreconditionFailed") -> None:
        self.objects: dict[str, bytes] = {}
        self.exceptions = type("Exceptions", (), {"ClientError": ClientError})
        self._code = code

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, IfNoneMatch: str) -> None:
        assert (Bucket, IfNoneMatch) == (LAYOUT.data_bucket, "*")
        if Key in self.objects:
            raise ClientError({"Error": {"Code": self._code, "Message": ""}}, "PutObject")
        self.objects[Key] = Body

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        body = self.objects[Key]
        return {"Body": type("Body", (), {"read": lambda _self: body})()}


def test_one_invocation_tells_and_only_its_own_repetition_may_tell_again() -> None:
    s3 = FakeS3()
    failures = DropFailures(s3, LAYOUT)  # type: ignore[arg-type]
    told = [failures.claim(NAME, reason="no disk", teller=teller) for teller in ("first", "second", "first")]
    assert told == [True, False, True]
    (key,) = s3.objects
    assert key == "drops/training/2026-11-20/carton-1/_FAILED.json"
    assert json.loads(s3.objects[key])["reason"] == "no disk"


def test_any_other_refusal_is_the_caller_s_to_see() -> None:
    s3 = FakeS3("AccessDenied")
    failures = DropFailures(s3, LAYOUT)  # type: ignore[arg-type]
    failures.claim(NAME, reason="", teller="first")
    with pytest.raises(ClientError, match="AccessDenied"):
        failures.claim(NAME, reason="", teller="second")
