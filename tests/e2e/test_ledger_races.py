"""Racing writers on the ledger, over HTTP as in an account: conditional writes have one winner."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from rightpack.cli.stage import Stage
from rightpack.ledger import Run, RunState, stamp
from tests.unit.rightpack.conftest import START

RUN = Run("race-2026-11-20-abc", "race", RunState.NEW, stamp(START), stamp(START), "s3://b/k", "v1")
WRITERS = 16


def test_racing_claims_agree_on_one_record(stage: Stage) -> None:
    ledger = stage.ledger
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda i: ledger.claim(replace(RUN, reason=f"writer {i}")).reason, range(WRITERS)))
    assert set(kept) == {ledger.get(RUN.run_id).reason}


def test_racing_finishers_have_one_winner_who_sends_the_notice(stage: Stage) -> None:
    ledger = stage.ledger
    ledger.claim(replace(RUN, run_id="race-finish"))
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: ledger.finish("race-finish", RunState.FAILED, now=START), range(WRITERS)))
    assert won.count(True) == 1
