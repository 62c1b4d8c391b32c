"""`rightpack export`: a registered model as a folder or S3 prefix that another portal can take over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rightpack.cli import output
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError
from rightpack.export import Exporter, write_folder, write_s3
from rightpack.hands import Hands
from rightpack.registry import ModelPackage


def export(
    model: Annotated[str, typer.Argument(help="Package type, e.g. carton, for what serves; carton/3; or an ARN.")],
    to: Annotated[str, typer.Option("--to", help="Folder, or s3://bucket/prefix.")],
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """Write a model with contract, report, checksums, an example request and a model card."""
    output.leave_stdout_to([json])
    connected = Stage.connect(stage)
    package = _find(connected, model)
    s3 = connected.client("s3")
    online = connected.settings.online
    exporter = Exporter(connected.layout, connected.registry, s3, connected.client("ssm"), online)
    files = exporter.package(package)
    if to.startswith("s3://"):
        write_s3(s3, files, to)
    else:
        write_folder(files, Path(to))
    rows = [{"file": name, "bytes": len(content)} for name, content in sorted(files.items())]
    if json:
        output.write_json({"model": package.arn, "to": to, "files": rows}, json)
    if json != "-":
        output.rows_table(f"Exported {package.group}, version {package.version}, to {to}", rows)


def _find(stage: Stage, model: str) -> ModelPackage:
    if "/" in model:
        return Hands(stage.registry, stage.ledger, stage.layout).find(model)
    champion = stage.registry.champion(stage.layout.model_group(model))
    if champion is None:
        raise SettingsError(
            f"No version of {model!r} is approved; name one, e.g. {model}/1. `rightpack models` lists all."
        )
    return champion
