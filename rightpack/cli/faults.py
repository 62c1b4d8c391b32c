"""`rightpack faults`: what goes wrong in the embedded AWS, on demand. An account has faults of its own."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from rightpack.cli import control, output
from rightpack.cli.config import Json
from rightpack.errors import SettingsError

faults_app = typer.Typer(help="Faults of the embedded AWS, on demand.", no_args_is_help=True)
PATH = "_faults"
Pattern = Annotated[str, typer.Option(help="Pattern with *.")]


@faults_app.command("inject")
def inject(
    kind: Annotated[str, typer.Argument(help="What goes wrong, e.g. throttling, lost-answer, capacity, kill-job.")],
    service: Pattern = "*",
    operation: Pattern = "*",
    name: Annotated[str, typer.Option(help="Pattern: bucket/key, body of a call, job, function, event.")] = "*",
    caller: Annotated[str, typer.Option(help="Pattern: session name of who calls.")] = "*",
    count: Annotated[int, typer.Option(help="How often it strikes.")] = 1,
    after: Annotated[int, typer.Option(help="How many matches pass first.")] = 0,
    chance: Annotated[float, typer.Option(help="Probability of each match.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the chance.")] = 0,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="code, message, status, seconds or bytes, as NAME=VALUE.")
    ] = None,
) -> None:
    """Arm one fault and print its id."""
    fault: dict[str, Any] = {"kind": kind, "service": service, "operation": operation, "name": name, "caller": caller}
    fault |= {"count": count, "after": after, "chance": chance, "seed": seed, **_members(set_ or [])}
    typer.echo(control.ask(PATH, method="POST", body=fault)["id"])


@faults_app.command("list")
def list_(json: Json = "") -> None:
    """List the faults that are armed, with how many places matched and how often each struck; then what struck."""
    found = {"faults": control.ask(PATH)["faults"], "struck": control.ask(f"{PATH}/struck")["struck"]}
    if json:
        output.write_json(found, json)
    if json != "-":
        columns = ("id", "kind", "service", "operation", "name", "caller", "count", "seen", "fired")
        output.table("Faults", columns, ([fault[column] for column in columns] for fault in found["faults"]))
        places = ("time", "id", "kind", "where")
        output.table("Struck", places, ([item[place] for place in places] for item in found["struck"]))


@faults_app.command("clear")
def clear(fault: Annotated[str, typer.Argument(help="Id of a fault; all of them if absent.")] = "") -> None:
    """Disarm faults; what was held back is delivered."""
    control.ask(f"{PATH}/{fault}" if fault else PATH, method="DELETE")


def arm(file: Path) -> list[str]:
    """Arm the faults of a TOML file (`[[fault]]` tables) and return their ids.

    Raises:
        SettingsError: The file is no such file, or a fault in it cannot be.
    """
    try:
        faults = tomllib.loads(file.read_text())["fault"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise SettingsError(f"{file} is not a TOML file with [[fault]] tables: {error!r}") from error
    return [control.ask(PATH, method="POST", body=fault)["id"] for fault in faults]


def _members(pairs: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set takes NAME=VALUE, not {pair!r}.")
        found[name] = _value(name, value)
    return found


def _value(name: str, value: str) -> Any:
    try:
        return {"status": int, "bytes": int, "seconds": float}.get(name, str)(value)
    except ValueError as error:
        raise SettingsError(f"--set {name} is a number, not {value!r}.") from error
