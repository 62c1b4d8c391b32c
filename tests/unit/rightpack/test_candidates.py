"""Candidates: named after what they are made of, made once, and standing against others only."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rightpack.candidates import NOBODY, Candidate, Candidates
from rightpack.layout import Layout

LAYOUT = Layout("dev", "123456789012", "us-east-1")
GROUP = "rightpack-dev-carton"
CANDIDATE = Candidate("image:1", "s3://b/a/model.tar.gz", "arn:aws:iam::123456789012:role/rightpack-dev-job")
NOON = dt.datetime(2026, 9, 13, 12, tzinfo=dt.UTC)


class Exceptions:
    ClientError = ClientError


@dataclass
class Service:
    """As much of SageMaker as candidates need; `packages` are model data, status and metadata, oldest first."""

    packages: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    models: dict[str, Any] = field(default_factory=dict)
    refuses: str = ""
    exceptions = Exceptions

    def create_model(self, **request: Any) -> None:
        if self.refuses or request["ModelName"] in self.models:
            raise ClientError({"Error": {"Code": self.refuses or "ValidationException"}}, "CreateModel")
        self.models[request["ModelName"]] = request

    def describe_model(self, *, ModelName: str) -> Any:  # the service's name
        if ModelName not in self.models:
            raise ClientError({"Error": {"Code": "ValidationException"}}, "DescribeModel")
        return self.models[ModelName]

    def get_paginator(self, _name: str) -> Service:
        return self

    def paginate(self, **query: Any) -> list[Any]:
        wanted = query.get("ModelApprovalStatus")
        found = [i for i, (_, status, _) in enumerate(self.packages) if wanted in (None, status)]
        return [
            {"ModelPackageSummaryList": [{"ModelPackageArn": str(i), "ModelPackageStatus": "Completed"} for i in found]}
        ]

    def describe_model_package(self, *, ModelPackageName: str) -> Any:  # the service's name
        data, status, metadata = self.packages[int(ModelPackageName)]
        return {
            "ModelPackageArn": ModelPackageName,
            "ModelPackageGroupName": GROUP,
            "ModelPackageVersion": int(ModelPackageName),
            "ModelApprovalStatus": status,
            "CreationTime": NOON + dt.timedelta(hours=int(ModelPackageName)),
            "InferenceSpecification": {"Containers": [{"Image": "image:1", "ModelDataUrl": data}]},
            "CustomerMetadataProperties": metadata,
        }


def candidates(service: Service) -> Candidates:
    return Candidates(service, LAYOUT)  # type: ignore[arg-type]  # as much of it as is needed


def test_a_model_is_made_once_however_often_it_is_asked_for() -> None:
    service = Service()
    names = {candidates(service).create(CANDIDATE) for _ in range(3)}
    assert names == set(service.models)
    (model,) = service.models.values()
    assert model["PrimaryContainer"] == {"Image": CANDIDATE.image, "ModelDataUrl": CANDIDATE.model_data}


@pytest.mark.parametrize("change", [{"image": "image:2"}, {"model_data": "s3://b/b/model.tar.gz"}, {"role": "r"}])
def test_whatever_it_is_made_of_makes_another_name(change: dict[str, str]) -> None:
    assert replace(CANDIDATE, **change).name(LAYOUT) != CANDIDATE.name(LAYOUT)
    assert len(CANDIDATE.name(LAYOUT)) <= 63


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_a_refusal_that_does_not_mean_that_it_is_there_is_raised(code: str) -> None:
    with pytest.raises(ClientError, match=code):
        candidates(Service(refuses=code)).create(CANDIDATE)


def test_a_candidate_does_not_stand_against_itself() -> None:
    mine = (CANDIDATE.model_data, "Approved", dict[str, str]())
    other = ("s3://b/other/model.tar.gz", "Approved", dict[str, str]())
    assert candidates(Service([mine])).standing(CANDIDATE, GROUP) == NOBODY
    assert candidates(Service([other, mine])).standing(CANDIDATE, GROUP) == "0"


def test_what_a_person_changes_changes_the_standing() -> None:
    other = "s3://b/other/model.tar.gz"
    at = NOON.isoformat()
    by_hand = {"changed-at": at}
    assert candidates(Service([(other, "Rejected", by_hand)])).standing(CANDIDATE, GROUP) == f"{NOBODY}@{at}"
