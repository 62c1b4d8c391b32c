from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.lambda_package import ROOT, build, main

TREE = {
    "config/base.toml": "version = 1\n",
    "lambdas/__init__.py": "",
    "lambdas/drop/handler.py": "def handler(event, context): ...\n",
    "lambdas/drop/__pycache__/handler.cpython-311.pyc": "bytes of this machine",
    "rightpack/layout.py": "PROJECT = 'rightpack'\n",
    "rightpack/sql/unload.sql": "UNLOAD",
    "rightpack/cli/main.py": "import typer\n",
    "rightpack/climate.py": "",
    "rightpack/.layout.py.swp": "half a line",
    "processing/train.py": "import lightgbm\n",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    for name, text in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real package, as a function finds it."""
    folder = tmp_path_factory.mktemp("installed")
    build(folder / "lambdas.zip")
    with zipfile.ZipFile(folder / "lambdas.zip") as package:
        package.extractall(folder / "task")
    return folder / "task"


def test_package_holds_handlers_vocabulary_settings_and_sql_and_nothing_else(root: Path, tmp_path: Path) -> None:
    build(tmp_path / "out.zip", root)

    with zipfile.ZipFile(tmp_path / "out.zip") as package:
        assert package.namelist() == [
            "config/base.toml",
            "lambdas/__init__.py",
            "lambdas/drop/handler.py",
            "rightpack/climate.py",
            "rightpack/layout.py",
            "rightpack/sql/unload.sql",
        ]


def test_same_sources_give_the_same_bytes_whenever_and_by_whomever(root: Path, tmp_path: Path) -> None:
    first = build(tmp_path / "one.zip", root)
    for path in root.rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o700)

    second = build(tmp_path / "two.zip", root)

    assert first == second == hashlib.sha256((tmp_path / "two.zip").read_bytes()).hexdigest()


def test_another_line_of_code_gives_another_package(root: Path, tmp_path: Path) -> None:
    before = build(tmp_path / "one.zip", root)
    (root / "rightpack" / "layout.py").write_text("PROJECT = 'leftpack'\n")

    assert build(tmp_path / "two.zip", root) != before


def test_entries_can_be_read_by_the_functions_user(root: Path, tmp_path: Path) -> None:
    build(tmp_path / "out.zip", root)

    with zipfile.ZipFile(tmp_path / "out.zip") as package:
        assert {entry.external_attr >> 16 & 0o777 for entry in package.infolist()} == {0o644}


def test_command_writes_the_package_and_says_its_digest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "out.zip"

    assert main([str(target)]) == 0

    assert capsys.readouterr().out.split() == [hashlib.sha256(target.read_bytes()).hexdigest(), str(target)]


@pytest.mark.parametrize("name", ["start_pipeline", "track_runs", "unload", "drop"])
def test_handlers_import_from_the_package_alone(installed: Path, name: str) -> None:
    assert _run(installed, f"from lambdas.{name}.handler import handler; print(callable(handler))") == "True"


def test_settings_and_sql_are_found_in_the_package(installed: Path) -> None:
    found = _run(
        installed,
        "from rightpack.settings import Settings; from rightpack.warehouse import schema_statements;"
        "print(len(schema_statements(Settings.load('dev'))) > 0)",
    )

    assert found == "True"


def test_package_stays_far_below_the_services_limit(installed: Path) -> None:
    assert sum(path.stat().st_size for path in installed.rglob("*") if path.is_file()) < 5 * 1024 * 1024


def test_building_needs_neither_cdk_nor_anything_else_installed(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "infra.lambda_package", str(tmp_path / "out.zip")]  # -S: no site-packages

    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)

    assert (tmp_path / "out.zip").exists()


def _run(folder: Path, code: str) -> str:
    source = f"import sys; sys.path.insert(0, {str(folder)!r}); {code}"
    result = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
