"""Builds the compiled part of the scoring engine with the package; without a compiler the package does without it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "processing/scoring"
FLAGS = ("-std=gnu11", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")


class KernelHook(BuildHookInterface[Any]):
    """Compile kernel.c by `$CC`, or by `cc`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  # hatchling's signature
        """Write _kernel.so beside its source; a compiler that is there must succeed."""
        compiler = shlex.split(os.environ.get("CC", "cc"))
        if not shutil.which(compiler[0]):
            self.app.display_warning(f"no compiler {compiler[0]!r}: LightGBM will predict by itself, which is slower")
            return
        source, library = (Path(self.root, FOLDER, name) for name in ("kernel.c", "_kernel.so"))
        subprocess.run([*compiler, *FLAGS, str(source), "-o", str(library), "-lm"], check=True)
        build_data["artifacts"].append(f"/{FOLDER}/{library.name}")
        build_data.update(pure_python=False, infer_tag=True)
