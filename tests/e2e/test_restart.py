"""`rightpack up --state`: stopped by Ctrl-C, killed, and each time started again where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rightpack.cli import facts, upload, weeks
from rightpack.cli.stage import Stage
from rightpack.cli.waiting import await_runs, request_drops
from rightpack.ledger import Run, RunState
from tests.e2e.conftest import DATE, LENIENT
from tests.e2e.test_cycle import ended
from tests.e2e.test_hands import say
from tests.e2e.waiting import TIMEOUT, until

PRODUCTS = 1_500
LAST_LINE = "export SSL_CERT_FILE="


class Up:
    """A `rightpack up` in a session of its own, and the stage as its environment gives it."""

    def __init__(self, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        program = [sys.executable, "-c", "from rightpack.cli.main import app; app()", "up", "--port", "0"]
        words = state.with_suffix(".txt")
        with words.open("a") as errors:
            self.process = subprocess.Popen(
                [*program, "--state", str(state)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        for line in iter(self._stdout.readline, ""):
            name, _, value = line.removeprefix("export ").strip().partition("=")
            monkeypatch.setenv(name, value)
            if line.startswith(LAST_LINE):
                break
        assert self.process.poll() is None, words.read_text()
        self.stage = Stage.connect("dev", LENIENT)

    @property
    def _stdout(self) -> Any:
        return self.process.stdout

    def end(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)
        self.process.wait(60)

    def keep(self) -> None:
        """Wait until everything that has happened so far is kept."""
        point = self._state()["changes"]
        until(lambda: (found := self._state())["changes"] - found["unsaved"] >= point)

    def _state(self) -> dict[str, int]:
        with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/_local/state") as answer:
            return dict(json.load(answer))


@contextmanager
def running(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    up = Up(state, monkeypatch)
    try:
        yield up
    finally:
        if up.process.poll() is None:
            up.end(signal.SIGKILL)
        up.process.stdout.close()  # type: ignore[union-attr]


def drop(stage: Stage, pipeline: str, mode: str, **event: Any) -> Run:
    drops = request_drops(stage, {"pipeline": pipeline, "mode": mode, "business_date": DATE, **event})
    run = await_runs(stage, drops, timeout=TIMEOUT)[0]
    return until(lambda: next((told for told in [stage.ledger.get(run.run_id)] if not told.queue), None))  # type: ignore[no-any-return]


def fill(stage: Stage, folder: Path) -> None:
    shop = weeks.catalogue(stage.settings, seed=7, products=PRODUCTS)
    weeks.load_week(stage, weeks.write_week(shop, 0, folder, stage.settings))


def predictions(stage: Stage) -> list[dict[str, Any]]:
    return list(stage.data_api.rows(f"SELECT * FROM {stage.schema}.packaging_predictions ORDER BY 1, 2"))


def test_a_restart_or_a_kill_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state"
    with running(state, monkeypatch) as first:
        upload.migrate(first.stage)
        fill(first.stage, tmp_path / "week")
        trained = drop(first.stage, "training", "weekly", package_types=["carton"])
        assert trained.state is RunState.COMPLETED, trained.reason
        models = facts.models(first.stage)
        first.end(signal.SIGINT)

    with running(state, monkeypatch) as second:
        assert second.stage.ledger.get(trained.run_id) == trained
        assert facts.models(second.stage) == models
        assert trained.run_id in say("runs", trained.run_id, "--json", "-")
        say("compare", trained.run_id, trained.run_id, "--page", str(tmp_path / "page"), "--json", "-")
        scored = drop(second.stage, "inference", "monthly")
        assert scored.state is RunState.COMPLETED, scored.reason
        loaded = predictions(second.stage)
        assert loaded
        other = request_drops(
            second.stage, {"pipeline": "training", "mode": "weekly", "business_date": DATE, "package_types": ["none"]}
        )
        cut = until(lambda: next((run for run in open_runs(second.stage) if run.execution_arn), None))
        assert other
        second.keep()
        second.end(signal.SIGKILL)

    with running(state, monkeypatch) as third:
        assert third.stage.ledger.get(scored.run_id) == scored
        assert predictions(third.stage) == loaded
        lost = ended(third.stage, cut.run_id)
        assert lost.state is RunState.FAILED
        assert "restarted while this was running" in lost.reason
        third.end(signal.SIGINT)


def open_runs(stage: Stage) -> list[Run]:
    return [run for run in stage.ledger.history("training") if run.open]
