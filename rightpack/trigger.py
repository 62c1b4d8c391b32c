"""The trigger file: the last object of a drop, and the only way to start a pipeline."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, Final

from rightpack.errors import TriggerError
from rightpack.layout import MODES, NAME_PATTERN, TRIGGER_NAME, PipelineKind, split_uri

VERSION: Final = 1
MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 20
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
ALL_TYPES: Final = {
    PipelineKind.INFERENCE: "inference scores every type in one pass",
    PipelineKind.TOPICS: "topics are of products, whatever they are packed in",
}
KEYS: Final = frozenset({"version", "pipeline", "mode", "business_date", "package_type", "data", "settings"})


@dataclass(frozen=True, slots=True)
class DropData:
    """Where a drop's files are: a prefix ending in `/` and the UNLOAD manifest inside it."""

    uri: str
    manifest: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """What a drop asks for; `settings` are nested overrides of the configuration."""

    pipeline: PipelineKind
    mode: str
    business_date: dt.date
    data: DropData
    package_type: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The file's text."""
        body: dict[str, Any] = {
            "version": VERSION,
            "pipeline": self.pipeline.value,
            "mode": self.mode,
            "business_date": self.business_date.isoformat(),
            "data": {"uri": self.data.uri, "manifest": self.data.manifest},
        }
        if self.package_type:
            body["package_type"] = self.package_type
        if self.settings:
            body["settings"] = self.settings
        return json.dumps(body, indent=2, sort_keys=True)


@dataclass(frozen=True, slots=True)
class TriggerObject:
    """Identity of a trigger object in S3: the version id where the bucket is versioned, else the entity tag."""

    bucket: str
    key: str
    version: str

    @property
    def digest(self) -> str:
        """64 hex digits; also the ClientRequestToken of the execution that this object starts."""
        return hashlib.sha256(f"{self.bucket}\n{self.key}\n{self.version}".encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """Run id, the same however often the object is delivered; also usable as execution display name."""
        parts = self.key.split("/")
        kind, date = (parts[1], parts[2]) if len(parts) > 3 else ("unknown", "undated")
        return f"{_slug(kind)}-{_slug(date)}-{self.digest[:12]}"


def _slug(text: str) -> str:
    kept = "".join(c if c.isalnum() and c.isascii() else "-" for c in text.lower()).strip("-")
    return "-".join(part for part in kept.split("-") if part)[:24] or "unknown"


def parse(body: bytes, source: TriggerObject) -> Trigger:
    """Read a trigger file, or raise TriggerError saying what is wrong with which key.

    Args:
        body: the object's bytes.
        source: where it lies; data must be in the same bucket, below the trigger's own folder.
    """
    raw = _load(body)
    kind = _choice(raw, "pipeline", tuple(PipelineKind))
    pipeline = PipelineKind(kind)
    return Trigger(
        pipeline=pipeline,
        mode=_choice(raw, "mode", MODES[pipeline]),
        business_date=_date(raw),
        data=_data(raw, source),
        package_type=_package_type(raw, pipeline),
        settings=_mapping(raw.get("settings", {}), "settings"),
    )


def _load(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_BYTES:
        raise TriggerError(f"The trigger file has {len(body)} bytes; at most {MAX_BYTES} are read.")
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        raw = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        json.dumps(raw, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise TriggerError(f"The trigger file holds half a character ({error.reason}); write it as UTF-8.") from error
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise TriggerError(f"The trigger file is not JSON: {error}.") from error
    raw = _mapping(raw, "the trigger file")
    unknown = sorted(set(raw) - KEYS)
    if unknown:
        raise TriggerError(f"Unknown key {unknown[0]!r} in the trigger file; known are {', '.join(sorted(KEYS))}.")
    if type(raw.get("version")) is not int or raw["version"] != VERSION:
        raise TriggerError(f"Trigger version {raw.get('version')!r} is not known; write version {VERSION}.")
    return raw


def _check_depth(text: str) -> None:
    """Refuse brackets nested beyond what settings ever need, before anything recurses into them."""
    depth = deepest = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            quoted = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise TriggerError(f"The trigger file nests {deepest} levels deep; at most {MAX_DEPTH} are read.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different: of two equal ones nobody knows which was meant."""
    raw = dict(pairs)
    if len(raw) < len(pairs):
        names = [name for name, _ in pairs]
        raise TriggerError(f"Key {next(n for n in names if names.count(n) > 1)!r} is in the trigger file twice.")
    return raw


def _no_constant(name: str) -> float:
    raise TriggerError(f"The trigger file holds {name}, which is not JSON.")


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TriggerError(f"{what} must be a JSON object, not {type(value).__name__}.")
    return value


def _text(raw: dict[str, Any], key: str) -> str:
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise TriggerError(f"Key {key!r} must be a text that is not empty; it is {value!r}.")
    return value


def _choice(raw: dict[str, Any], key: str, choices: tuple[str, ...]) -> str:
    value = _text(raw, key)
    if value not in choices:
        raise TriggerError(f"Key {key!r} is {value!r}; it must be one of {', '.join(choices)}.")
    return value


def _date(raw: dict[str, Any]) -> dt.date:
    value = _text(raw, "business_date")
    written = DATE.fullmatch(value)
    if not written:
        raise TriggerError(f"Key 'business_date' is {value!r}; it must be a date like 2026-11-20.")
    try:
        return dt.date(*(int(part) for part in written.groups()))
    except ValueError as error:
        raise TriggerError(f"Key 'business_date' is {value!r}, which is no day of the calendar.") from error


def _package_type(raw: dict[str, Any], pipeline: PipelineKind) -> str | None:
    if pipeline in ALL_TYPES:
        if "package_type" in raw:
            raise TriggerError(f"Key 'package_type' belongs to training; {ALL_TYPES[pipeline]}.")
        return None
    value = _text(raw, "package_type")
    if not NAME_PATTERN.fullmatch(value):
        raise TriggerError(f"Key 'package_type' is {value!r}; use lower-case letters, digits and single hyphens.")
    return value


def _data(raw: dict[str, Any], source: TriggerObject) -> DropData:
    data = _mapping(raw.get("data"), "'data'")
    uri, manifest = _text(data, "uri"), _text(data, "manifest")
    folder = f"s3://{source.bucket}/{source.key.removesuffix(TRIGGER_NAME)}"
    if not uri.endswith("/"):
        raise TriggerError(f"'data.uri' is {uri!r}; it must be a prefix that ends in '/'.")
    for name, value in (("data.uri", uri), ("data.manifest", manifest)):
        _check_location(name, value, folder)
    if not manifest.startswith(uri):
        raise TriggerError(f"'data.manifest' is {manifest!r}; it must lie inside 'data.uri' {uri!r}.")
    return DropData(uri, manifest)


def _check_location(name: str, uri: str, folder: str) -> None:
    try:
        _, key = split_uri(uri)
    except ValueError as error:
        raise TriggerError(f"{name!r}: {error}.") from error
    if CONTROL.search(key):
        raise TriggerError(f"{name!r} is {uri!r}; keys with control characters are not read.")
    if not uri.startswith(folder) or ".." in key.split("/"):
        raise TriggerError(f"{name!r} is {uri!r}; a drop's files lie below its own trigger, in {folder!r}.")
