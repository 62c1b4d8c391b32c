"""`rightpack clock`: moving the clock of the embedded AWS, so that schedules and alarms need not be waited for."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from rightpack.cli import control, output
from rightpack.errors import SettingsError

clock_app = typer.Typer(help="The clock of the embedded AWS.", no_args_is_help=True)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@clock_app.command("now")
def now() -> None:
    """Tell its time."""
    typer.echo(control.ask("_local/clock")["now"])


@clock_app.command("advance")
def advance(by: Annotated[str, typer.Argument(help="How far: 90m, 36h, 7d, 4w.")]) -> None:
    """Move it forward; what is due on the way fires, once a day at most."""
    found = control.ask(f"_local/clock/advance/{seconds(by)}")
    for item in found["fired"]:
        output.console.print(f"{item['time']}  {item['schedule']}")
    output.console.print(f"It is {found['now']}; {len(found['fired'])} schedules fired.")


def seconds(text: str) -> int:
    """Seconds of `90m`, `36h`, `7d`.

    Raises:
        SettingsError: It is something else.
    """
    matched = re.fullmatch(r"(\d+)([smhdw])", text.strip())
    if matched is None:
        raise SettingsError(f"{text!r} is no span of time; write a number and s, m, h, d or w: 90m, 36h, 7d.")
    return int(matched[1]) * _UNITS[matched[2]]
