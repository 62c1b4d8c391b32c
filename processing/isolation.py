"""Import Python from texts in memory, under a name of its own per version: two versions of a module live side by side.

Modules of one source see each other under their usual names, whatever else of that name is installed.
"""

from __future__ import annotations

import builtins
import importlib
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, Final

SPACE: Final = "rightpack_source_"


def import_isolated(name: str, files: Mapping[str, str], digest: str) -> ModuleType:
    """Import the module `name` (dotted) of `files` (text by path); the same digest gives the same module object."""
    space = f"{SPACE}{digest[:16]}"
    if not any(isinstance(finder, _Finder) and finder.space == space for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(space, files))
    return importlib.import_module(f"{space}.{name}")


class _Finder(MetaPathFinder):
    """Finds the modules of one source below its namespace."""

    def __init__(self, space: str, files: Mapping[str, str]) -> None:
        self.space, self._loader = space, _Loader(space, files)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for our own names only."""
        del path, target
        if fullname.partition(".")[0] != self.space or not self._loader.knows(fullname):
            return None
        package = self._loader.is_package(fullname)
        spec = ModuleSpec(fullname, self._loader, origin=self._loader.get_filename(fullname), is_package=package)
        spec.has_location = True  # so that tracebacks and inspection name the file
        return spec


class _Loader(InspectLoader):
    """Runs texts as modules; tracebacks show their lines."""

    def __init__(self, space: str, files: Mapping[str, str]) -> None:
        self._space, self._files = space, files
        self._tops = {name.partition("/")[0].removesuffix(".py") for name in files}
        folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
        self._packages = {"", *folders}

    def knows(self, fullname: str) -> bool:
        return self._path(fullname) in self._packages or f"{self._path(fullname)}.py" in self._files

    def _path(self, fullname: str) -> str:
        return fullname.removeprefix(self._space).lstrip(".").replace(".", "/")

    def _file(self, fullname: str) -> str:
        path = self._path(fullname)
        return f"{path}/__init__.py".lstrip("/") if path in self._packages else f"{path}.py"

    def is_package(self, fullname: str) -> bool:
        return self._path(fullname) in self._packages

    def get_filename(self, fullname: str) -> str:
        return f"{self._space}/{self._file(fullname)}"

    def get_source(self, fullname: str) -> str:
        return self._files.get(self._file(fullname), "")

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_source(fullname).encode(), self.get_filename(fullname))

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self._import}
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102  # what importing a module is

    def _import(
        self,
        name: str,
        outer: Mapping[str, Any] | None = None,
        local: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """The statement `import` as our modules see it: absolute names of their own source lead into it."""
        top = name.partition(".")[0]
        if level or top not in self._tops:
            return __import__(name, outer, local, fromlist, level)
        inner = f"{self._space}.{name}"
        if fromlist:
            return __import__(inner, outer, local, fromlist, 0)
        importlib.import_module(inner)
        return sys.modules[f"{self._space}.{top}"]
