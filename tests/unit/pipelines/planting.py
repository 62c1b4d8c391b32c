"""Plant one error in a committed definition, and assert that the checker finds it at the step it was planted in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.checker import check
from tests.unit.pipelines.committed import Json, arguments, definition, steps

Plant = Callable[[Json], object]


@dataclass(frozen=True)
class Planted:
    name: str
    at: str  # how the problem's path begins
    says: str  # what its message contains
    plant: Plant
    pipeline: str = "training"


def job(step: str, **values: object) -> Plant:
    return lambda d: arguments(d, step).update(values)


def container(step: str, **values: object) -> Plant:
    return lambda d: arguments(d, step)["AppSpecification"].update(values)


def cluster(step: str, **values: object) -> Plant:
    return lambda d: arguments(d, step)["ProcessingResources"]["ClusterConfig"].update(values)


def environment(step: str, **values: object) -> Plant:
    return lambda d: arguments(d, step)["Environment"].update(values)


def envelope(step: str, **values: object) -> Plant:
    return lambda d: steps(d)[step].update(values)


def retry(step: str, index: int, **values: object) -> Plant:
    return lambda d: steps(d)[step]["RetryPolicies"][index].update(values)


def condition(**values: object) -> Plant:
    return lambda d: arguments(d, "Verdict")["Conditions"][0].update(values)


def source(step: str, index: int, uri: object) -> Plant:
    return lambda d: arguments(d, step)["ProcessingInputs"][index]["S3Input"].update(S3Uri=uri)


def without(path: str) -> Plant:
    *parents, last = path.split(".")

    def plant(document: Json) -> None:
        node = steps(document)[parents[0]]
        for key in parents[1:]:
            node = node[key]
        del node[last]

    return plant


def parameter(**values: object) -> Plant:
    return lambda d: d["Parameters"].append(values)


def output(step: str, **values: object) -> Plant:
    return lambda d: arguments(d, step)["ProcessingOutputConfig"]["Outputs"][0].update(values)


def many_inputs(document: Json) -> None:
    inputs = arguments(document, "Evaluate")["ProcessingInputs"]
    one = inputs[0]["S3Input"]
    for number in range(10):
        inputs.append(
            {"InputName": f"more{number}", "S3Input": {**one, "LocalPath": f"/opt/ml/processing/input/{number}"}}
        )


def joined(*values: object) -> Json:
    return {"Std:Join": {"On": "/", "Values": list(values)}}


def assert_found(planted: Planted) -> None:
    document = definition(planted.pipeline)
    planted.plant(document)
    problems = check(document)
    found = [p for p in problems if p.path.startswith(planted.at) and planted.says in p.message]
    assert found, [str(problem) for problem in problems]
