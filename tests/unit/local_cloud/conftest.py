from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cloud.cloud import LocalCloud

Eventually = Callable[[Callable[[], Any]], Any]

_DEADLINE_SECONDS = 60.0


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(services=[], retry_seconds=(0.0, 0.0)) as running:
        yield running


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Wait until a question has a true answer and give it; only the deadline of a broken test is ever waited for."""

    def wait(question: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        while not (answer := question()):
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.02)
        return answer

    return wait


@pytest.fixture(scope="session")
def zipped() -> Callable[[str], bytes]:
    """A function's zip with the given source as handler.py."""

    def pack(source: str) -> bytes:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("handler.py", source)
        return packed.getvalue()

    return pack


@pytest.fixture
def deploy(cloud: LocalCloud, tmp_path: Path) -> Callable[..., Any]:
    """Deploy a template given as text, as stack `name`."""

    def run(name: str, template: str, **options: Any) -> Any:
        path = tmp_path / f"{name}.template.yaml"
        path.write_text(template)
        return cloud.deploy(path, **options)

    return run
