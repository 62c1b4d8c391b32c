"""`rightpack promote`: an approved model of one stage for the next."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Annotated

import typer

from rightpack.cli import output
from rightpack.cli.config import StageName
from rightpack.cli.hands import Why
from rightpack.cli.stage import Stage
from rightpack.hands import Reason
from rightpack.promotion import DIGEST, Promotion


def promote(
    model: Annotated[str, typer.Argument(help="Package type, e.g. carton, for what serves; or carton/3.")],
    to: Annotated[str, typer.Option("--to", help="The next stage; run this with credentials of its account.")],
    why: Why,
    stage: StageName = "dev",
    account: Annotated[str, typer.Option(help="Account of --stage, if it is another one.")] = "",
) -> None:
    """Copy an approved model of --stage to the stage --to and approve it there; the files stay the same."""
    connected = Stage.connect(to)
    source = replace(connected.layout, stage=stage, account=account or connected.layout.account)
    promotion = Promotion(
        source, connected.layout, connected.client("sagemaker"), connected.client("s3"), connected.ledger
    )
    who = connected.client("sts").get_caller_identity()["Arn"]
    promoted = promotion.promote(model, Reason(who, why, dt.datetime.now(dt.UTC)))
    digest = promoted.metadata[DIGEST][:12]
    output.console.print(f"{model} of {stage} is {promoted.group}, version {promoted.version} (sha256 {digest}...).")
