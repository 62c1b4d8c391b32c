"""Scripts of steps of one's own: found beside the TOML file that names them, and put where jobs can read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.settings import merge

REMOTE = "s3://"


def anchored(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """`values` in which every relative `steps.extra.*.script` is one of `folder`; SettingsError if none is there."""
    found = {}
    for name, script in _scripts(values).items():
        path = (folder / script).resolve()
        if not path.is_file():
            raise SettingsError(f"steps.extra.{name}.script {script!r}: there is no file {path}.")
        found[name] = {"script": str(path)}
    return merge(values, {"steps": {"extra": found}}) if found else values


def uploaded(stage: Stage) -> Stage:
    """The stage, with every script below its own digest in the data bucket; what is there already is the same."""
    found = {name: {"script": _put(stage, Path(script))} for name, script in _scripts(stage.overrides).items()}
    if not found:
        return stage
    return Stage.connect(stage.layout.stage, merge(stage.overrides, {"steps": {"extra": found}}))


def _put(stage: Stage, path: Path) -> str:
    body, bucket = path.read_bytes(), stage.layout.data_bucket
    key = f"config/code/{hashlib.sha256(body).hexdigest()}/{path.name}"
    stage.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"{REMOTE}{bucket}/{key}"


def _scripts(values: Mapping[str, Any]) -> dict[str, str]:
    """Scripts that are files here, by step; whatever is malformed is refused where settings are built."""
    steps = values.get("steps")
    extra = steps.get("extra") if isinstance(steps, Mapping) else None
    named = extra.items() if isinstance(extra, Mapping) else ()
    scripts = {name: one.get("script") for name, one in named if isinstance(one, Mapping)}
    return {n: s for n, s in scripts.items() if isinstance(s, str) and s and not s.startswith(REMOTE)}
