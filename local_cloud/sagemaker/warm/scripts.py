"""A user's own script in a fork of the warm process, as a fresh interpreter would run it; only its imports are there.

Where a fresh one might do something else, it is left to that: see `fits`. Packages of the image itself are imported
anew, so that a script may bring its own under the same names.
"""

from __future__ import annotations

import atexit
import builtins
import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType

from local_cloud.warm.alike import forget, hides_imported, packages_below, same_start
from local_cloud.warm.forks import exit_code


def fits(script: Path, environment: Mapping[str, str]) -> bool:
    """Whether the script can run in a fork of this process: nothing beside it is called like an imported library."""
    return script.is_file() and same_start(environment) and not hides_imported(script.parent, but=_own())


def run(script: Path, arguments: Sequence[str]) -> int:
    """Run a script to its end, with its threads and exit handlers; answer the exit code."""
    forget(_own())
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.resolve().parent)
    code = _executed(script)
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - what the interpreter does at its end
    atexit._run_exitfuncs()  # noqa: SLF001 - as above
    return code


def _own() -> set[str]:
    """Packages of the image, which are no libraries."""
    return packages_below([Path(folder) for folder in os.environ["PYTHONPATH"].split(os.pathsep)])


def _executed(script: Path) -> int:
    path = str(script.absolute())
    loader = SourceFileLoader("__main__", path)
    module = ModuleType("__main__")
    module.__dict__.update(__file__=path, __loader__=loader, __builtins__=builtins, __cached__=None, __annotations__={})
    sys.modules["__main__"] = module
    try:
        exec(loader.source_to_code(loader.get_data(path), path), module.__dict__)  # noqa: S102 - that is the task
    except SystemExit as left:
        return exit_code(left)
    except BaseException as error:  # noqa: BLE001 - the boundary of a process
        traceback.print_exception(type(error), error, _inside(error.__traceback__, path))
        return 1
    return 0


def _inside(trace: TracebackType | None, path: str) -> TracebackType | None:
    """The part of a traceback from the script on; nothing of it for a script that cannot be compiled."""
    while trace is not None and trace.tb_frame.f_code.co_filename != path:
        trace = trace.tb_next
    return trace
