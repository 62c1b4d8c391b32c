"""Who asks, when it is, and whether the stage is here at all: nothing else can be told before."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Iterator
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from rightpack.doctor.finding import Finding, Patient, broken, code_of, fine
from rightpack.layout import Stack, stack_name

MOST_SKEW: Final = dt.timedelta(minutes=5)  # beyond that AWS refuses signatures
EXPIRED: Final = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
SKEWED: Final = frozenset({"SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSignatureException"})


def credentials(patient: Patient) -> Iterator[Finding]:
    """Whether AWS knows us and our clock."""
    try:
        answer = patient.client("sts").get_caller_identity()
    except NoCredentialsError:
        yield broken("credentials", "none", "There are no AWS credentials.", "Sign in, e.g. `aws sso login`.")
        return
    except (ClientError, BotoCoreError) as error:
        yield _refused(error)
        return
    yield fine("credentials", answer["Arn"])
    yield from _clock(answer)


def _refused(error: Exception) -> Finding:
    code = code_of(error) if isinstance(error, ClientError) else type(error).__name__
    if code in EXPIRED:
        return broken("credentials", code, "The AWS credentials have expired.", "Sign in again, e.g. `aws sso login`.")
    if code in SKEWED:
        fix = "Set this machine's clock (NTP), or check the secret key."
        return broken("clock", code, "AWS refuses our signature: the clock is wrong, or the key.", fix)
    fix = "Check the profile, AWS_ENDPOINT_URL and the network."
    return broken("credentials", code, f"AWS does not know us: {error}", fix)


def _clock(answer: dict[str, Any]) -> Iterator[Finding]:
    told = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
    if not told:
        return
    skew = abs(dt.datetime.now(dt.UTC) - email.utils.parsedate_to_datetime(told).astimezone(dt.UTC))
    about = f"{int(skew.total_seconds())} s beside AWS's"
    if skew > MOST_SKEW:
        yield broken("clock", about, "This machine's clock is wrong.", "Set it (NTP) before signatures are refused.")
    else:
        yield fine("clock", about)


def region(patient: Patient) -> Iterator[Finding]:
    """Whether the stage's stacks are in this region, each in one piece."""
    cloudformation, layout = patient.client("cloudformation"), patient.layout
    absent = []
    for stack in Stack:
        name = stack_name(layout.stage, stack)
        try:
            status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        except cloudformation.exceptions.ClientError as error:
            if "does not exist" not in str(error):
                raise
            absent.append(stack)
            continue
        yield _stack(patient, stack, status)
    if len(absent) == len(Stack):
        yield _elsewhere(patient)
    else:
        yield from (_missing(patient, stack) for stack in absent)


def _stack(patient: Patient, stack: Stack, status: str) -> Finding:
    about = f"{patient.layout.named(stack.value)}: {status}"
    if status.endswith("_COMPLETE") and "ROLLBACK" not in status and "DELETE" not in status:
        return fine("stack", about)
    fix = f"Read its events in the CloudFormation console, then `{patient.stack_command(stack.value)}`."
    return broken("stack", about, "Its last deployment did not end well.", fix)


def _missing(patient: Patient, stack: Stack) -> Finding:
    name = patient.layout.named(stack.value)
    return broken("stack", name, "It is not deployed.", f"`{patient.stack_command(stack.value)}`.")


def _elsewhere(patient: Patient) -> Finding:
    """Bucket names end in the region that they were made for, and are listed from anywhere."""
    layout = patient.layout
    start = layout.named(f"data-{layout.account}-")
    names = [bucket["Name"] for bucket in patient.client("s3").list_buckets()["Buckets"]]
    regions = sorted(name.removeprefix(start) for name in names if name.startswith(start))
    about = f"{layout.stage} in {layout.region}"
    if regions and layout.region not in regions:
        cause = f"The stage is deployed in {', '.join(regions)}, and we look at {layout.region}."
        return broken("region", about, cause, f"AWS_REGION={regions[0]}, or --profile of that region.")
    return broken("region", about, "No stack of the stage is deployed here.", "Deploy it: see docs/operate.md.")
