"""`rightpack`: one command per need."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rightpack.cli import (
    clock,
    commands,
    compare,
    config,
    cost,
    demo,
    doctor,
    experiments,
    explain_cache,
    export,
    faults,
    hands,
    mapping,
    output,
    promote,
    rehearse,
    replay,
    running,
    score,
    shapes,
    step,
    submitting,
)
from rightpack.cli import override as overriding
from rightpack.errors import Fault, RightpackError

EXIT_CODES = {Fault.DATA: 3, Fault.SETTINGS: 4, Fault.CAPACITY: 75, Fault.PLATFORM: 75, Fault.OURS: 1}

typer_app = typer.Typer(
    name="rightpack",
    help="The right packaging for every product a shop ships: batch ML on AWS that also runs whole on a laptop.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
load_app = typer.Typer(help="Load your own products, labels or feedback into the warehouse.", no_args_is_help=True)
load_app.command("products")(commands.load_products)
load_app.command("labels")(commands.load_labels)
typer_app.add_typer(load_app, name="load")
config_app = typer.Typer(help="Settings and where they come from.", no_args_is_help=True)
config_app.command("show")(config.show)
config_app.command("upload")(config.upload)
typer_app.add_typer(config_app, name="config")
typer_app.add_typer(mapping.mapping_app, name="mapping")
typer_app.add_typer(submitting.batch_app, name="batch")
typer_app.add_typer(clock.clock_app, name="clock")
typer_app.add_typer(faults.faults_app, name="faults")
for command in (
    demo.demo,
    replay.replay,
    commands.up,
    commands.migrate,
    doctor.doctor,
    cost.cost,
    promote.promote,
    commands.generate,
    commands.drop,
    experiments.train,
    rehearse.rehearse,
    compare.compare,
    step.step,
    score.score,
    commands.runs,
    running.stop,
    running.retry,
    running.rerun,
    running.fill,
    submitting.submit,
    explain_cache.explain_cache,
    commands.models,
    export.export,
    hands.approve,
    hands.reject,
    hands.rollback,
    overriding.override,
    commands.sql,
    commands.render,
    shapes.shape,
):
    typer_app.command()(command)


@typer_app.callback()
def options(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """Options of every command."""
    output.leave_stdout_to(None)  # a command before it in this process may have asked for otherwise
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("rightpack"))
        raise typer.Exit


def app() -> None:
    """Run the command line; errors for people are one paragraph, and the exit code says whose fault it was."""
    try:
        typer_app()
    except RightpackError as error:
        typer.secho(f"{type(error).__name__}: {error}", err=True, fg="red")
        sys.exit(EXIT_CODES[error.fault])
