"""Roles: there, trusted by the right service, and allowed what their work begins with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rightpack.doctor.finding import Finding, Patient, broken, fine
from rightpack.layout import Layout, PipelineKind


@dataclass(frozen=True, slots=True)
class Need:
    """Actions that a role must be allowed on a resource; `passed_to` is a service that gets another role."""

    role: str
    actions: tuple[str, ...]
    resource: str
    passed_to: str = ""


def needs(layout: Layout) -> list[Need]:
    """What every run begins with; the whole of what roles may do is in the template and tested there."""
    data, artefacts = f"arn:aws:s3:::{layout.data_bucket}", f"arn:aws:s3:::{layout.artefact_bucket}"
    own = f"{layout.region}:{layout.account}"
    sagemaker = f"arn:aws:sagemaker:{own}"
    job = f"arn:aws:iam::{layout.account}:role/{layout.named('job')}"
    drop = f"{data}/drops/training/2026-01-01/x/data/part_0000.parquet"
    return [
        *(
            Need("pipeline", (f"sagemaker:Create{kind}Job",), f"{sagemaker}:{kind.lower()}-job/pipelines-x")
            for kind in ("Processing", "Training", "Transform")
        ),
        Need("pipeline", ("sagemaker:CreateModelPackage",), f"{sagemaker}:model-package-group/{layout.named('x')}"),
        Need("pipeline", ("iam:PassRole",), job, "sagemaker.amazonaws.com"),
        Need("pipeline", ("s3:GetObject",), f"{artefacts}/runs/training/x/Evaluate/evaluation/evaluation.json"),
        Need("job", ("s3:GetObject",), drop),
        Need("job", ("s3:GetObject", "s3:PutObject"), f"{artefacts}/runs/training/x/Prepare/train/part.parquet"),
        Need("job", ("ecr:GetAuthorizationToken",), "*"),
        Need("job", ("redshift-data:BatchExecuteStatement",), f"arn:aws:redshift-serverless:{own}:workgroup/x"),
        Need("warehouse", ("s3:PutObject",), drop),
        Need("warehouse", ("s3:GetObject",), f"{artefacts}/runs/inference/x/Recommend/predictions/part.parquet"),
        Need(
            "start-pipeline",
            ("sagemaker:StartPipelineExecution",),
            f"{sagemaker}:pipeline/{layout.pipeline(PipelineKind.TRAINING)}",
        ),
        Need("start-pipeline", ("sqs:ReceiveMessage",), f"arn:aws:sqs:{own}:{layout.trigger_queue}"),
        Need("unload", ("redshift-data:ExecuteStatement",), f"arn:aws:redshift-serverless:{own}:workgroup/x"),
    ]


def roles(patient: Patient) -> Iterator[Finding]:
    """Ask IAM to simulate what every role does first."""
    iam, wanted = patient.client("iam"), needs(patient.layout)
    for role in dict.fromkeys(need.role for need in wanted):
        name = patient.layout.named(role)
        try:
            iam.get_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            stack = "warehouse" if role == "warehouse" else "platform"
            yield broken("role", name, "There is no such role.", f"`{patient.stack_command(stack)}`.")
            continue
        denied = [found for need in wanted if need.role == role for found in _denied(patient, need)]
        yield from denied or [fine("role", name)]


def _denied(patient: Patient, need: Need) -> Iterator[Finding]:
    name = patient.layout.named(need.role)
    context = []
    if need.passed_to:
        values = [need.passed_to]
        context = [{"ContextKeyName": "iam:PassedToService", "ContextKeyValues": values, "ContextKeyType": "string"}]
    answer = patient.client("iam").simulate_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{patient.layout.account}:role/{name}",
        ActionNames=list(need.actions),
        ResourceArns=[need.resource],
        ContextEntries=context,
    )
    for result in answer["EvaluationResults"]:
        if result["EvalDecision"] != "allowed":
            action = result["EvalActionName"]
            fix = (
                "Deploy the stacks again; if it stays, look for a boundary or an organisation's policy that denies it."
            )
            yield broken("role", name, f"It may not {action} on {need.resource} ({result['EvalDecision']}).", fix)
