"""Scripts of one's own, of added steps or the training: found beside their TOML file, put where jobs can read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.settings import merge

REMOTE = "s3://"
Place = tuple[str, ...]  # below `steps`


def anchored(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """`values` in which every relative script of `steps` is one of `folder`; SettingsError if none is there."""
    for place, script in _scripts(values).items():
        path = (folder / script).resolve()
        if not path.is_file():
            raise SettingsError(f"steps.{'.'.join(place)}.script {script!r}: there is no file {path}.")
        values = merge(values, _at(place, str(path)))
    return values


def uploaded(stage: Stage) -> Stage:
    """The stage, with every script below its own digest in the data bucket; what is there already is the same."""
    overrides = stage.overrides
    found = _scripts(overrides)
    for place, script in found.items():
        overrides = merge(overrides, _at(place, _put(stage, Path(script))))
    return Stage.connect(stage.layout.stage, overrides) if found else stage


def _put(stage: Stage, path: Path) -> str:
    body, bucket = path.read_bytes(), stage.layout.data_bucket
    key = f"config/code/{hashlib.sha256(body).hexdigest()}/{path.name}"
    stage.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"{REMOTE}{bucket}/{key}"


def _at(place: Place, script: str) -> dict[str, Any]:
    made: dict[str, Any] = {"script": script}
    for name in reversed(("steps", *place)):
        made = {name: made}
    return made


def _scripts(values: Mapping[str, Any]) -> dict[Place, str]:
    """Scripts that are files here, by place; whatever is malformed is refused where settings are built."""
    steps = _section(values, "steps")
    extra = _section(steps, "extra")
    sections: dict[Place, Mapping[str, Any]] = {("extra", name): _section(extra, name) for name in extra}
    sections[("container",)] = _section(steps, "container")
    scripts = {place: section.get("script") for place, section in sections.items()}
    return {p: s for p, s in scripts.items() if isinstance(s, str) and s and not s.startswith(REMOTE)}


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = values.get(name)
    return found if isinstance(found, Mapping) else {}
