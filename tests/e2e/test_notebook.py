"""The notebook of the docs runs from its first cell to its last, as it is committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "experiments.ipynb"
CELL_SECONDS = 300


def test_it_is_committed_without_outputs() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells)


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=CELL_SECONDS, resources={"metadata": {"path": str(folder)}})
    return client.execute(), folder


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_every_cell_runs_and_shows_something_but_the_first(executed: tuple[Any, Path]) -> None:
    cells = [cell for cell in executed[0].cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in cells[1:])
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)


def test_it_leaves_two_records_a_page_with_plots_and_repeated_steps(executed: tuple[Any, Path]) -> None:
    out = executed[1] / "out"
    assert {path.name for path in (out / "experiments").iterdir()} >= {"base", "mine"}
    assert "<svg" in (out / "compare" / "base-mine.html").read_text()
    assert {path.name for path in (out / "steps").glob("*/*")} == {"Evaluate", "ScoreValidation"}
