"""A step of the training pipeline → make the model of a candidate, and say whom it challenges."""

from __future__ import annotations

from functools import cache
from typing import Any

from lambdas import environment
from rightpack.candidates import Candidate, Candidates


@cache
def candidates() -> Candidates:
    """The candidates of this environment."""
    return Candidates(environment.client("sagemaker"), environment.layout())


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer the name of the model, and the standing of its group: whom it challenges."""
    candidate = Candidate(event["image"], event["model_data"], event["role"])
    return {
        "model_name": candidates().create(candidate),
        "standing": candidates().standing(candidate, event["group"]),
    }
