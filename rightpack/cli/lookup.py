"""Finding a recorded run, or recording one of the account that is asked for by its id."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rightpack.cli import records
from rightpack.cli.stage import Stage
from rightpack.errors import SettingsError

ACCOUNT = "account"


def recorded(name: str, folder: Path, stage: str) -> Mapping[str, records.RunRecord]:
    """Runs of an experiment, or the one run called `name`, by package type; SettingsError where nobody knows it."""
    try:
        return records.find(folder, name)
    except SettingsError:
        if not name.startswith(("training-", "inference-")):
            raise
    connected = Stage.connect(stage)
    run = connected.ledger.find(name)
    if run is None or run.open:
        state = "is not there" if run is None else "has not ended yet"
        raise SettingsError(f"Run {name!r} {state}; `rightpack runs` lists what is.")
    record = records.save(connected, run, folder / ACCOUNT / name, whole=False)
    return {str(record.facts["package_type"] or record.facts["pipeline"]): record}
