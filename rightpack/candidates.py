"""Candidates: the model that a training ended in, under a name that follows from what it is made of.

The step cache compares what a transform and an evaluation are given. A model with a new name in every execution would
make both run again; one that is named after its image and artefact has them hit, as long as nobody else has been
approved, and no person has changed anything, in the meantime.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rightpack.layout import Layout
from rightpack.registry import Registry

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

NOBODY: Final = "none"  # where nothing is approved yet
DIGITS: Final = 24


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a model is made of: image, artefact, and the role that its containers act in."""

    image: str
    model_data: str
    role: str

    def name(self, layout: Layout) -> str:
        """Name of the model; equal parts give an equal name."""
        parts = "\n".join((self.image, self.model_data, self.role))
        return layout.named(f"candidate-{hashlib.sha256(parts.encode()).hexdigest()[:DIGITS]}")


class Candidates:
    """Makes models of candidates, and knows whom they challenge."""

    def __init__(self, client: SageMakerClient, layout: Layout) -> None:
        self._client = client
        self._layout = layout

    def create(self, candidate: Candidate) -> str:
        """Make the model unless it is there; answer its name."""
        name = candidate.name(self._layout)
        container = {"Image": candidate.image, "ModelDataUrl": candidate.model_data}
        try:
            self._client.create_model(
                ModelName=name,
                ExecutionRoleArn=candidate.role,
                PrimaryContainer=container,  # type: ignore[arg-type]  # a plain dictionary
            )
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException" or not self._exists(name):
                raise
        return name

    def standing(self, candidate: Candidate, group: str) -> str:
        """What a verdict on a candidate rests on: who else is approved, and when people last changed anything."""
        registry = Registry(self._client)
        champion = registry.champion(group, other_than=candidate.model_data)
        changed = max((p.changed_at for p in registry.versions(group) if p.changed_at), default=None)
        moment = f"@{changed.isoformat()}" if changed else ""
        return (NOBODY if champion is None else champion.arn) + moment

    def _exists(self, name: str) -> bool:
        try:
            self._client.describe_model(ModelName=name)
        except self._client.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":
                raise
            return False
        return True
