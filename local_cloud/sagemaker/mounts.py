"""A private `/opt/ml` for one process without Docker: a user and mount namespace, where the kernel allows it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

ROOT_VARIABLE = "RIGHTPACK_ML_ROOT"  #: tells a step where its /opt/ml is; set only where it cannot be mounted
_ML = re.compile(r"/opt/ml(?![\w-])")

HOSTS_FILE = "hosts"  #: beside the folder of `/opt/ml`: the container's /etc/hosts, for jobs of several instances

# /opt is built anew on a tmpfs, from everything it holds: an interpreter may live there. Only /opt/ml differs.
_RECIPE = """
set -e
opt=$1 ml=$2 hosts=$3
shift 3
if [ -f "$hosts" ]; then mount --bind "$hosts" /etc/hosts; fi
mount -t tmpfs tmpfs "$opt"
for entry in /opt/* /opt/.[!.]*; do
  name=${entry##*/}
  if [ "$name" = ml ]; then continue; fi
  if [ -L "$entry" ]; then cp -P "$entry" "$opt/$name"; continue; fi
  if [ ! -e "$entry" ]; then continue; fi
  if [ -d "$entry" ]; then mkdir "$opt/$name"; else : > "$opt/$name"; fi
  mount --rbind "$entry" "$opt/$name"
done
mkdir "$opt/ml"
mount --bind "$ml" "$opt/ml"
mount --rbind "$opt" /opt
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class Invocation:
    """A command line with its environment, ready to be started."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


class Mounting(Protocol):
    """How a process gets to see the folder `ml` as `/opt/ml`."""

    def wrap(self, ml: Path, argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
        """Change a container's command so that it finds its files."""
        ...


class BindMount:
    """The real thing: the process has a mount namespace of its own, in which `/opt/ml` is the folder."""

    def wrap(self, ml: Path, argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
        """Run the command through `unshare`; nothing in it changes. A `hosts` file beside `ml` becomes /etc/hosts."""
        opt = ml.parent / "opt"
        opt.mkdir(exist_ok=True)
        hosts = ml.parent / HOSTS_FILE
        unshare = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
        return Invocation((*unshare, "sh", "-c", _RECIPE, "sh", str(opt), str(ml), str(hosts), *argv), env)


class RewrittenPaths:
    """The fallback: every `/opt/ml` in command and environment becomes the folder, and `RIGHTPACK_ML_ROOT` names it."""

    def wrap(self, ml: Path, argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
        """Rewrite the paths."""
        changed = {key: self._rewritten(ml, value) for key, value in env.items()}
        return Invocation(tuple(self._rewritten(ml, word) for word in argv), {**changed, ROOT_VARIABLE: str(ml)})

    @staticmethod
    def _rewritten(ml: Path, text: str) -> str:
        return _ML.sub(lambda _: str(ml), text)


def mounting(wanted: bool | None) -> Mounting:
    """Choose how jobs see `/opt/ml`; None asks the kernel by trying."""
    possible = bind_mounts_work() if wanted is None else wanted
    return BindMount() if possible else RewrittenPaths()


def bind_mounts_work() -> bool:
    """Try the recipe once with a folder of its own: can this user, on this kernel, mount `/opt/ml`?"""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory(prefix="rightpack-mount-") as folder:
        ml = Path(folder) / "ml"
        ml.mkdir()
        probe = BindMount().wrap(ml, ["sh", "-c", "echo yes > /opt/ml/seen"], {})
        tried = subprocess.run(probe.argv, capture_output=True, check=False)
        return tried.returncode == 0 and (ml / "seen").exists()
