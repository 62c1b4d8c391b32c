from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.sagemaker import Options, SageMaker
from local_cloud.sagemaker.mounts import bind_mounts_work
from tests.unit.local_cloud.sagemaker.fakes import Client, FakeHost

TOYS = Path(__file__).parent / "image"


@pytest.fixture
def host(tmp_path: Path) -> FakeHost:
    return FakeHost(tmp_path / "cloud")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder of commands, as an image has them on its PATH: `train` and `serve` run the toys."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("train", "serve"):
        script = commands / name
        script.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_module('toy_{name}', run_name='__main__')\n")
        script.chmod(0o755)
    return commands


@pytest.fixture
def toy_environment(image: Path) -> dict[str, str]:
    return {"PATH": os.pathsep.join([str(image), "/usr/bin", "/bin"])}


@pytest.fixture
def build(host: FakeHost) -> Iterator[Callable[..., Client]]:
    """Make a service with options of its own; closed in the end."""
    made: list[SageMaker] = []

    def make(**options: Any) -> Client:
        chosen = {
            "image_path": (TOYS,),
            "bind_mounts": False,
            "warm": False,
            "max_parallel_jobs": 4,
            "stop_grace": 5.0,
            **options,
        }
        made.append(SageMaker(host, Options(**chosen)))
        return Client(made[-1])

    yield make
    for service in made:
        service.close()


@pytest.fixture
def client(build: Callable[..., Client]) -> Client:
    return build()


@pytest.fixture(params=["mounted", "rewritten"])
def mounts(request: pytest.FixtureRequest) -> bool:
    """Both ways to give a job its /opt/ml."""
    if request.param == "mounted" and not bind_mounts_work():
        pytest.skip("this kernel gives an ordinary user no mount namespace")
    return bool(request.param == "mounted")
