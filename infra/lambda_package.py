"""The code of the Lambda functions as one zip: `python -m infra.lambda_package OUT.zip`.

The same sources give the same bytes, on every machine: entries are sorted, have one time and one mode, and are stored
uncompressed, because compressors differ. Standard library only; whatever starts functions without CDK calls it too.
"""

from __future__ import annotations

import argparse
import hashlib
import stat
import sys
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("config", "lambdas", "rightpack")
LEFT_OUT: Final = ("rightpack/cli",)  # for people's machines; it needs more than a function has
SUFFIXES: Final = frozenset({".py", ".toml", ".sql"})
EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
MODE: Final = (stat.S_IFREG | 0o644) << 16
UNIX: Final = 3


def sources(root: Path = ROOT) -> Iterator[tuple[str, Path]]:
    """Name in the zip and file of everything that functions need, sorted by name."""
    found = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in SUFFIXES]
    for name, path in sorted((path.relative_to(root).as_posix(), path) for path in found):
        if not any(name.startswith(f"{folder}/") for folder in LEFT_OUT):
            yield name, path


def build(target: Path, root: Path = ROOT) -> str:
    """Write the zip to `target` and return its sha256."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as package:
        for name, path in sources(root):
            package.writestr(_entry(name), path.read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = MODE
    entry.create_system = UNIX
    return entry


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the zip that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m infra.lambda_package", description="Package the Lambda functions.")
    parser.add_argument("target", type=Path, help="zip file to write")
    target = parser.parse_args(arguments).target
    sys.stdout.write(f"{build(target)}  {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
