"""What every job shares: its folders, settings, arguments, manifest and exit contract.

The only module that knows `/opt/ml`. A step is a function of a `Job`; `run_step` turns what it raises into the message
file and exit code that the platform reports: 0 done, 1 final failure, 75 worth another try.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any, Final, NoReturn, Self, TypeVar

from processing.failures import message_of, translated
from rightpack.errors import InternalError, RightpackError, SettingsError
from rightpack.layout import SETTINGS_NAME, Layout
from rightpack.manifest import STEP_MANIFEST, Artefact, StepManifest, describe
from rightpack.settings import Settings

A = TypeVar("A")
ROOT_VARIABLE: Final = "RIGHTPACK_ML_ROOT"


class Exit(IntEnum):
    """Exit codes of a job."""

    DONE = 0
    FINAL = 1
    TRANSIENT = 75


def _aws(service: str) -> Any:
    import boto3

    return boto3.client(service)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Job:
    """One job's folders, environment and AWS clients (`client("s3")`), handed to the step that runs in it."""

    root: Path
    environment: Mapping[str, str]
    client: Callable[[str], Any] = _aws

    @classmethod
    def here(cls) -> Self:
        """The job that this process is."""
        return cls(Path(os.environ.get(ROOT_VARIABLE, "/opt/ml")), dict(os.environ))

    def input(self, name: str) -> Path:
        """Folder of a processing input; InternalError if the platform did not bring it."""
        return self._there(self.root / "processing" / "input" / name, f"input {name!r}")

    def channel(self, name: str) -> Path:
        """Folder of a training channel; InternalError if the platform did not bring it."""
        return self._there(self.root / "input" / "data" / name, f"channel {name!r}")

    def output(self, name: str) -> Path:
        """Folder of a processing output, made if needed."""
        folder = self.root / "processing" / "output" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def model(self) -> Path:
        """Folder of the model: written by training, read by serving."""
        return self.root / "model"

    @property
    def notes(self) -> Path:
        """Folder of the exit message."""
        return self.root / "output"

    def variable(self, name: str) -> str:
        """An environment variable that the pipeline must set; InternalError if it does not."""
        value = self.environment.get(name, "")
        if not value:
            raise InternalError(f"The job's environment has no {name}; the pipeline definition must set it.")
        return value

    @property
    def layout(self) -> Layout:
        """Names of this job's stage, account and region."""
        region = self.environment.get("AWS_DEFAULT_REGION") or self.variable("AWS_REGION")
        return Layout(self.variable("RIGHTPACK_STAGE"), self.variable("RIGHTPACK_ACCOUNT"), region)

    def output_uri(self, name: str) -> str:
        """S3 prefix, ending in `/`, that the platform uploads a processing output to."""
        path = self.root / "config" / "processingjobconfig.json"
        try:
            outputs = json.loads(path.read_text())["ProcessingOutputConfig"]["Outputs"]
            uris = [str(o["S3Output"]["S3Uri"]) for o in outputs if o["OutputName"] == name]
            return uris[0].rstrip("/") + "/"
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InternalError(f"{path.name} does not say where output {name!r} goes: {error!r}") from error

    @staticmethod
    def settings(folder: Path) -> Settings:
        """Resolved settings from the `config` input or channel."""
        path = folder / SETTINGS_NAME
        try:
            return Settings.from_json(path.read_text())
        except (OSError, ValueError) as error:
            raise SettingsError(f"{path.name} of input 'config' cannot be read: {error!r}") from error

    @staticmethod
    def _there(folder: Path, what: str) -> Path:
        if not folder.is_dir():
            raise InternalError(f"The job has no {what}; the pipeline definition must name it.")
        return folder


class Record:
    """What a step reads and writes, for its `manifest.json`."""

    def __init__(self, step: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._step, self._clock, self._start = step, clock, clock()
        self._inputs: list[Artefact] = []
        self._outputs: list[Artefact] = []

    def read(self, name: str, folder: Path, rows: int | None = None) -> None:
        """Note an input."""
        self._inputs.append(describe(name, folder, rows))

    def checked(self, before: StepManifest, name: str, folder: Path) -> Path:
        """Note an input after checking that it is what the step before wrote; ManifestError if not."""
        self._inputs.append(before.check(folder, name))
        return folder

    def wrote(self, name: str, folder: Path, rows: int | None = None) -> None:
        """Note an output once all its files are written."""
        self._outputs.append(describe(name, folder, rows))

    def save(self, folder: Path) -> None:
        """Write `manifest.json` into one of the outputs."""
        seconds = round(self._clock() - self._start, 3)
        manifest = StepManifest(self._step, tuple(self._inputs), tuple(self._outputs), seconds)
        (folder / STEP_MANIFEST).write_text(manifest.to_json())


def manifest_of(folder: Path) -> StepManifest:
    """Manifest that the step before left in `folder`; ManifestError if absent."""
    return StepManifest.read(folder / STEP_MANIFEST)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InternalError(f"Arguments of {self.prog}: {message}; the pipeline definition must pass them.")


def parse_arguments(cls: type[A], argv: Sequence[str] | None, step: str) -> A:
    """Read `--like-this` options into the dataclass `cls`, whose fields are all texts; defaults make them optional."""
    parser = _Parser(prog=step, allow_abbrev=False)
    for field in dataclasses.fields(cls):  # type: ignore[arg-type]
        optional = field.default is not dataclasses.MISSING
        parser.add_argument(
            f"--{field.name.replace('_', '-')}",
            required=not optional,
            default=field.default if optional else None,
            help="optional" if optional else "required",
        )
    return cls(**vars(parser.parse_args(argv)))


def day(text: str) -> dt.date:
    """A date like 2026-11-20 from an argument; InternalError if it is none."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise InternalError(f"{text!r} is not a date like 2026-11-20; the pipeline definition must say.") from error


def run_step(step: Callable[[Job], None], job: Job | None = None, *, note: str = "message") -> int:
    """Run `step` in this job and return the exit code.

    A failure's message goes to `output/<note>`: the platform reads `message` of processing, `failure` of training.
    """
    job = job or Job.here()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    try:
        step(job)
    except Exception as error:  # noqa: BLE001  # the process ends here: whatever it is must reach the person who acts
        traceback.print_exc(file=sys.stderr)
        return _fail(job, note, translated(error))
    return Exit.DONE


def _fail(job: Job, note: str, error: RightpackError) -> int:
    job.notes.mkdir(parents=True, exist_ok=True)
    (job.notes / note).write_bytes(message_of(error))
    return Exit.TRANSIENT if error.transient else Exit.FINAL
