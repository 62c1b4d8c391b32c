"""What a run is made of: published pipelines, model groups, the image, and machines that the account may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from rightpack.doctor.finding import Finding, Patient, broken, code_of, fine, warned
from rightpack.layout import PipelineKind
from rightpack.planned import PlannedJob, images, planned_jobs

ABSENT: Final = frozenset({"ResourceNotFound", "ResourceNotFoundException", "ValidationException"})
ECR_IMAGE: Final = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>[^@:]+)"
    r"(?:@(?P<digest>sha256:\w+)|:(?P<tag>[\w.-]+))?"
)
USAGES: Final = {"Processing": "processing job", "Training": "training job", "Transform": "transform job"}


def pipelines(patient: Patient) -> Iterator[Finding]:
    """Whether the pipelines are published and what they name exists."""
    found = definitions(patient)
    for kind in PipelineKind:
        name = patient.layout.pipeline(kind)
        if kind in found:
            yield fine("pipeline", name)
        else:
            yield broken("pipeline", name, "It is not published.", f"`{patient.stack_command('pipelines')}`.")
    yield from _groups(patient)
    for image in sorted({image for definition in found.values() for image in images(definition)}):
        yield _image(patient, image)


def definitions(patient: Patient) -> dict[PipelineKind, str]:
    """Definitions that are published."""
    sagemaker, found = patient.client("sagemaker"), {}
    for kind in PipelineKind:
        try:
            answer = sagemaker.describe_pipeline(PipelineName=patient.layout.pipeline(kind))
        except sagemaker.exceptions.ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            continue
        found[kind] = str(answer["PipelineDefinition"])
    return found


def _groups(patient: Patient) -> Iterator[Finding]:
    sagemaker = patient.client("sagemaker")
    for target in patient.settings.targets:
        name = patient.layout.model_group(target)
        try:
            sagemaker.describe_model_package_group(ModelPackageGroupName=name)
        except sagemaker.exceptions.ClientError as error:
            if code_of(error) not in ABSENT:
                raise
            cause = "The package type was added after the last deployment; its first training makes the group."
            yield warned("model group", name, cause, f"`{patient.stack_command('storage')}` makes it, with its policy.")


def _image(patient: Patient, image: str) -> Finding:
    match = ECR_IMAGE.fullmatch(image)
    if match is None:
        fix = "Push it to ECR and deploy the pipelines with `--parameters Image=<its URI>@<its digest>`."
        return warned("image", image, "It is no URI of ECR, and SageMaker pulls from nowhere else.", fix)
    if match["region"] != patient.layout.region:
        cause = f"It lies in {match['region']}, and jobs run in {patient.layout.region}."
        return broken("image", image, cause, "Replicate the repository, or push the image here as well.")
    wanted = {"imageDigest": match["digest"]} if match["digest"] else {"imageTag": match["tag"] or "latest"}
    ecr = patient.client("ecr")
    try:
        ecr.describe_images(registryId=match["account"], repositoryName=match["name"], imageIds=[wanted])
    except (ecr.exceptions.RepositoryNotFoundException, ecr.exceptions.ImageNotFoundException):
        fix = "Build and push it (see docs/operate.md), or deploy the pipelines with the URI of one that is there."
        return broken("image", image, "There is no such image in the registry.", fix)
    if not match["digest"]:
        fix = "Name it by digest: under a tag, the step cache can return what older code made."
        return warned("image", image, "It is named by tag.", fix)
    return fine("image", image)


def quotas(patient: Patient) -> Iterator[Finding]:
    """Whether the account may have the machines: none at all breaks runs, fewer than wanted makes them wait."""
    found = definitions(patient)
    if not found:
        return
    at_once = min(len(patient.settings.targets), patient.settings.launching.concurrent)
    limits = _limits(patient)
    for (kind, machine), (least, most) in sorted(_wanted(found, at_once).items()):
        name = f"{machine} for {USAGES[kind]} usage"
        yield _quota(name, limits.get(name), least, most)


def _wanted(found: Mapping[PipelineKind, str], trainings: int) -> dict[tuple[str, str], tuple[int, int]]:
    """By kind and type: machines of the largest job, and of all jobs of a kind that may run at the same time."""
    wanted: dict[tuple[str, str], tuple[int, int]] = {}
    for pipeline, definition in found.items():
        at_once = trainings if pipeline is PipelineKind.TRAINING else 1
        for job in planned_jobs(definition):
            least, most = wanted.get(_key(job), (0, 0))
            wanted[_key(job)] = (max(least, job.instances), max(most, job.instances * at_once))
    return wanted


def _key(job: PlannedJob) -> tuple[str, str]:
    return job.kind, job.instance_type


def _limits(patient: Patient) -> dict[str, float]:
    pages = patient.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="sagemaker")
    return {str(quota["QuotaName"]): float(quota["Value"]) for page in pages for quota in page["Quotas"]}


def _quota(name: str, limit: float | None, least: int, most: int) -> Finding:
    about, fix = name, f"Ask for {most} in Service Quotas, or set other types in [launching]."
    if limit is None:
        return warned("quota", about, "Service Quotas does not know it; is the type offered in this region?", fix)
    if limit < least:
        return broken("quota", about, f"It is {limit:g}, and one job takes {least}.", fix)
    if limit < most:
        return warned("quota", about, f"It is {limit:g}; {most} could run at once, so some will wait.", fix)
    return fine("quota", f"{name}: {limit:g} of {most}")
