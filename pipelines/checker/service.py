"""The service's own model (botocore's) of what a step's arguments and results look like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import botocore.session
from botocore.model import ServiceModel, Shape

from rightpack.errors import InternalError


class Kind(StrEnum):
    """What a scalar is, for deciding whether a reference fits an argument."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True)
class Operation:
    """The calls behind a step type; the service fills in the member `named` (a job or model name) itself."""

    create: str
    describe: str
    named: str = ""
    lists: str = ""  # a call whose result is a property as well


OPERATIONS: Final[Mapping[str, Operation]] = {
    "Processing": Operation("CreateProcessingJob", "DescribeProcessingJob", "ProcessingJobName"),
    "Training": Operation("CreateTrainingJob", "DescribeTrainingJob", "TrainingJobName"),
    "Transform": Operation("CreateTransformJob", "DescribeTransformJob", "TransformJobName"),
    "Tuning": Operation(
        "CreateHyperParameterTuningJob",
        "DescribeHyperParameterTuningJob",
        "HyperParameterTuningJobName",
        "ListTrainingJobsForHyperParameterTuningJob",  # the trials, best first
    ),
    "Model": Operation("CreateModel", "DescribeModel", "ModelName"),
    "RegisterModel": Operation("CreateModelPackage", "DescribeModelPackage"),
}
FREE_TYPES: Final = ("Condition", "Lambda", "Callback", "Fail")  # their arguments have no shape
ANSWERED: Final = ("Lambda", "Callback")  # their properties are the outputs that they declare
SHAPE_KINDS: Final[Mapping[str, Kind]] = {
    "string": Kind.STRING,
    "timestamp": Kind.STRING,
    "integer": Kind.INTEGER,
    "long": Kind.INTEGER,
    "float": Kind.FLOAT,
    "double": Kind.FLOAT,
    "boolean": Kind.BOOLEAN,
}
VARIABLE_KINDS: Final[Mapping[str, Kind]] = {
    "String": Kind.STRING,
    "Integer": Kind.INTEGER,
    "Float": Kind.FLOAT,
    "Boolean": Kind.BOOLEAN,
}

# Patterns are Java's. Its character classes are narrowed to ASCII, which is all that we use.
JAVA_CLASSES: Final = {r"\p{L}": "a-zA-Z", r"\p{N}": "0-9", r"\p{Z}": " ", r"\p{Alnum}": "a-zA-Z0-9"}
JAVA_REPEATED_END: Final = re.compile(r"\$\{\d+,\d+\}$")


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def input_shape(step_type: str) -> Shape:
    """Shape of the arguments of a step type in `OPERATIONS`."""
    return _shape(_model().operation_model(OPERATIONS[step_type].create).input_shape)


def output_shape(step_type: str, member: str) -> Shape:
    """Shape that a reference to `member` of a step of this type is resolved in."""
    operation = OPERATIONS[step_type]
    described = _shape(_model().operation_model(operation.describe).output_shape)
    if operation.lists and member not in getattr(described, "members", {}):
        return _shape(_model().operation_model(operation.lists).output_shape)
    return described


def _shape(shape: Shape | None) -> Shape:
    if shape is None:
        raise InternalError("botocore's SageMaker model lacks a shape that the checker needs; update botocore.")
    return shape


@cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The service's pattern for Python, or None for the few that use Java classes without a counterpart."""
    for java, python in JAVA_CLASSES.items():
        pattern = pattern.replace(java, python)
    try:
        return re.compile(JAVA_REPEATED_END.sub("", pattern), re.DOTALL)
    except re.error:
        return None


def fits(kind: Kind, wanted: Kind) -> bool:
    """Whether a value of `kind` may stand where `wanted` is asked for; an integer may for a float."""
    return kind is wanted or (kind is Kind.INTEGER and wanted is Kind.FLOAT)


def kind_of_literal(value: object) -> Kind | None:
    """Kind of a JSON scalar; None for null, objects and lists."""
    for python, kind in ((bool, Kind.BOOLEAN), (str, Kind.STRING), (int, Kind.INTEGER), (float, Kind.FLOAT)):
        if isinstance(value, python):
            return kind
    return None
