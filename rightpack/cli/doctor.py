"""`rightpack doctor`: what a stage lacks before its first run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import boto3
import typer
from botocore.exceptions import BotoCoreError, ClientError

from rightpack.cli import output
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import DEFAULT_REGION
from rightpack.deployment import deployment_of
from rightpack.doctor.examination import examine
from rightpack.doctor.finding import Finding, Patient, Status
from rightpack.layout import Layout
from rightpack.settings import Settings

NOBODY = "000000000000"
COLOURS = {Status.OK: "green", Status.WARNING: "yellow", Status.BROKEN: "red", Status.UNKNOWN: "magenta"}


def doctor(stage: StageName = "dev", json: Json = "") -> None:
    """Check credentials, region, stacks, roles, quotas, image, warehouse and notices; name each cause and its fix."""
    found = examine(patient_of(stage))
    if json != "-":
        _show(found)
    if json:
        output.write_json([asdict(finding) for finding in found], json)
    raise typer.Exit(1 if any(finding.status is Status.BROKEN for finding in found) else 0)


def patient_of(stage: str) -> Patient:
    """The stage wherever the profile or `AWS_ENDPOINT_URL` points; an unknown account is left to the first check."""
    session = boto3.Session()
    session = boto3.Session(region_name=session.region_name or DEFAULT_REGION)
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (ClientError, BotoCoreError):
        account = NOBODY
    layout = Layout(stage, account, session.region_name)

    def client(service: str) -> Any:
        return session.client(service)  # type: ignore[call-overload]

    return Patient(layout, Settings.load(stage), deployment_of(stage), client)


def _show(found: list[Finding]) -> None:
    for finding in found:
        colour = COLOURS[finding.status]
        output.console.print(f"[{colour}]{finding.status.value:>8}[/] {finding.check}: {finding.about}", markup=True)
        if finding.cause:
            output.console.print(f"         {finding.cause}\n         [bold]{finding.fix}[/]")
    counts = {status.value: sum(f.status is status for f in found) for status in Status}
    output.console.print(", ".join(f"{count} {name}" for name, count in counts.items() if count))
