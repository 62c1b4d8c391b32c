"""`rightpack config show`, and the flags that change settings: `--config FILE.toml` and `--set a.b.c=value`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import dumps as json_text
from pathlib import Path
from typing import Annotated, Any

import typer

from processing.architectures.base import BUILT_IN
from processing.plugins import Source
from rightpack.cli import output, own_steps
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.settings import Layer, Layered, Settings, assignment, combined, read_toml, stage_layers

StageName = Annotated[str, typer.Option("--stage", help="Which stage: a file in config/.")]
Json = Annotated[str, typer.Option("--json", help="Write the same facts as JSON to this file; - for standard output.")]
Files = Annotated[
    list[Path] | None, typer.Option("--config", help="TOML file over the stage's settings. Repeatable; later wins.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, e.g. training.seed=8. Repeatable; wins over --config."),
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A stage's settings with what a person laid over them."""

    stage: str
    layers: tuple[Layer, ...] = ()

    @classmethod
    def of(cls, stage: str, files: Sequence[Path] | None = None, sets: Sequence[str] | None = None) -> Chosen:
        """Read files and assignments; SettingsError names the file or flag whose key or value cannot be used."""
        found = [Layer(str(file), _anchored(read_toml(file), file.parent)) for file in files or ()]
        assigned = [assignment(text) for text in sets or ()]
        chosen = cls(stage, (*found, *(Layer(one.source, _anchored(one.values, Path())) for one in assigned)))
        Settings.of(chosen.layered)
        return chosen

    @property
    def layered(self) -> Layered:
        """All layers, the stage's own below."""
        return stage_layers(self.stage, self.layers)

    @property
    def settings(self) -> Settings:
        """What comes out."""
        return Settings.of(self.layered)

    def connect(self) -> Stage:
        """The stage, with everything chosen in its overrides; code of one's own is put where jobs can read it."""
        connected = own_steps.uploaded(Stage.connect(self.stage, combined(self.layers)))
        training = connected.settings.training
        if not training.source or training.source.startswith("s3://") or training.architecture in BUILT_IN:
            return connected
        uri = upload_source(connected, Source.pack(Path(training.source), training.architecture))
        named = combined([*self.layers, Layer("", {"training": {"source": uri}})])
        return own_steps.uploaded(Stage.connect(self.stage, named))


def upload_source(stage: Stage, source: Source) -> str:
    """Put code below its own digest; return its URI. What is there already is the same."""
    bucket = stage.layout.data_bucket
    stage.client("s3").put_object(Bucket=bucket, Key=source.key, Body=source.to_json().encode())
    return f"s3://{bucket}/{source.key}"


def _anchored(values: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    """`values` in which relative files of code are made ones of `folder`; SettingsError if one is not there."""
    values = own_steps.anchored(values, folder)
    training = values.get("training")
    source = training.get("source") if isinstance(training, Mapping) else None
    if not isinstance(training, Mapping) or not isinstance(source, str) or not source or source.startswith("s3://"):
        return values
    path = (folder / source).resolve()
    if not path.exists():
        raise SettingsError(f"training.source {source!r}: there is no {path}.")
    return {**values, "training": {**training, "source": str(path)}}


def show(
    keys: Annotated[list[str] | None, typer.Argument(help="Only these sections or values, e.g. training gate.")] = None,
    stage: StageName = "dev",
    config: Files = None,
    set_: Sets = None,
    json: Json = "",
) -> None:
    """Print every setting with the file or flag that it comes from."""
    found = [row for row in rows(Chosen.of(stage, config, set_)) if not keys or _is_below(row["key"], keys)]
    if not found:
        raise SettingsError(f"There is no setting {', '.join(map(repr, keys or []))}.")
    if json:
        output.write_json(found, json)
    if json != "-":
        output.table("Settings", ("key", "value", "from"), ((r["key"], written(r["value"]), r["from"]) for r in found))


def rows(chosen: Chosen) -> list[dict[str, Any]]:
    """Key, value and origin of every setting."""
    layered = chosen.layered
    found = [(key, value, layered.origin(key)) for key, value in flattened(Settings.of(layered))]
    return [{"key": key, "value": value, "from": source} for key, value, source in found]


def flattened(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Dotted key and value of every setting that is no table; package types by name."""
    plain = dataclasses.asdict(settings)
    named = {row["name"]: {k: v for k, v in row.items() if k != "name"} for row in plain["package_types"]}
    yield from _leaves({**plain, "package_types": named}, "")


def _leaves(values: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        here = f"{path}.{key}" if path else key
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, here)
        else:
            yield here, list(value) if isinstance(value, tuple) else value


def written(value: Any) -> str:
    """A value in one line; what is unset in a list's tables is left out."""
    return json_text(_set(value), ensure_ascii=False) if isinstance(value, (list, dict, bool)) else str(value)


def _set(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _set(item) for key, item in value.items() if item is not None}
    return [_set(item) for item in value] if isinstance(value, list | tuple) else value


def _is_below(key: str, wanted: Sequence[str]) -> bool:
    return any(key == one or key.startswith(f"{one}.") for one in wanted)


def upload(
    file: Annotated[Path, typer.Argument(help="TOML file with training.architecture and training.source.")],
    stage: StageName = "dev",
) -> None:
    """Put the code that a settings file names where jobs can read it, and print the line to use from now on."""
    connected = Chosen.of(stage, [file]).connect()
    typer.echo(f'source = "{connected.settings.training.source}"')
