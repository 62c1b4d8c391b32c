from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rightpack.errors import TriggerError
from rightpack.layout import PipelineKind
from rightpack.trigger import MAX_BYTES, DropData, Trigger, TriggerObject, parse

BUCKET = "rightpack-dev-data-123456789012-us-east-1"
FOLDER = f"s3://{BUCKET}/drops/training/2026-11-20/carton-1/"
SOURCE = TriggerObject(BUCKET, "drops/training/2026-11-20/carton-1/_TRIGGER.json", "v1")
TRAINING: dict[str, Any] = {
    "version": 1,
    "pipeline": "training",
    "mode": "weekly",
    "business_date": "2026-11-20",
    "package_type": "carton",
    "data": {"uri": f"{FOLDER}data/", "manifest": f"{FOLDER}data/part_manifest"},
}


def body(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**TRAINING, **changes}.items() if value is not None}).encode()


def test_a_written_trigger_reads_back_the_same() -> None:
    data = DropData(f"{FOLDER}data/", f"{FOLDER}data/part_manifest")
    trigger = Trigger(PipelineKind.TRAINING, "weekly", dt.date(2026, 11, 20), data, "carton", {"training": {"seed": 3}})
    assert parse(trigger.to_json().encode(), SOURCE) == trigger


def test_the_same_object_always_gives_the_same_run_id() -> None:
    again = TriggerObject(SOURCE.bucket, SOURCE.key, SOURCE.version)
    assert again.run_id == SOURCE.run_id == f"training-2026-11-20-{SOURCE.digest[:12]}"
    assert len(SOURCE.digest) == 64


def test_another_version_of_the_object_is_another_run() -> None:
    assert TriggerObject(BUCKET, SOURCE.key, "v2").run_id != SOURCE.run_id


@given(st.text(max_size=80))
def test_any_key_gives_a_name_that_an_execution_may_have(key: str) -> None:
    import re

    run_id = TriggerObject(BUCKET, key, "v").run_id
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,81}", run_id)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "must be a JSON object"),
        (b" " * (MAX_BYTES + 1), "at most"),
        (b"[" * 60000, "nests 60000 levels deep"),
        (b'{"a": NaN}', "NaN, which is not JSON"),
        (b'{"version": 1, "version": 1}', "'version' is in the trigger file twice"),
        (b'{"a": "\\ud800"}', "half a character"),
        (body(version=True), "version True"),
        (body(version=1.0), r"version 1\.0"),
        (body(business_date="20261120"), "date like"),
        (body(business_date="2026-W47-5"), "date like"),
        (body(business_date="2026-02-30"), "no day of the calendar"),
        (body(data={"uri": f"{FOLDER}a\0b/", "manifest": f"{FOLDER}a\0b/m"}), "control characters"),
        (body(version=2), "version 2"),
        (body(pipeline="scoring"), "training, inference"),
        (body(mode="daily"), "'mode'"),
        (body(business_date="yesterday"), "date like"),
        (body(business_date=20261120), "'business_date'"),
        (body(package_type=None), "'package_type'"),
        (body(package_type="Padded_Mailer"), "hyphens"),
        (body(colour="red"), "'colour'"),
        (body(data=[]), "'data'"),
        (body(data={"uri": f"{FOLDER}data", "manifest": f"{FOLDER}data/m"}), "ends in '/'"),
        (body(data={"uri": "s3://elsewhere/data/", "manifest": "s3://elsewhere/data/m"}), "below its own trigger"),
        (body(data={"uri": f"{FOLDER}../x/", "manifest": f"{FOLDER}../x/m"}), "below its own trigger"),
        (body(data={"uri": f"{FOLDER}data/", "manifest": f"{FOLDER}m"}), "inside 'data.uri'"),
        (body(data={"uri": "https://x/", "manifest": "https://x/m"}), "not an s3:// URI"),
        (body(pipeline="inference", mode="daily"), "belongs to training"),
        (body(settings=[1]), "settings"),
    ],
)
def test_a_trigger_that_cannot_be_used_is_refused_with_the_reason(broken: bytes, words: str) -> None:
    with pytest.raises(TriggerError, match=words.replace("(", r"\(")):
        parse(broken, SOURCE)


def test_brackets_in_texts_are_no_depth() -> None:
    deep = "[" * 50 + '"' + "{" * 50
    assert (
        parse(body(settings={"training": {"architecture": deep}}), SOURCE).settings["training"]["architecture"] == deep
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_whatever_json_comes_is_read_or_refused(value: object) -> None:
    with pytest.raises(TriggerError):
        parse(json.dumps(value).encode(), SOURCE)
