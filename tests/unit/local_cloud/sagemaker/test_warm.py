"""Programs of the image run as forks of a warm process; whoever starts, watches or kills them sees no difference."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from local_cloud.sagemaker.mounts import BindMount, Invocation, RewrittenPaths, bind_mounts_work
from local_cloud.sagemaker.warm.image import ENVIRONMENT, WarmImage, warm_image
from local_cloud.warm.asking import STARTED

PROJECT = str(Path(__file__).resolve().parents[4])
PATIENCE = 60.0
ARGUMENTS = ("--data-uri", "s3://d/", "--manifest-uri", "s3://d/m", "--package-type", "carton")
BLOCKED = ("python", "-m", "processing.prepare", *ARGUMENTS, "--business-date", "2026-11-02")

pytestmark = pytest.mark.skipif(warm_image((Path(PROJECT),)) is None, reason="forks can be watched on Linux only")


@pytest.fixture(scope="module")
def image() -> Iterator[WarmImage]:
    made = WarmImage(PROJECT)
    made.start()
    yield made
    made.stop()


class Asked:
    """A folder with an `ml` inside, and programs that run in it."""

    def __init__(self, image: WarmImage, folder: Path) -> None:
        self.image, self.folder, self.ml = image, folder, folder / "ml"
        (self.ml / "input" / "config").mkdir(parents=True)
        for name in ("data", "config"):
            (self.ml / "processing" / "input" / name).mkdir(parents=True)
        self.environment = {
            "PATH": f"{image.bin}:/usr/bin:/bin",
            "PYTHONPATH": PROJECT,
            "HOME": str(folder),
            **ENVIRONMENT,
        }

    def start(self, invocation: Invocation) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            invocation.argv,
            env=dict(invocation.env),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def plain(self, argv: Sequence[str]) -> subprocess.Popen[bytes]:
        return self.start(RewrittenPaths().wrap(self.ml, argv, self.environment))

    def blocked(self) -> subprocess.Popen[bytes]:
        """A step that waits for ever for somebody to write its settings."""
        os.mkfifo(self.ml / "processing" / "input" / "config" / "settings.json")
        program = self.plain(BLOCKED)
        wait_until(lambda: self.image.running() == 1)
        return program

    def script(self, text: str, name: str = "step.py") -> Path:
        """A user's own file in the job's folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def both(self, *arguments: str) -> tuple[tuple[str, int], tuple[str, int]]:
        """What a command says and its exit code: as the image runs it, and as the interpreter alone does."""
        found = []
        for python in ("python3", sys.executable):
            program = self.plain([python, *arguments])
            found.append((program.communicate(timeout=PATIENCE)[0].decode(), program.returncode))
        return found[0], found[1]

    @property
    def message(self) -> str:
        return (self.ml / "output" / "message").read_text()


@pytest.fixture
def asked(image: WarmImage, tmp_path: Path) -> Asked:
    wait_until(lambda: image.running() == 0)
    return Asked(image, tmp_path)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_step_runs_with_its_own_files_output_and_exit_code(asked: Asked) -> None:
    program = asked.plain(["python", "-m", "processing.prepare"])
    output = program.communicate(timeout=PATIENCE)[0].decode()
    assert program.returncode == 1
    assert "the following arguments are required" in asked.message
    assert "the following arguments are required" in output


@pytest.mark.skipif(not bind_mounts_work(), reason="this kernel lets no user mount")
def test_it_sees_the_folder_that_is_mounted_for_it_as_opt_ml(asked: Asked) -> None:
    program = asked.start(BindMount().wrap(asked.ml, ["python", "-m", "processing.prepare"], asked.environment))
    program.communicate(timeout=PATIENCE)
    assert "the following arguments are required" in asked.message


@pytest.mark.parametrize("name", ["train", "serve"])
def test_commands_of_the_image_are_there(asked: Asked, name: str) -> None:
    program = asked.plain([name])
    output = program.communicate(timeout=PATIENCE)[0].decode()
    assert program.returncode == 1
    assert f"processing/{name}.py" in output  # it came as far as to miss its input


def test_a_killed_program_takes_its_fork_along(asked: Asked) -> None:
    program = asked.blocked()
    program.kill()
    program.communicate(timeout=PATIENCE)
    wait_until(lambda: asked.image.running() == 0)


def test_a_polite_request_to_end_reaches_the_fork(asked: Asked) -> None:
    program = asked.blocked()
    program.terminate()
    program.communicate(timeout=PATIENCE)
    assert program.returncode == -signal.SIGTERM


@pytest.mark.parametrize("argv", [["python", "-c", "import sys; print(sys.executable)"], ["python", "-V"]])
def test_anything_else_is_run_by_the_real_interpreter(asked: Asked, argv: list[str]) -> None:
    output = asked.plain(argv).communicate(timeout=PATIENCE)[0].decode().strip()
    assert output in {sys.executable, f"Python {sys.version.split()[0]}"}


def test_with_other_code_on_its_path_a_program_starts_cold(asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "processing").mkdir()
    (tmp_path / "processing" / "__init__.py").touch()
    (tmp_path / "processing" / "prepare.py").write_text("print('mine')")
    asked.environment["PYTHONPATH"] = str(tmp_path)
    assert asked.plain(["python", "-m", "processing.prepare"]).communicate(timeout=PATIENCE)[0] == b"mine\n"


def test_when_the_warm_process_is_gone_programs_start_cold(tmp_path: Path) -> None:
    made = WarmImage(PROJECT)
    asked = Asked(made, tmp_path)
    text = (made.bin / "python").read_text()
    made.stop()
    made.bin.mkdir(parents=True)
    (made.bin / "python").write_text(text.replace("warm.sock", "gone/warm.sock"))
    (made.bin / "python").chmod(0o755)
    asked.plain(["python", "-m", "processing.prepare"]).communicate(timeout=PATIENCE)
    assert "the following arguments are required" in asked.message


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["python", "-m", "processing.prepare"], True),
        (["python3", "/opt/ml/code/step.py", "--x"], True),
        (["train"], True),
        (["python", "-c", "print(1)"], False),
        (["python", "-m", "http.server"], False),
        (["/usr/bin/python3", "/opt/ml/code/step.py"], False),
        (["sh", "train"], False),
    ],
)
def test_the_process_is_started_for_commands_that_ask_for_it_only(argv: list[str], wanted: bool) -> None:
    made = WarmImage(PROJECT)
    made.start_for(argv)
    assert (made.bin.parent / STARTED).exists() is wanted
    made.stop()


def test_what_asks_inside_of_another_command_starts_cold_when_there_is_no_process(tmp_path: Path) -> None:
    asked = Asked(WarmImage(PROJECT), tmp_path)
    asked.script("print('cold')")
    assert asked.plain(["sh", "-c", "python step.py"]).communicate(timeout=PATIENCE)[0] == b"cold\n"
    asked.image.stop()
