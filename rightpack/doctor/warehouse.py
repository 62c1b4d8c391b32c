"""The way into Redshift: workgroup, role, tables."""

from __future__ import annotations

from collections.abc import Iterator

from rightpack.data_api import DataApi
from rightpack.doctor.finding import Finding, Patient, broken, fine
from rightpack.errors import RightpackError
from rightpack.transport import Target
from rightpack.warehouse import identifier, statements


def warehouse(patient: Patient) -> Iterator[Finding]:
    """From the outside in; the first thing that is wrong hides the rest."""
    serverless, name = patient.client("redshift-serverless"), patient.workgroup
    try:
        workgroup = serverless.get_workgroup(workgroupName=name)["workgroup"]
    except serverless.exceptions.ResourceNotFoundException:
        fix = f"`{patient.stack_command('warehouse')}`, or set warehouse.workgroup to one that is there."
        yield broken("workgroup", name, "There is no such workgroup.", fix)
        return
    if workgroup["status"] != "AVAILABLE":
        yield broken("workgroup", name, f"It is {workgroup['status']}.", "Wait; while it is modified it takes no COPY.")
        return
    yield fine("workgroup", name)
    yield _role(patient, workgroup["namespaceName"])
    yield _tables(patient)


def _role(patient: Patient, namespace: str) -> Finding:
    arn = patient.layout.warehouse_role_arn
    found = patient.client("redshift-serverless").get_namespace(namespaceName=namespace)["namespace"]
    if any(arn in role for role in found.get("iamRoles", [])):
        return fine("workgroup", f"namespace {namespace} has {arn}")
    fix = (
        f"`aws redshift-serverless update-namespace --namespace-name {namespace} --iam-roles {arn}`, beside the others."
    )
    return broken("workgroup", namespace, "It does not have the role that COPY and UNLOAD are run with.", fix)


def _tables(patient: Patient) -> Finding:
    schema = patient.settings.warehouse.schema
    target = Target.of(patient.settings.warehouse, patient.layout)
    query = statements("row_counts", schema=identifier(schema))[0]
    try:
        rows = DataApi(patient.client("redshift-data"), target).rows(query)
    except RightpackError as error:
        fix = f"`rightpack migrate --stage {patient.layout.stage}`, as somebody who may create tables."
        return broken("tables", schema, f"The tables cannot be read: {error}", fix)
    return fine("tables", f"{schema}, {int(rows[0]['products']):,} products")
