"""`rightpack faults`: what goes wrong in the embedded AWS, on demand. An account has faults of its own."""

from __future__ import annotations

import json as jsons
import os
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import typer

from rightpack.cli import output
from rightpack.cli.config import Json
from rightpack.errors import SettingsError

faults_app = typer.Typer(help="Faults of the embedded AWS, on demand.", no_args_is_help=True)
TIMEOUT_SECONDS = 30.0
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
    typer.echo(_ask("POST", body=fault)["id"])


@faults_app.command("list")
def list_(json: Json = "") -> None:
    """List the faults that are armed, with how many places matched and how often each struck; then what struck."""
    found = {"faults": _ask("GET")["faults"], "struck": _ask("GET", "/struck")["struck"]}
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
    _ask("DELETE", f"/{fault}" if fault else "")


def arm(file: Path) -> list[str]:
    """Arm the faults of a TOML file (`[[fault]]` tables) and return their ids.

    Raises:
        SettingsError: The file is no such file, or a fault in it cannot be.
    """
    try:
        faults = tomllib.loads(file.read_text())["fault"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise SettingsError(f"{file} is not a TOML file with [[fault]] tables: {error!r}") from error
    return [_ask("POST", body=fault)["id"] for fault in faults]


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


def _ask(method: str, path: str = "", body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Speak with the gateway; SettingsError with its words, or with what to do where there is none."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.startswith(("http://127.0.0.1:", "http://localhost:")):
        raise SettingsError("Faults are for the embedded AWS: start `rightpack up` and export what it prints.")
    data = jsons.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{endpoint}/_faults{path}", data, method=method)  # noqa: S310 - loopback, see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = jsons.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise SettingsError(jsons.loads(error.read())["message"]) from error
    except urllib.error.URLError as error:
        raise SettingsError(f"Nothing answers at {endpoint}: {error.reason}. Start `rightpack up`.") from error
    return found
