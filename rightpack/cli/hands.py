"""`rightpack approve`, `reject` and `rollback`: a person changes which model version serves."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from rightpack.cli import output
from rightpack.cli.config import StageName
from rightpack.cli.stage import Stage
from rightpack.hands import Hands, Reason
from rightpack.ledger import Run

Model = Annotated[str, typer.Argument(help="Package type and version, e.g. carton/3, or the version's ARN.")]
Rolled = Annotated[str, typer.Argument(help="Package type, e.g. carton, or the version that serves.")]
Why = Annotated[str, typer.Option("--why", help="For the registry, the ledger and the next training report.")]


def approve(model: Model, why: Why, stage: StageName = "dev") -> None:
    """Make a model version the one that serves, however old it is."""
    connected = Stage.connect(stage)
    _say(connected, _hands(connected).approve(model, _reason(connected, why)))


def reject(model: Model, why: Why, stage: StageName = "dev") -> None:
    """Take a model version out of use."""
    connected = Stage.connect(stage)
    _say(connected, _hands(connected).reject(model, _reason(connected, why)))


def rollback(model: Rolled, why: Why, stage: StageName = "dev") -> None:
    """Go back to the version that served before, and reject the one that serves now."""
    connected = Stage.connect(stage)
    _say(connected, _hands(connected).rollback(model, _reason(connected, why)))


def _hands(stage: Stage) -> Hands:
    return Hands(stage.registry, stage.ledger, stage.layout)


def _reason(stage: Stage, why: str) -> Reason:
    return Reason(stage.client("sts").get_caller_identity()["Arn"], why, dt.datetime.now(dt.UTC))


def _say(stage: Stage, run: Run) -> None:
    """What was done, and what serves from now on."""
    champion = stage.registry.champion(stage.layout.model_group(run.package_type))
    serving = f"version {champion.version} serves" if champion else "no version serves; the package type is left out"
    changed = run.model.rpartition("/")[2]
    output.console.print(f"{run.mode.capitalize()}: {run.package_type}/{changed}. From now on {serving}.")
