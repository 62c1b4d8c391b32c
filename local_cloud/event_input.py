"""What an EventBridge target gets to see of an event: all of it, a part, a constant, or a filled-in template."""

from __future__ import annotations

import json
import re
from typing import Any

from local_cloud.wire import Json, NotSimulatedError

_PATH = re.compile(r"^\$(?:\.[\w-]+(?:\[\d+\])?)*$")
_STEP = re.compile(r"\.([\w-]+)(?:\[(\d+)\])?")
_VARIABLE = re.compile(r"<([\w.-]+)>")


def check_paths(target: Json) -> None:
    """Refuse JSON paths beyond `$.a.b[0].c`, which would otherwise silently find nothing."""
    transformer = target.get("InputTransformer") or {}
    for path in [target.get("InputPath", "$"), *transformer.get("InputPathsMap", {}).values()]:
        if not _PATH.match(path):
            raise NotSimulatedError(f"the JSON path {path!r} in an event target")


def render(target: Json, event: Json, rule_arn: str) -> str:
    """Make the message that `target` receives for `event`."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_find(target["InputPath"], event))
    if "InputTransformer" in target:
        return _fill(target["InputTransformer"], event, rule_arn)
    return json.dumps(event)


def _find(path: str, event: Json) -> Any:
    value: Any = event
    for name, index in _STEP.findall(path):
        value = value.get(name) if isinstance(value, dict) else None
        if index:
            value = value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    return value


def _fill(transformer: Json, event: Json, rule_arn: str) -> str:
    values = {name: _find(path, event) for name, path in transformer.get("InputPathsMap", {}).items()}
    values |= {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rsplit("/", 1)[-1],
        "aws.events.event.ingestion-time": event.get("time"),
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    return _substitute(transformer["InputTemplate"], values)


def _substitute(template: str, values: Json) -> str:
    """Fill `<name>`: as text where it stands inside quotes, as JSON elsewhere."""
    written, quoted = [], False
    for part in re.split(r'(\\.|"|<[\w.-]+>)', template):
        variable = _VARIABLE.fullmatch(part)
        if part == '"':
            quoted = not quoted
        if variable and variable.group(1) in values:
            written.append(_spell(values[variable.group(1)], quoted=quoted))
        else:
            written.append(part)
    return "".join(written)


def _spell(value: Any, *, quoted: bool) -> str:
    if not quoted:
        return json.dumps(value)
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return json.dumps(text)[1:-1]
