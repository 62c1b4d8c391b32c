"""What a function finds beside its own code: the runtime client and boto3 as in Lambda, nothing else of this venv."""

from __future__ import annotations

import importlib.metadata
import re
from pathlib import Path

_PROVIDED = ("awslambdaric", "boto3")


def build(folder: Path) -> Path:
    """Link the runtime's packages into `folder`, so that a function lacking a dependency fails as it would in AWS."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in sorted(_closure(_PROVIDED)):
        for package in _packages(importlib.metadata.distribution(name)):
            link = folder / package.name
            if not link.exists():
                link.symlink_to(package)
    return folder


def _closure(names: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    open_names = list(names)
    while open_names:
        name = open_names.pop()
        if name not in found:
            found.add(name)
            required = importlib.metadata.distribution(name).requires or []
            open_names += [_bare(line) for line in required if "extra ==" not in line]
    return found


def _bare(requirement: str) -> str:
    matched = re.match(r"[\w.-]+", requirement)
    return matched.group(0).lower() if matched else requirement


def _packages(distribution: importlib.metadata.Distribution) -> set[Path]:
    tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in {"..", "__pycache__"}}
    return {Path(str(distribution.locate_file(top))) for top in tops}
