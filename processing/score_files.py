"""Score files as a batch transform does, without a server: `python -m processing.score_files`, to repeat one by hand.

Inputs `model` (a `model.tar.gz`) and `data` (files of any depth); output `scores`, `<file>.out` for each of them.
"""

from __future__ import annotations

import io
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from processing.artefact import ARCHIVE, unpack
from processing.invocations import PARQUET, Application
from processing.job import Job, parse_arguments, run_step
from processing.scoring.bundle import Bundle
from rightpack.errors import DataError


@dataclass(frozen=True, slots=True)
class Arguments:
    """Types of requests and answers."""

    content_type: str = PARQUET
    accept: str = PARQUET


def run(job: Job, arguments: Arguments) -> None:
    """Ask the scoring service about each file; DataError with its words where it refuses one."""
    data, out = job.input("data"), job.output("scores")
    with tempfile.TemporaryDirectory() as scratch:
        application = Application(Bundle.load(unpack(job.input("model") / ARCHIVE, Path(scratch))))
    for file in sorted(path for path in data.rglob("*") if path.is_file()):
        target = out / f"{file.relative_to(data)}.out"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_answer(application, file, arguments))


def _answer(application: Application, file: Path, arguments: Arguments) -> bytes:
    statuses: list[str] = []
    request = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/invocations",
        "CONTENT_TYPE": arguments.content_type,
        "HTTP_ACCEPT": arguments.accept,
        "wsgi.input": io.BytesIO(file.read_bytes()),
    }
    body = b"".join(application(request, lambda status, _: statuses.append(status)))
    if statuses != ["200 OK"]:
        raise DataError(f"{file.name} is answered with {statuses[0]}: {body.decode(errors='replace')}")
    return body


def main() -> int:
    """Entry of the step."""
    return run_step(lambda job: run(job, parse_arguments(Arguments, sys.argv[1:], "score-files")))


if __name__ == "__main__":
    sys.exit(main())
