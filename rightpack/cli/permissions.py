"""What roles were denied and what they never used, as the embedded AWS recorded it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer

from infra.permissions.unexercised import why_unused
from rightpack.cli import output
from rightpack.layout import PROJECT

_SHOWN = 30


class Iam(StrEnum):
    """Whether the embedded AWS lists denials or carries them out."""

    RECORD = "record"
    ENFORCE = "enforce"


IamMode = Annotated[Iam, typer.Option("--iam", help="record lists what policies would deny; enforce denies it.")]


def recorded(endpoint: str, stage: str) -> dict[str, Any]:
    """Denials, permissions of the stage's roles that nobody used, and those of them that have a written reason.

    Permissions with a reason are under `reserved`, those that should go under `unused`.
    """
    found = fetch(endpoint)
    prefix = f"{PROJECT}-{stage}-"
    unused: list[dict[str, Any]] = []
    reserved: list[dict[str, Any]] = []
    for entry in found["unused"]:
        role = str(entry["role"]).removeprefix(prefix)
        reason = why_unused(role, entry["statement"], entry["action"])
        (reserved if reason else unused).append({**entry, **({"reason": reason} if reason else {})})
    return {**{key: found[key] for key in ("mode", "judged", "denials")}, "unused": unused, "reserved": reserved}


def fetch(endpoint: str) -> dict[str, Any]:
    """The raw record of the embedded AWS at `endpoint`."""
    with urllib.request.urlopen(f"{endpoint}/_local/iam", timeout=30) as answer:  # noqa: S310 - loopback
        return dict(json.load(answer))


def show(found: Mapping[str, Any]) -> None:
    """Print denials and what could be taken from the roles."""
    output.table(
        f"Denied ({found['mode']})",
        ("who", "action", "resource", "calls", "why"),
        [(d["principal"], d["action"], d["resource"], d["calls"], d["reason"]) for d in found["denials"][:_SHOWN]],
    )
    columns = ("role", "statement", "action")
    output.table("Allowed and never used", columns, _rows(found["unused"]))
    output.table("Never used, and kept for a reason", (*columns, "reason"), _rows(found["reserved"], "reason"))


def _rows(entries: Sequence[Mapping[str, Any]], *more: str) -> list[list[object]]:
    return [[entry[name] for name in ("role", "statement", "action", *more)] for entry in entries]


def line(found: Mapping[str, Any]) -> str:
    """One line of it."""
    return (
        f"IAM ({found['mode']}): {found['judged']} permissions judged, {len(found['denials'])} denied, "
        f"{len(found['unused'])} never used, {len(found['reserved'])} kept in reserve"
    )
