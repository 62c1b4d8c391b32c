"""`python -m local_cloud up`: start the cloud, deploy templates, say where it answers, serve until told to stop."""

from __future__ import annotations

import argparse
import atexit
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

_LOOK_SECONDS = 0.5
_REFUSED = 78  # exit code: the state in the folder cannot be taken over


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 1 if a template cannot be deployed, 78 if a state cannot be taken over."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.keep and options.root is None:
        parser.error("--keep needs --root: the folder to keep the state in")
    return _up(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_cloud", description="The embedded AWS of this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start, deploy templates and serve until SIGTERM or SIGINT")
    up.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 (the default) picks a free one")
    up.add_argument("--root", type=Path, help="folder for job folders, databases, mail and the log; default: temporary")
    up.add_argument(
        "--template", type=Path, action="append", default=[], metavar="FILE", help="stack to deploy, in order"
    )
    up.add_argument(
        "--asset", type=_pair, action="append", default=[], metavar="KEY=FILE", help="file for the asset bucket"
    )
    up.add_argument(
        "--parameter", type=_pair, action="append", default=[], metavar="NAME=VALUE", help="template parameter"
    )
    up.add_argument("--ready-file", type=Path, help="write the ready line here, too, when everything is deployed")
    up.add_argument("--lax", action="store_true", help="accept template properties that are not carried out")
    up.add_argument("--live-schedules", action="store_true", help="fire schedules as time goes by, too")
    up.add_argument("--iam", choices=["record", "enforce"], default="record", help="list denials, or carry them out")
    up.add_argument("--keep", action="store_true", help="go on with the state in --root, and leave one there")
    up.add_argument("--keep-running", action="store_true", help="outlive the process that started this one")
    return parser


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form NAME=VALUE")
    return name, value


def _up(options: argparse.Namespace) -> int:
    from local_cloud.cloud import DeploymentError, LocalCloud
    from local_cloud.iam.authority import Mode
    from local_cloud.keeping.folder import StateError

    stop = _stop_on_signals()
    if not options.keep_running:
        _stop_with_parent(stop)
    cloud = LocalCloud(
        options.root,
        port=options.port,
        strict=not options.lax,
        iam=Mode(options.iam),
        live_schedules=options.live_schedules,
        keep=options.keep,
    )
    try:
        with cloud:
            stacks = _deploy(cloud, options)
            _announce(_facts(cloud, stacks), options)
            stop.wait()
    except DeploymentError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except StateError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    return 0


def _facts(cloud: Any, stacks: list[str]) -> dict[str, Any]:
    known = {"endpoint": cloud.url, "account": cloud.account, "region": cloud.region}
    return {**known, "stacks": stacks, "restored": cloud.restored}


def _deploy(cloud: Any, options: argparse.Namespace) -> list[str]:
    assets = {key: Path(path) for key, path in options.asset}
    return [
        cloud.deploy(template, assets=assets, parameters=_declared(template, options.parameter)).name
        for template in options.template
    ]


def _declared(template: Path, given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Those of the given parameters that this template declares."""
    from local_cloud.cloudformation.template import parse

    names = parse(template.read_text()).get("Parameters", {})
    return {name: value for name, value in given if name in names}


def _announce(facts: dict[str, Any], options: argparse.Namespace) -> None:
    line = json.dumps(facts)
    if options.ready_file:
        part = options.ready_file.with_name(options.ready_file.name + ".part")
        part.write_text(line + "\n")
        part.replace(options.ready_file)  # whoever waits for it never reads half a line
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _stop_with_parent(stop: threading.Event) -> None:
    """Stop when the starting process is gone. Looking works everywhere, and the stop is a clean one."""
    parent = os.getppid()

    def watch() -> None:
        while not stop.wait(_LOOK_SECONDS):
            if os.getppid() != parent:
                stop.set()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _leave(code: int) -> NoReturn:
    """End without freeing every object by itself, which takes as long as stopping."""
    atexit._run_exitfuncs()  # noqa: SLF001 - there is no public name
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _leave(main())
