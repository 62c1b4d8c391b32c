"""What reports say of rows that could not be used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def quarantine_lines(said: Mapping[str, Any] | None) -> list[str]:
    """Sentences for people; none where all rows were used. `said` is what the profile of Prepare holds."""
    lines = []
    if said and said["rows"]:
        worst = max(said["reasons"], key=lambda reason: int(reason["rows"]))
        lines.append(
            f"{said['rows']:,} of the {said['of']:,} rows of the drop could not be used, most often because "
            f"{worst['column']} {worst['reason']} ({worst['rows']:,}). Mend them and drop them again: {said['file']}"
        )
    for column, rows in (said or {}).get("nan_as_missing", {}).items():
        lines.append(f"{column} is NaN in {rows:,} rows of the drop; that was taken for missing.")
    return lines
