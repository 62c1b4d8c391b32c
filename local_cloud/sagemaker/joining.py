"""DataProcessing of a batch transform: filters on records, and each answer beside the record it belongs to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from local_cloud.sagemaker.batches import Batching
from local_cloud.sagemaker.errors import JobFailedError, invalid
from local_cloud.sagemaker.json_path import JsonPath
from local_cloud.wire import Json

_CSV = frozenset({"text/csv"})
_JSON = frozenset({"application/json", "application/jsonlines"})
_LARGEST_FIELD = 100 * 1024 * 1024  # no payload is larger; Python's own limit is 128 kB
_OUTPUT, _INPUT = "SageMakerOutput", "SageMakerInput"


@dataclass(frozen=True, slots=True)
class Joining:
    """How the records of one transform are filtered before and joined and filtered after the model."""

    csv: bool
    join: bool
    input_filter: JsonPath
    output_filter: JsonPath

    @classmethod
    def of(cls, request: Json) -> Joining | None:
        """Read DataProcessing of a CreateTransformJob request; None when it changes nothing.

        Raises `ValidationException` for a path that cannot be read or formats that do not go together.
        """
        asked = request.get("DataProcessing", {})
        paths = {name: JsonPath(asked.get(name, "$"), f"DataProcessing.{name}") for name in _FILTERS}
        join = asked.get("JoinSource", "None") == "Input"
        if not join and all(path.whole for path in paths.values()):
            return None
        csv.field_size_limit(_LARGEST_FIELD)
        return cls(_is_csv(request), join, paths["InputFilter"], paths["OutputFilter"])

    def transform(self, name: str, body: bytes, batching: Batching, ask: Callable[[bytes], bytes]) -> bytes:
        """Send the filtered records of one object through `ask` and answer the object's whole output."""
        records = [self._parsed(name, text) for text in batching.records(body)]
        sent = [self._written(self.input_filter.select(record)) for record in records]
        answers: list[Any] = []
        for payload in batching.payloads(name, b"".join(sent)):
            answers += self._answers(name, payload, ask(payload), batching)
        joined = [self._joined(record, answer) for record, answer in zip(records, answers, strict=True)]
        whole = [self._written(self.output_filter.select(record)) for record in joined]
        return b"".join(whole) if batching.newline else b"".join(line.removesuffix(b"\n") for line in whole)

    def _answers(self, name: str, payload: bytes, answer: bytes, batching: Batching) -> Sequence[Any]:
        """Records of one answer; there must be as many as were sent."""
        wanted = len(list(batching.records(payload)))
        lines = [answer] if wanted == 1 else [line for line in answer.split(b"\n") if line.strip()]
        if len(lines) != wanted:
            raise JobFailedError(
                f"ClientError: {name}: the model answered {len(lines)} records to {wanted}, so they cannot be told "
                "apart; answer one line for each record, or set BatchStrategy to SingleRecord."
            )
        return [self._parsed(f"the answer to {name}", line) for line in lines]

    def _joined(self, record: Any, answer: Any) -> Any:
        if not self.join:
            return answer
        if self.csv:
            return [*record, *answer]
        kept = record if isinstance(record, dict) else {_INPUT: record}
        return {**kept, _OUTPUT: answer}

    def _parsed(self, name: str, text: bytes) -> Any:
        try:
            line = text.decode("utf-8").strip("\r\n")
            return next(csv.reader([line]), []) if self.csv else json.loads(line)
        except (ValueError, csv.Error) as problem:
            kind = "CSV" if self.csv else "JSON"
            raise JobFailedError(f"ClientError: a record of {name} is not {kind}: {problem}") from problem

    def _written(self, record: Any) -> bytes:
        if not self.csv:
            return json.dumps(record, ensure_ascii=False).encode() + b"\n"
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(record if isinstance(record, list) else [record])
        return line.getvalue().encode()


_FILTERS = ("InputFilter", "OutputFilter")


def _is_csv(request: Json) -> bool:
    """Whether records are CSV rows; raises `ValidationException` when they are neither that nor JSON."""
    source, target = request["TransformInput"], request["TransformOutput"]
    content, accept = source.get("ContentType", ""), target.get("Accept", "")
    problems = [*_format_problems(content, accept), *_line_problems(source, target, content)]
    if problems:
        raise invalid(f"DataProcessing: {problems[0]}")
    return content in _CSV


def _format_problems(content: str, accept: str) -> Iterator[str]:
    if not any({content, accept} <= family for family in (_CSV, _JSON)):
        yield (
            "TransformInput.ContentType and TransformOutput.Accept must both be text/csv or both be JSON "
            f"(application/json, application/jsonlines), but they are {content!r} and {accept!r}."
        )


def _line_problems(source: Json, target: Json, content: str) -> Iterator[str]:
    split, assemble = source.get("SplitType", "None"), target.get("AssembleWith", "None")
    if content in _CSV and split != "Line":
        yield "TransformInput.SplitType must be Line for text/csv."
    if split == "Line" and assemble != "Line":
        yield "TransformOutput.AssembleWith must be Line when SplitType is Line."
