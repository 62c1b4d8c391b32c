"""Starting the embedded AWS as a process of its own, with the committed templates deployed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rightpack.errors import InternalError, SettingsError
from rightpack.layout import Stack, stack_name

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATES = PROJECT / "infra" / "templates"
START_SECONDS = 120.0
STOP_SECONDS = 30.0
REFUSED = 78  # exit code of a cloud that does not take over a state; its last line says why
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",  # the documentation's own example key: it opens nothing
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running embedded cloud: its endpoint and the folder of its state, logs and mail."""

    endpoint: str
    root: Path
    restored: str = ""  #: when the state was kept with which it goes on

    def environment(self) -> dict[str, str]:
        """Variables that point any AWS client at it."""
        authority = self.root / "redshift" / "wire" / "ca.pem"  # whom the driver of Redshift trusts
        return {**CREDENTIALS, "AWS_ENDPOINT_URL": self.endpoint, "SSL_CERT_FILE": str(authority)}


def command(
    stage: str, *, root: Path, port: int, ready: Path, package: Path, iam: str = "record", keep: bool = False
) -> list[str]:
    """Command line that starts the cloud with the templates of a stage."""
    templates = [TEMPLATES / f"{stack_name(stage, stack)}.template.json" for stack in Stack]
    options = ["--port", str(port), "--root", str(root), "--ready-file", str(ready), "--iam", iam]
    options += [part for template in templates for part in ("--template", str(template))]
    options += ["--keep"] if keep else []
    return [sys.executable, "-m", "local_cloud", "up", *options, "--asset", f"lambdas.zip={package}"]


@contextmanager
def embedded_cloud(
    stage: str, *, root: Path | None = None, port: int = 0, iam: str = "record", keep: bool = False
) -> Iterator[Embedded]:
    """Start the cloud, point this process's AWS clients at it as long as it runs, and stop it at the end.

    `iam` is `enforce` to carry out what policies deny, `record` to list it. With `keep` it goes on with the state
    in `root`, and leaves its own there.

    Raises:
        SettingsError: the state in `root` cannot be taken over.
        InternalError: it did not come up; the message holds its last words.
    """
    root = root or Path(tempfile.mkdtemp(prefix="rightpack-"))
    root.mkdir(parents=True, exist_ok=True)
    ready, package = root / "ready.json", root / "lambdas.zip"
    build = [sys.executable, "-m", "infra.lambda_package", str(package)]
    subprocess.run(build, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
    ready.unlink(missing_ok=True)
    log = root / "cloud.log"
    with log.open("a") as output:
        process = subprocess.Popen(
            command(stage, root=root, port=port, ready=ready, package=package, iam=iam, keep=keep),
            cwd=PROJECT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        before = dict(os.environ)
        try:
            facts = _facts(process, ready, log)
            found = Embedded(facts["endpoint"], root, facts["restored"])
            os.environ.update(found.environment())
            os.environ.pop("AWS_PROFILE", None)
            yield found
        finally:
            _end(process)
            os.environ.clear()
            os.environ.update(before)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the cloud to stop; one that does not is killed, so that the error that brought us here is what people see."""
    process.terminate()
    try:
        process.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _facts(process: subprocess.Popen[bytes], ready: Path, log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if ready.exists() and (text := ready.read_text()).endswith("\n"):
            return dict(json.loads(text))
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    lines = log.read_text(errors="replace").splitlines()
    if process.wait() == REFUSED:
        raise SettingsError(lines[-1])
    tail = "\n".join(lines[-20:])
    raise InternalError(f"The embedded cloud did not start; its log {log} ends with:\n{tail}")
