"""Where a fresh interpreter might do something else than a fork of a process that has imported much already."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_INTERPRETER = ("PYTHON", "LANG", "LC_", "TZ", "LD_", "MALLOC_", "GLIBC_")
_LIBRARIES = ("ARROW_", "PANDAS_", "NPY_", "NUMPY_", "AWS_LAMBDA_LOG_FORMAT", "AWS_LAMBDA_LOG_LEVEL")
_THREADS = ("OMP_", "GOMP_", "KMP_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_", "NUMEXPR_")
_READ_ONCE = (*_INTERPRETER, *_LIBRARIES, *_THREADS)


def same_start(environment: Mapping[str, str]) -> bool:
    """Whether variables that are read once, when interpreter and libraries start, are as they were for this process."""
    return _read_once(environment) == _read_once(os.environ)


def hides_imported(folder: Path, but: set[str]) -> bool:
    """Whether a file or folder in `folder` is called like a module that is imported already, other than those `but`."""
    imported = {name.partition(".")[0] for name in sys.modules} - but
    return any(path.name.partition(".")[0] in imported for path in folder.iterdir())


def packages_below(folders: list[Path]) -> set[str]:
    """Imported packages that lie directly in one of the folders."""
    tops = {name for name in sys.modules if "." not in name}
    return {name for name in tops if any((folder / name).is_dir() for folder in folders)}


def forget(packages: set[str]) -> None:
    """Let packages be found and imported anew."""
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def _read_once(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_ONCE)}
