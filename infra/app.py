"""The application that `cdk` runs (`cdk.json`): four stacks per stage, one per account; synthesis needs no account."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra import lambda_package
from infra.node import choose_node
from infra.stages import STAGES, Stage
from rightpack.layout import PipelineKind
from rightpack.settings import Settings

if TYPE_CHECKING:
    import aws_cdk as cdk

ROOT: Final = Path(__file__).resolve().parent.parent
DEFINITIONS: Final = ROOT / "pipelines" / "definitions"


def read_definitions(folder: Path = DEFINITIONS) -> dict[PipelineKind, str]:
    """The committed definition of every pipeline."""
    return {kind: (folder / f"{kind.value}.json").read_text() for kind in PipelineKind}


def build(
    *,
    code: Path,
    definitions: Mapping[PipelineKind, str],
    stages: Sequence[Stage] = STAGES,
    output: Path | None = None,
) -> cdk.App:
    """Build the application.

    Args:
        code: zip of the Lambda functions.
        definitions: JSON text of every pipeline.
        stages: which stages to build.
        output: folder of the cloud assembly; None leaves the choice to `cdk`.
    """
    choose_node()  # everything below starts Node.js when it is imported
    import aws_cdk as cdk
    import aws_cdk.aws_lambda as lambda_

    from infra.stacks.delivery import DeliveryStack
    from infra.stacks.pipelines import PipelinesStack
    from infra.stacks.platform import PlatformStack
    from infra.stacks.storage import StorageStack
    from infra.stacks.warehouse import WarehouseStack

    app = cdk.App(
        outdir=str(output) if output else None,
        context=json.loads((ROOT / "cdk.json").read_text())["context"],  # without `cdk` nobody else reads it
        analytics_reporting=False,
        tree_metadata=False,
    )
    DeliveryStack(app)
    for stage in stages:
        settings = Settings.load(stage.name)
        package_types = settings.targets  # the joint model is watched like those of single types
        StorageStack(app, stage, package_types=package_types)
        WarehouseStack(app, stage, settings)
        PlatformStack(app, stage, package_types=package_types, code=lambda_.Code.from_asset(str(code)))
        PipelinesStack(app, stage, definitions=definitions)
    return app


def main() -> None:
    """Package the functions and synthesise where `cdk` wants it."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "lambdas.zip"
        lambda_package.build(code)
        build(code=code, definitions=read_definitions()).synth()


if __name__ == "__main__":
    main()
