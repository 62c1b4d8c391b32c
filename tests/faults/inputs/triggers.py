"""Bad trigger files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from tests.faults.inputs.bad import BUCKET, DATE, Bad, Entry, Files

NAME: Final = "_TRIGGER.json"


def trigger(drop: str, **changes: Any) -> Files:
    """A sound training trigger of `drop` with some keys changed, or removed where they become None."""
    uri = f"s3://{BUCKET}/drops/training/{DATE}/{drop}/data/"
    sound = {
        "version": 1,
        "pipeline": "training",
        "mode": "weekly",
        "business_date": DATE,
        "package_type": "carton",
        "data": {"uri": uri, "manifest": f"{uri}part_manifest"},
    }
    body = {key: value for key, value in {**sound, **changes}.items() if value is not None}
    return {NAME: json.dumps(body, indent=1).encode()}


def data(uri: str, manifest: str = "part_manifest") -> dict[str, str]:
    """Where a trigger says that its data lies."""
    return {"uri": uri, "manifest": uri + manifest}


RAW: Final[dict[str, tuple[str, bytes]]] = {
    "empty-trigger": ("The file is empty.", b""),
    "prose-trigger": ("It is prose, not JSON.", b"please train cartons\n"),
    "list-trigger": ("It is a list.", b'[{"version": 1}]'),
    "large-trigger": ("It is larger than a trigger may be.", b" " * 65_537),
    "deep-trigger": ("It nests lists 3,000 levels deep.", b'{"settings": ' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "latin-trigger": ("It is written in Latin-1.", b'{"version": 1, "package_type": "k\xe4rtchen"}'),
    "surrogate-trigger": ("It holds half of a surrogate pair.", b'{"version": 1, "package_type": "\\ud800"}'),
    "nan-trigger": ("It holds NaN, which is no JSON.", b'{"version": 1, "settings": {"drift": {"psi": NaN}}}'),
    "twice-trigger": ("It names the package type twice.", b'{"package_type": "carton", "package_type": "none"}'),
}
CHANGED: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "unknown-key": ("A key is unknown.", {"priority": "high"}),
    "new-version": ("Its version is one of the future.", {"version": 2}),
    "true-version": ("Its version is true, not 1.", {"version": True}),
    "unknown-pipeline": ("Its pipeline does not exist.", {"pipeline": "scoring"}),
    "other-mode": ("Its mode is that of the other pipeline.", {"mode": "daily"}),
    "compact-date": ("The date has no hyphens.", {"business_date": "20261120"}),
    "no-such-day": ("The date is not in the calendar.", {"business_date": "2026-02-30"}),
    "foreign-bucket": ("Its data lies in a bucket of others.", {"data": data("s3://elsewhere/drops/data/")}),
    "climbing-path": (
        "Its path climbs out of the drop.",
        {"data": data(f"s3://{BUCKET}/drops/training/{DATE}/climbing-path/../../secret/")},
    ),
    "other-drop": (
        "Its data is that of another drop.",
        {"data": data(f"s3://{BUCKET}/drops/training/{DATE}/somebody-else/data/")},
    ),
    "web-address": ("Its data lies in the web.", {"data": data("https://example.com/data/")}),
    "manifest-elsewhere": (
        "Its manifest does not lie with its data.",
        {
            "data": {
                "uri": f"s3://{BUCKET}/drops/training/{DATE}/manifest-elsewhere/data/",
                "manifest": f"s3://{BUCKET}/drops/training/{DATE}/manifest-elsewhere/part_manifest",
            }
        },
    ),
    "control-character": (
        "Its path holds a NUL.",
        {"data": data(f"s3://{BUCKET}/drops/training/{DATE}/control-character/da\0ta/")},
    ),
    "misspelt-type": ("Its package type is misspelt.", {"package_type": "cartoon"}),
    "untrained-type": ("Its package type is never trained.", {"package_type": "cushioned-carton"}),
    "unknown-setting": ("It overrides a setting that does not exist.", {"settings": {"splits": {"share": 0.5}}}),
    "mistyped-setting": (
        "It overrides a number by a word.",
        {"settings": {"package_types": {"carton": {"rank": "high"}}}},
    ),
    "type-for-inference": ("It names a package type for inference.", {"pipeline": "inference", "mode": "daily"}),
}


def bad_triggers() -> Iterator[Bad]:
    """All of them."""
    for name, (wrong, body) in RAW.items():
        yield Bad(name, Entry.TRIGGER, wrong, partial(dict, {NAME: body}))
    for name, (wrong, changes) in CHANGED.items():
        yield Bad(name, Entry.TRIGGER, wrong, partial(trigger, name, **changes))
