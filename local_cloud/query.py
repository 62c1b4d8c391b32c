"""The query protocol (CloudFormation, STS, SNS, IAM): flat form fields in, XML out."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from local_cloud.wire import Json


def from_form(body: bytes) -> Json:
    """Nest `Parameters.member.1.ParameterKey=…` into dictionaries and lists."""
    tree: Json = {}
    for name, value in parse_qsl(body.decode(), keep_blank_values=True):
        node = tree
        *path, leaf = name.split(".")
        for part in path:
            node = node.setdefault(part, {})
        node[leaf] = value
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if set(node) == {"member"}:
        members = node["member"]
        return [_lists(members[number]) for number in sorted(members, key=int)]
    return {name: _lists(value) for name, value in node.items()}


def to_xml(action: str, output: Json) -> bytes:
    """Write an operation's output as its query response; `None` members are left out."""
    inner = f"<{action}Result>{_members(output)}</{action}Result>"
    meta = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
    return f"<{action}Response>{inner}{meta}</{action}Response>".encode()


def _members(node: Json) -> str:
    return "".join(f"<{name}>{_value(value)}</{name}>" for name, value in node.items() if value is not None)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _members(value)
    if isinstance(value, list | tuple):
        return "".join(f"<member>{_value(item)}</member>" for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return escape(str(value))
