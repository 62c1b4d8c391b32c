"""How far a training has come, so that one whose machine is taken away goes on instead of beginning anew.

The platform copies the folder to S3 while the container runs, and back before another container takes the training up.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from processing.job import Job
from rightpack.errors import InternalError

ROUNDS_VARIABLE: Final = "CHECKPOINT_ROUNDS"
NAME_DIGITS: Final = 16
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """A folder of checkpoints, and how many rounds lie between two.

    Each says what it belongs to, a digest of everything that decides the model: another training never takes it up.
    """

    folder: Path
    every: int

    @classmethod
    def of(cls, job: Job) -> Self | None:
        """Those of a job whose environment asks for them; InternalError if it does not do so by a whole number."""
        asked = job.environment.get(ROUNDS_VARIABLE, "")
        if not asked:
            return None
        if not asked.isdecimal() or not int(asked):
            raise InternalError(f"{ROUNDS_VARIABLE} is {asked!r}; the pipeline definition must give a whole number.")
        return cls(job.root / "checkpoints", int(asked))

    def find(self, belongs: str) -> Mapping[str, Any] | None:
        """What was kept last for this very training; None if nothing was, or if it is damaged."""
        path = self._path(belongs)
        if not path.is_file():
            return None
        try:
            kept = json.loads(path.read_text())
            state = dict(kept["state"])
            whole = kept["belongs"] == belongs and kept["digest"] == _digest(state)
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            log.warning("The checkpoint %s is damaged; the training begins anew.", path.name)
            return None
        return state

    def keep(self, belongs: str, state: Mapping[str, Any]) -> None:
        """Replace what was kept for a training, in one move: a reader sees the old file or the new one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(belongs)
        half = path.with_name(f".{path.name}.new")
        half.write_text(json.dumps({"belongs": belongs, "digest": _digest(state), "state": dict(state)}))
        half.replace(path)

    def _path(self, belongs: str) -> Path:
        return self.folder / f"{belongs[:NAME_DIGITS]}.json"


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
