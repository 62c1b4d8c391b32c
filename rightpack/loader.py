"""The loader: predictions and recommendations of one run into the warehouse, exactly once.

Everything happens in one transaction that first locks `load_audit`. The audit row, not the client token, makes it
exactly once: tokens live 8 hours, and a lost answer may follow a commit. What a newer business date wrote is never
overwritten, and rows that already say the same stay as they are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from rightpack.errors import ConflictError, PlatformError, ResultError
from rightpack.transport import StatementError, Transport
from rightpack.warehouse import identifier, quoted, statements

ATTEMPTS: Final = 5
FIRST_PAUSE_SECONDS: Final = 0.2
UNUSABLE: Final = re.compile(r"_unusable: (?P<row>.*?), rows: (?P<rows>\d+)")


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """COPY manifest of one target, and how many rows it lists."""

    manifest_uri: str
    rows: int


@dataclass(frozen=True, slots=True)
class UsedModel:
    """A model version whose predictions are loaded; `approved_at` is ISO 8601 in UTC."""

    package_type: str
    model_version: str
    approved_at: str


@dataclass(frozen=True, slots=True)
class RunLoad:
    """What one inference run brings."""

    run_id: str
    business_date: dt.date
    predictions: StagedFiles
    recommendations: StagedFiles
    models: Sequence[UsedModel] = ()


class Loader:
    """Loads runs into the tables of one schema; `role` is the ARN that Redshift assumes for COPY."""

    def __init__(
        self, transport: Transport, *, schema: str, role: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._transport = transport
        self._schema = identifier(schema)
        self._role = role
        self._sleep = sleep

    def load(self, run: RunLoad) -> dict[str, Any]:
        """Load `run` and return its audit row; a run that is loaded already changes nothing.

        Raises:
            ResultError: the files are not what their manifest says, or hold what cannot be; the tables are unchanged.
            StatementError: the warehouse refused a statement; the tables are unchanged.
            ConflictError: other writers won the last of the attempts, or it could not be tried.
            PlatformError: the warehouse did not answer the last attempt, and the audit does not know the run.
        """
        last: ConflictError | PlatformError | None = None
        for attempt in range(ATTEMPTS):
            try:
                audit = self.audit(run.run_id)
                if audit is not None:
                    return audit
                self._transport.run(self.statements(run), token=_token(run.run_id, attempt), name=run.run_id)
            except (ConflictError, PlatformError) as error:  # perhaps only the answer was lost: the audit will tell
                last = error
                self._sleep(FIRST_PAUSE_SECONDS * 2**attempt)
            except StatementError as error:
                if self.audit(run.run_id) is None:
                    self._refuse(run, error)
        return self.audit(run.run_id) or _give_up(run.run_id, last)

    def audit(self, run_id: str) -> dict[str, Any] | None:
        """The audit row of a run, or None."""
        query = statements("audit_row", schema=self._schema, run_id=quoted(run_id))[0]
        found = self._transport.rows(query)
        return found[0] if found else None

    def statements(self, run: RunLoad) -> list[str]:
        """The transaction, in order."""
        main = statements(
            "load_run",
            schema=self._schema,
            role=quoted(self._role),
            run_id=quoted(run.run_id),
            business_date=quoted(run.business_date),
            predictions_manifest=quoted(run.predictions.manifest_uri),
            predictions=quoted(run.predictions.rows),
            recommendations_manifest=quoted(run.recommendations.manifest_uri),
            recommendations=quoted(run.recommendations.rows),
        )
        return main + [s for model in run.models for s in self._record(model, run.run_id)]

    def _record(self, model: UsedModel, run_id: str) -> list[str]:
        return statements(
            "record_model",
            schema=self._schema,
            package_type=quoted(model.package_type),
            model_version=quoted(model.model_version),
            approved_at=quoted(model.approved_at),
            run_id=quoted(run_id),
        )

    def _refuse(self, run: RunLoad, error: StatementError) -> None:
        """Say whose fault a refused transaction is; `already_loaded` is nobody's."""
        text = str(error)
        if "already_loaded" in text:
            return
        for name, files in (("predictions", run.predictions), ("recommendations", run.recommendations)):
            if f"{name}_mismatch" in text:
                raise ResultError(
                    f"Run {run.run_id}: the files of {files.manifest_uri} do not hold exactly {files.rows} different "
                    f"{name}; nothing was loaded."
                ) from error
            if f"{name}_unusable" in text:
                raise ResultError(
                    f"Run {run.run_id}: {_first_unusable(text)} holds what is no number, or a suitability outside 0 to "
                    f"1 (the files of {files.manifest_uri}); nothing was loaded."
                ) from error
        raise error


def _first_unusable(text: str) -> str:
    """Row and number of rows, as the guard put them into the warehouse's error."""
    found = UNUSABLE.search(text)
    return f"{found['row']}, the first of {found['rows']} rows," if found else "a row"


def _give_up(run_id: str, last: ConflictError | PlatformError | None) -> NoReturn:
    if isinstance(last, PlatformError):
        raise PlatformError(f"Run {run_id} could not be loaded in {ATTEMPTS} attempts: {last}") from last
    raise ConflictError(f"Run {run_id} could not be loaded: other writers won {ATTEMPTS} attempts.") from last


def _token(run_id: str, attempt: int) -> str:
    return hashlib.sha256(f"{run_id}|{attempt}".encode()).hexdigest()
