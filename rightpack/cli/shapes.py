"""Training pipelines of another shape: rendered from the settings, and published beside the stage's own."""

from __future__ import annotations

import dataclasses
import json as jsonlib
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.checker import check
from pipelines.placeholders import Placeholder
from rightpack.cli import config as settings_flags
from rightpack.cli.config import Files, Sets, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import InternalError, SettingsError
from rightpack.layout import PipelineKind
from rightpack.settings import Steps

COMMAND = "import sys; from pipelines.shaping import main; sys.exit(main())"
SETTINGS = 4  # exit code for what settings are to blame for
ABSENT = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


def rendered(steps: Steps) -> str:
    """Definition of the training pipeline with these steps, with placeholders.

    Raises:
        SettingsError: the SDK is not installed, or the steps do not fit together; the message says how.
    """
    if find_spec("sagemaker") is None:
        raise SettingsError("Another pipeline needs the SageMaker SDK: pip install 'rightpack[pipelines]'.")
    # in a process of its own: the SDK wants another environment while others here use this one
    given = jsonlib.dumps(dataclasses.asdict(steps))
    done = subprocess.run([sys.executable, "-c", COMMAND], input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        wrong = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise SettingsError(wrong[0]) if done.returncode == SETTINGS else InternalError(f"No pipeline: {wrong[0]}")
    problems = check(jsonlib.loads(done.stdout))
    if problems:
        raise SettingsError(f"The settings of `steps` make no usable pipeline: {'; '.join(map(str, problems))}.")
    return done.stdout


def publish(stage: Stage) -> str:
    """Create or update the training pipeline that the stage's settings ask for; return its name.

    That of the default shape belongs to the infrastructure and is left alone.
    """
    shape = stage.settings.steps.shape
    name = stage.layout.pipeline(PipelineKind.TRAINING, shape)
    if not shape:
        return name
    sagemaker = stage.client("sagemaker")
    base = sagemaker.describe_pipeline(PipelineName=stage.layout.pipeline(PipelineKind.TRAINING))
    definition = filled(rendered(stage.settings.steps), stage, jsonlib.loads(base["PipelineDefinition"]))
    given = {"PipelineName": name, "PipelineDefinition": definition, "RoleArn": base["RoleArn"]}
    try:
        there = sagemaker.describe_pipeline(PipelineName=name)
    except sagemaker.exceptions.ClientError as error:
        if error.response["Error"]["Code"] not in ABSENT:
            raise
        sagemaker.create_pipeline(**given, PipelineDescription="rightpack training, shaped by settings")
    else:
        if there["PipelineDefinition"] != definition:
            sagemaker.update_pipeline(**given)
    return name


def filled(text: str, stage: Stage, base: dict[str, Any]) -> str:
    """A definition with the values that the infrastructure gave to the stage's own, `base`."""
    first = base["Steps"][0]["Arguments"]
    values = {
        Placeholder.IMAGE: first["AppSpecification"]["ImageUri"],
        Placeholder.JOB_ROLE_ARN: first["RoleArn"],
        Placeholder.DATA_BUCKET: stage.layout.data_bucket,
        Placeholder.ARTEFACT_BUCKET: stage.layout.artefact_bucket,
        Placeholder.STAGE: stage.layout.stage,
        Placeholder.REGION: stage.layout.region,
        Placeholder.ACCOUNT: stage.layout.account,
    }
    for placeholder, value in values.items():
        text = text.replace(placeholder.text, value)
    return jsonlib.dumps(jsonlib.loads(text), separators=(",", ":"))


def shape(
    config: Files = None,
    set_: Sets = None,
    to: Annotated[Path | None, typer.Option(help="Write the definition here instead of printing it.")] = None,
    publish_: Annotated[bool, typer.Option("--publish", help="Create or update the pipeline in the stage.")] = False,
    stage: StageName = "dev",
) -> None:
    """Show or publish the training pipeline that the settings of `steps` ask for."""
    chosen = settings_flags.Chosen.of(stage, config, set_)
    if publish_:
        typer.echo(publish(chosen.connect()))
        return
    text = rendered(chosen.settings.steps)
    if to:
        to.write_text(text)
    else:
        typer.echo(text, nl=False)
