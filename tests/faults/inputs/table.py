"""The table of bad inputs, its files, and what was recorded of each: `python -m tests.faults.inputs.table` writes them.

`--check` says what is stale. What is said of each input is recorded by the tests (`record.json`), not here.
"""

from __future__ import annotations

import json
import shutil
import sys
from typing import Final

from tests.faults.inputs.archives import bad_archives
from tests.faults.inputs.bad import FILES, HERE, Bad, Entry
from tests.faults.inputs.drops import bad_drops
from tests.faults.inputs.loads import bad_loads
from tests.faults.inputs.own_files import bad_own_files
from tests.faults.inputs.triggers import bad_triggers

RECORD: Final = HERE / "record.json"
PAGE: Final = HERE.parents[2] / "docs" / "bad-inputs.md"
TABLE: Final[tuple[Bad, ...]] = (*bad_triggers(), *bad_drops(), *bad_loads(), *bad_archives(), *bad_own_files())
HEAD: Final = """# Bad inputs

What happens to an input that cannot be used, and what is said of it: written by `python -m tests.faults.inputs.table`
from what the tests see. Nothing of a refused input is used; of a drop from which rows go to quarantine, the other rows
are. The files are in `tests/faults/inputs/files/`.
"""
ENTRIES: Final = {
    Entry.TRIGGER: "Triggers, put into the data bucket: the run is `Refused`, a metric and a notice tell",
    Entry.PRODUCTS: "Drops of products: Prepare of the inference pipeline",
    Entry.LABELS: "Drops of labels: Prepare of the training pipeline",
    Entry.DAMAGE: "Drops of evidence on damage: Prepare of the training pipeline",
    Entry.LOAD: "Results of a run: Load, one transaction; tables and audit stay as they were",
    Entry.MODEL: "Archives of approved models: Bundle, before anything is scored",
    Entry.OWN: "Files of your own: `rightpack load products`, `rightpack load labels`",
}


def recorded() -> dict[str, dict[str, str]]:
    """What the tests saw: message and whereabouts, by name."""
    return dict(json.loads(RECORD.read_text())) if RECORD.exists() else {}


def page() -> str:
    """The table as Markdown."""
    seen, number, parts = recorded(), 0, [HEAD]
    for entry, heading in ENTRIES.items():
        parts += [f"\n## {heading}\n", "| | what is wrong | what is said | where it went |", "|--:|---|---|---|"]
        for bad in (b for b in TABLE if b.entry is entry):
            number += 1
            told = seen.get(bad.name, {"says": "", "went": ""})
            parts.append(f"| {number} | {bad.wrong} | {_cell(told['says'])} | {_cell(told['went'])} |")
    return "\n".join(parts) + "\n"


def _cell(text: str) -> str:
    short = text if len(text) <= 400 else f"{text[:400]}…"
    return short.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def stale() -> list[str]:
    """Names of inputs whose files are not what the generator makes, and of a page that does not show the record."""
    names = [bad.name for bad in TABLE if bad.files() != bad.make()]
    names += sorted({p.name for p in FILES.iterdir()} - {bad.name for bad in TABLE})
    return names + ([PAGE.name] if not PAGE.exists() or PAGE.read_text() != page() else [])


def write() -> None:
    """Write all files and the page."""
    shutil.rmtree(FILES, ignore_errors=True)
    for bad in TABLE:
        for name, body in bad.make().items():
            path = FILES / bad.name / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
    PAGE.write_text(page())


def main(arguments: list[str]) -> int:
    """Write, or with `--check` only look."""
    if "--check" not in arguments:
        write()
        return 0
    found = stale()
    for name in found:
        print(f"stale: {name}")  # noqa: T201 - a command
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
