"""LightGBM, imported without its optional companions: unused here, they cost seconds in every job."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

COMPANIONS: Final = ("sklearn", "pandas", "dask", "matplotlib", "graphviz", "polars")


@contextmanager
def _without_companions() -> Iterator[None]:
    """Hide the companions that are not imported yet."""
    hidden = [name for name in COMPANIONS if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is how Python marks "not importable"
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_companions():
    lgb: Any = importlib.import_module("lightgbm")
