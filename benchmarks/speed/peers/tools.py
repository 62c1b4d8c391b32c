"""The peers: how each is installed and prepared, runs with nothing cached, and runs again with everything cached."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

FLOWS: Final = Path(__file__).resolve().parent
VENVS: Final = Path(__file__).resolve().parents[3] / "out" / "peers"
LIBRARIES: Final = ("pyarrow", "pandas", "lightgbm")
READY: Final = ".rightpack-ready"
LAST_WORDS: Final = 600
QUIET: Final = {"DO_NOT_TRACK": "1", "SCARF_ANALYTICS": "false"}


class NotRunError(Exception):
    """A tool cannot be installed or does not run; the message says why."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One peer. `{state}` in its variables and files is a folder of its own.

    `cached` is the command that repeats a run from what is cached, `command` where that tells by `TOY_CACHED`, and
    empty where the tool caches nothing on one machine and runs again.
    """

    name: str
    requirements: tuple[str, ...]
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    cached: tuple[str, ...] = ()


TOOLS: Final = (
    Tool(
        "metaflow",
        ("metaflow==2.19.39",),
        ("python", "metaflow_flow.py", "--no-pylint", "run"),
        {
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": "{state}",
            "METAFLOW_HOME": "{state}/home",
            "METAFLOW_USER": "toy",
            "USERNAME": "toy",
        },
        cached=("python", "metaflow_flow.py", "--no-pylint", "resume"),
    ),
    Tool(
        "dagster",
        ("dagster==1.13.28",),
        ("dagster", "job", "execute", "-f", "dagster_job.py", "-j", "toy"),
        {"DAGSTER_HOME": "{state}", "DAGSTER_DISABLE_TELEMETRY": "1"},
        files={"dagster.yaml": "telemetry:\n  enabled: false\n"},
    ),
    Tool(
        "zenml",
        ("zenml[local]==0.98.0",),
        ("python", "zenml_pipeline.py"),
        {
            "ZENML_CONFIG_PATH": "{state}",
            "ZENML_ANALYTICS_OPT_IN": "false",
            "ZENML_LOGGING_VERBOSITY": "WARN",
            "AUTO_OPEN_DASHBOARD": "false",
        },
        cached=("python", "zenml_pipeline.py"),
    ),
    Tool(
        "prefect",
        ("prefect==3.8.8", "fastapi==0.139.2", "starlette==1.10.0"),  # it does not load with whatever is newest
        ("python", "prefect_flow.py"),
        {
            "PREFECT_HOME": "{state}",
            "PREFECT_LOGGING_LEVEL": "ERROR",
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
        },
        cached=("python", "prefect_flow.py"),
    ),
    Tool(
        "airflow",
        ("apache-airflow==3.3.2",),
        ("python", "airflow_dag.py"),
        {
            "AIRFLOW_HOME": "{state}",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(FLOWS),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        },
        prepare=(("airflow", "db", "migrate"), ("airflow", "dags", "reserialize")),
    ),
)


class Peer:
    """An installed tool with a folder for its state."""

    def __init__(self, tool: Tool, state: Path) -> None:
        """Install what is missing and prepare the state.

        Raises:
            NotRunError: That does not work, e.g. because there is no network.
        """
        self._tool, self._state = tool, state
        self._bin = installed(tool) / "bin"
        state.mkdir(parents=True, exist_ok=True)
        for name, text in tool.files.items():
            (state / name).write_text(text)
        for command in tool.prepare:
            self._run(command, {})

    def run(self) -> None:
        """Run all six steps."""
        self._run(self._tool.command, {})

    def answer(self) -> int:
        """The last step's number."""
        return int((self._state / "answer").read_text())

    def again(self) -> None:
        """Repeat the run, with what the tool has cached."""
        self._run(self._tool.cached or self._tool.command, {"TOY_CACHED": "1"})

    def fill(self) -> None:
        """Run all six steps so that `again` finds them."""
        self._run(self._tool.command, {"TOY_CACHED": "1"})

    def _run(self, command: Sequence[str], more: Mapping[str, str]) -> None:
        variables = {name: value.replace("{state}", str(self._state)) for name, value in self._tool.variables.items()}
        environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "HOME": str(self._state),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(FLOWS),
            "TOY_ANSWER": str(self._state / "answer"),
            **QUIET,
            **variables,
            **more,
        }
        program = self._bin / command[0]
        said(self._tool.name, [str(program), *command[1:]], environment)


def installed(tool: Tool) -> Path:
    """The venv of a tool, made if it is not there; NotRunError if it cannot be."""
    folder = VENVS / tool.name
    wanted = [*tool.requirements, *(f"{name}=={importlib.metadata.version(name)}" for name in LIBRARIES)]
    mark = folder / READY
    if mark.exists() and mark.read_text() == "\n".join(wanted):
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    uv, python = shutil.which("uv"), str(folder / "bin" / "python")
    if uv:
        commands = [[uv, "venv", "-q", "-p", sys.executable, str(folder)], [uv, "pip", "install", "-q", "-p", python]]
    else:
        commands = [[sys.executable, "-m", "venv", str(folder)], [python, "-m", "pip", "install", "-q"]]
    for command in (commands[0], [*commands[1], *wanted]):
        said(tool.name, command, None)
    mark.write_text("\n".join(wanted))
    return folder


def said(name: str, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
    """Run a command to its end among the flows; NotRunError with its last words if it fails."""
    done = subprocess.run(
        command, env=environment, cwd=FLOWS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        words = done.stdout.decode(errors="replace").strip()[-LAST_WORDS:]
        raise NotRunError(f"{name}: {' '.join(command[:4])} ... ended with {done.returncode}: {words}")
