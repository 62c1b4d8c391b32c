"""Six steps in a row, each a process that imports pyarrow, pandas and lightgbm: the embedded cloud against its peers.

Every tool runs the same work (`peers/work.py`) in the way its own documentation gives for one machine, from the command
to its end, in a venv of its own below `out/peers/` with pinned versions, without telemetry, and not for the first time.
The embedded cloud is up, as it is while somebody works with it; its command starts an execution by the API and waits.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.speed.peers import tools, work
from benchmarks.speed.peers.tools import FLOWS, TOOLS, NotRunError, Peer
from benchmarks.speed.ratios import WALL, Ratio, quotients, seconds
from rightpack.cli.embedded import embedded_cloud
from rightpack.cli.stage import Stage

OF_BARE: Final = 0.3
CODE: Final = "toy/code/work.py"
OURS, BARE = "embedded cloud", "bash script of six processes"
_IN, _OUT = "/opt/ml/processing/input", "/opt/ml/processing/output"


def measure(folder: Path, runs: int) -> list[Ratio]:
    """Ours over a bash script of six such processes, and over the fastest of the peers."""
    with toy_cloud() as toy:
        peers, missing = ready(folder)
        works: dict[str, Callable[[], None]] = {OURS: toy.run, BARE: partial(_bare, folder)}
        works |= {name: peer.run for name, peer in peers.items()}
        for first in (toy.run, partial(_bare, folder)):
            first()
        taken = in_turns(works, runs)
        answers = {OURS: toy.answer(), BARE: int((folder / "bare" / "answer").read_text())}
    answers |= {name: peer.answer() for name, peer in peers.items()}
    if len(set(answers.values())) > 1:
        raise ValueError(f"the tools have not done the same work: {answers}")
    over_bare = Ratio("six steps over six bare processes", quotients(taken[OURS], taken[BARE]), OF_BARE, at_least=False)
    return [over_bare, over_fastest("six steps over the fastest orchestrator", taken, missing)]


def over_fastest(name: str, taken: Mapping[str, Sequence[float]], missing: Mapping[str, str]) -> Ratio:
    """Ours over the peer with the least median; missed when a peer was not run."""
    medians = {one: round(statistics.median(times), 3) for one, times in taken.items()}
    figures: dict[str, Any] = {"seconds": medians, "not_run": dict(missing)}
    peers = {one: times for one, times in taken.items() if one not in (OURS, BARE)}
    if missing or not peers:
        why = f"not run: {', '.join(missing)}"
        return Ratio(name, (), 1.0, at_least=False, figures=figures, why=why)
    figures["fastest"] = min(peers, key=lambda one: medians[one])
    return Ratio(name, quotients(taken[OURS], peers[figures["fastest"]]), 1.0, at_least=False, figures=figures)


def ready(folder: Path) -> tuple[dict[str, Peer], dict[str, str]]:
    """The peers, each of which has run once, and why the others cannot."""
    peers, missing = dict[str, Peer](), dict[str, str]()
    for tool in TOOLS:
        try:
            peers[tool.name] = Peer(tool, folder / tool.name)
            peers[tool.name].run()
        except NotRunError as error:
            peers.pop(tool.name, None)
            missing[tool.name] = str(error)
    return peers, missing


def in_turns(works: Mapping[str, Callable[[], object]], runs: int) -> dict[str, list[float]]:
    """Seconds of each, measured in turns."""
    rounds = [{name: seconds(run, WALL) for name, run in works.items()} for _ in range(runs)]
    return {name: [taken[name] for taken in rounds] for name in works}


def _bare(folder: Path) -> None:
    state = folder / "bare"
    state.mkdir(parents=True, exist_ok=True)
    tools.said("bash", ["bash", "bare.sh", sys.executable, str(state)], dict(os.environ))


class Toy:
    """The toy pipeline in a stage of the embedded cloud, with and without step caching."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._bucket, sagemaker = stage.layout.artefact_bucket, stage.client("sagemaker")
        stage.client("s3").upload_file(str(FLOWS / "work.py"), self._bucket, CODE)
        role = f"arn:aws:iam::{stage.layout.account}:role/{stage.layout.named('pipeline')}"
        for name, cached in (("toy", False), ("toy-cached", True)):
            text = json.dumps(definition(self._bucket, cached=cached))
            sagemaker.create_pipeline(PipelineName=name, PipelineDefinition=text, RoleArn=role)

    def run(self) -> None:
        """Run all six steps."""
        self._start("toy")

    def answer(self) -> int:
        """The last step's number in the newest execution."""
        newest = self._stage.client("sagemaker").list_pipeline_executions(PipelineName="toy", MaxResults=1)
        execution = newest["PipelineExecutionSummaries"][0]["PipelineExecutionArn"].rpartition("/")[2]
        key = f"toy/{execution}/{work.STEPS[-1]}/number.json"
        return int(self._stage.client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read())

    def again(self) -> None:
        """Run the pipeline whose steps are cached; the first time fills the cache."""
        self._start("toy-cached")

    @staticmethod
    def _start(pipeline: str) -> None:
        tools.said(OURS, [sys.executable, "ours.py", pipeline], dict(os.environ))


@contextmanager
def toy_cloud() -> Iterator[Toy]:
    """An embedded cloud with the toy pipeline in it."""
    with embedded_cloud("dev"):
        yield Toy(Stage.connect("dev"))


def definition(bucket: str, *, cached: bool) -> dict[str, Any]:
    """The pipeline's JSON: six processing steps, each with the number of the one before as its input."""
    names = work.STEPS
    steps = [_step(name, before, bucket) for name, before in zip(names, ("", *names), strict=False)]
    cache = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}} if cached else {}
    return {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [step | cache for step in steps]}


def _step(name: str, before: str, bucket: str) -> dict[str, Any]:
    number = f"Steps.{before}.ProcessingOutputConfig.Outputs['number'].S3Output.S3Uri"
    inputs = [_input("code", f"s3://{bucket}/{CODE}")] + ([_input("before", {"Get": number})] if before else [])
    words = [name, f"{_IN}/before/number.json" if before else "-", f"{_OUT}/number/number.json"]
    uri = {"Std:Join": {"On": "/", "Values": [f"s3://{bucket}/toy", {"Get": "Execution.PipelineExecutionId"}, name]}}
    output = {"S3Uri": uri, "LocalPath": f"{_OUT}/number", "S3UploadMode": "EndOfJob"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
    arguments = {
        "AppSpecification": {
            "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/toy:1",
            "ContainerEntrypoint": ["python3", f"{_IN}/code/work.py"],
            "ContainerArguments": words,
        },
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "number", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": cluster},
    }
    return {"Name": name, "Type": "Processing", "Arguments": arguments}


def _input(name: str, uri: object) -> dict[str, Any]:
    source = {"S3Uri": uri, "LocalPath": f"{_IN}/{name}", "S3DataType": "S3Prefix", "S3InputMode": "File"}
    return {"InputName": name, "S3Input": source}
