"""Layers of TOML: read one, lay one over another."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rightpack.errors import SettingsError


def read_toml(path: Path) -> dict[str, Any]:
    """Read one layer; SettingsError names the file."""
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path.name}: {error}") from error


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key, anything else is replaced; `key = "!remove"` drops a key of an earlier layer."""
    merged = dict(base)
    for key, value in over.items():
        if value == "!remove":
            merged.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = dict(value) if isinstance(value, Mapping) else value
    return merged
