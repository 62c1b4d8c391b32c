"""`docs/add-an-architecture.md`, word for word: its files outside of the project, its commands in their order."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "add-an-architecture.md"
BLOCK = re.compile(r"^```(\w+) ?([\w.]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TIMEOUT_SECONDS = 560
# What the page cannot show: its last words, written down for the test.
LOOK = """
rightpack models --json models.json
rightpack runs --json runs.json
rightpack sql "SELECT package_type, COUNT(*) AS products FROM packaging.current_predictions GROUP BY package_type" \
  --json scored.json
"""


def blocks() -> tuple[dict[str, str], str]:
    """Files of the page by name, and its commands."""
    found = BLOCK.findall(PAGE.read_text())
    files = {name: text for _, name, text in found if name}
    return files, "".join(text for kind, _, text in found if kind == "sh")


def project_state() -> str:
    """Digest of the project's file names, and of its templates and definitions."""
    rooms = ["rightpack", "processing", "pipelines", "lambdas", "infra", "config"]
    listing = ["git", "ls-files", "-co", "--exclude-standard", *rooms]
    names = subprocess.run(listing, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    rendered = [name for name in names if name.startswith(("infra/templates/", "pipelines/definitions/"))]
    contents = [(PROJECT / name).read_bytes() for name in rendered]
    return hashlib.sha256("\n".join(names).encode() + b"".join(contents)).hexdigest()


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """The folder in which the page was followed; the project before and after."""
    folder = tmp_path_factory.mktemp("own")
    files, commands = blocks()
    for name, text in files.items():
        (folder / name).write_text(text)
    before = project_state()
    run(f"set -e\ntrap 'kill $(jobs -p)' EXIT\n{commands}{LOOK}", folder)
    return folder, before, project_state()


def run(script: str, folder: Path) -> None:
    environment: Mapping[str, str] = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AWS_")},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, start_new_session=True,
    )  # fmt: skip
    try:
        words, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, words[-4000:]


def facts(folder: Path, name: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads((folder / name).read_text())
    return found


def test_an_architecture_is_one_short_file_and_a_shorter_one() -> None:
    files, _ = blocks()
    lengths = {name: len(text.splitlines()) for name, text in files.items()}
    assert set(lengths) == {"binned.py", "binned.toml"}
    assert lengths["binned.py"] <= 60
    assert lengths["binned.toml"] <= 20


def test_it_is_trained_gated_and_registered(followed: tuple[Path, str, str]) -> None:
    runs, models = (facts(followed[0], f"{name}.json") for name in ("runs", "models"))
    assert {run["status"] for run in runs} == {"Completed"}
    carton = [model for model in models if model["group"] == "rightpack-dev-carton"]
    assert [(model["status"], model["serving"]) for model in carton] == [("Approved", True)]


def test_it_scores_beside_the_built_in_ones(followed: tuple[Path, str, str]) -> None:
    scored = {row["package_type"]: row["products"] for row in facts(followed[0], "scored.json")}
    assert set(scored) == {"none", "paper-bag", "carton"}
    assert len(set(scored.values())) == 1


def test_both_experiments_are_compared_on_a_page(followed: tuple[Path, str, str]) -> None:
    page = (followed[0] / "out" / "compare" / "trees-binned.html").read_text()
    assert "training.architecture" in page
    assert "<svg" in page


def test_the_project_and_its_templates_stay_as_they_are(followed: tuple[Path, str, str]) -> None:
    _, before, after = followed
    assert before == after
