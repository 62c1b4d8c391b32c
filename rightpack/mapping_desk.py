"""Between two layers: a callback step asks for a revised mapping; the rule answers at once, or a person later.

A revised mapping lies under its own digest, so equal mappings are equal inputs of the next layer, whose step then comes
from the cache. A held one waits as `runs/topics/held/<token>.json` until `rightpack mapping accept`.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Self

from rightpack.errors import ConflictError, DataError, PlatformError, RightpackError, SettingsError
from rightpack.layout import split_uri
from rightpack.mapping import FILE, TopicMapping
from rightpack.revision import Rule, revise

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

MAPPINGS: Final = "runs/topics/mappings/"
HELD: Final = "runs/topics/held/"
OUTPUT: Final = "mapping"  # name of the callback step's output parameter
TOKEN: Final = re.compile(r"[a-zA-Z0-9]{10}")
LONGEST_REASON: Final = 256
LARGEST_MAPPING: Final = 64 * 1024**2
MISSING: Final = frozenset({"NoSuchKey", "NoSuchBucket", "404"})
TOO_LATE: Final = frozenset({"ValidationException", "ResourceNotFound", "ConflictException"})
EXISTS: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})


class Mode(StrEnum):
    """Who revises: the rule, or a person who gets the rule's draft."""

    RULE = "rule"
    HELD = "held"


class Outcome(StrEnum):
    """What became of a message."""

    ANSWERED = "answered"
    HELD = "held"
    FAILED = "failed"
    LATE = "late"  # the step no longer waits: answered before, stopped or over
    KNOWN = "known"  # a held mapping whose message came again


class State(StrEnum):
    """Of a held mapping."""

    OPEN = "open"
    ACCEPTED = "accepted"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Asked:
    """A message of a callback step: `mapping` is the URI of a mapping, or of a model artefact that holds one."""

    token: str
    execution: str
    stopping: bool
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, body: str) -> Self:
        """Read the body; DataError if it is not of a callback step, so that nobody can be answered."""
        try:
            raw = json.loads(body)
            token, execution = str(raw["token"]), str(raw["pipelineExecutionArn"])
            arguments = dict(raw.get("arguments") or {})
            stopping = str(raw.get("status", "")) == "Stopping"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"The message is not one of a callback step: {error!r}") from error
        if not TOKEN.fullmatch(token):
            raise DataError(f"The message has token {token[:20]!r}, which is no callback token.")
        return cls(token, execution, stopping, arguments)

    @property
    def mode(self) -> Mode:
        """Who revises; SettingsError if neither."""
        given = str(self.arguments.get("mode", Mode.RULE))
        if given not in set(Mode):
            raise SettingsError(f"mode {given!r} of the callback step is not known; there are {', '.join(Mode)}.")
        return Mode(given)

    def text(self, name: str) -> str:
        """An argument that must be there; DataError if not."""
        value = str(self.arguments.get(name, ""))
        if not value:
            raise DataError(f"The callback step gives no argument {name!r}; the pipeline definition must.")
        return value


@dataclass(frozen=True, slots=True)
class Held:
    """A mapping that waits for a person: the token to answer with, and where the draft lies."""

    token: str
    execution: str
    layer: int
    mapping: str
    state: State = State.OPEN


@dataclass(frozen=True, slots=True)
class Desk:
    """Revises, keeps and hands out mappings of one stage; `bucket` is that of artefacts.

    `tell` has people told about a mapping that waits for them: at least once, since it comes before the mapping is
    kept, and a message that comes again finds it kept.
    """

    s3: S3Client
    sagemaker: SageMakerClient
    bucket: str
    tell: Callable[[Held], None] = lambda _: None

    def handle(self, asked: Asked) -> Outcome:
        """Do what a message asks for; what is wrong for good ends the step with its reason.

        Raises:
            RightpackError: transient, so the message must come again.
        """
        if asked.stopping:
            return self._stop(asked)
        try:
            revised = self._revised(asked)
            if asked.mode is Mode.HELD:
                return self._hold(asked, revised)
        except RightpackError as error:
            if error.transient:
                raise
            return self.fail(asked.token, str(error))
        return self.answer(asked.token, self.store(revised))

    def answer(self, token: str, uri: str) -> Outcome:
        """Tell the pipeline where the mapping lies; LATE if it no longer waits. The same answer twice is one."""
        parameters = [{"Name": OUTPUT, "Value": uri}]
        return self._send("success", token, uri, OutputParameters=parameters)

    def fail(self, token: str, reason: str) -> Outcome:
        """End the step as failed."""
        sent = self._send("failure", token, reason, FailureReason=reason[:LONGEST_REASON])
        return Outcome.FAILED if sent is Outcome.ANSWERED else sent

    def accept(self, token: str) -> str:
        """Answer with a held mapping as it is now, and return its URI; DataError if the pipeline no longer waits."""
        found, tag = self._find(token)
        self._must_wait(found)
        sent = self.answer(token, found.mapping)
        state = State.ACCEPTED if sent is Outcome.ANSWERED else State.OVER
        self._keep(replace(found, state=state), IfMatch=tag)
        if state is State.OVER:
            raise DataError(f"The pipeline no longer waits for {token!r}: {found.execution} has ended or was answered.")
        return found.mapping

    def change(self, token: str, mapping: TopicMapping) -> str:
        """Put another mapping of the same topics in a held one's place, and return its URI.

        Raises:
            DataError: it is not open any more, or the mapping is one of other topics.
            ConflictError: somebody else changed it at the same time.
        """
        found, tag = self._find(token)
        self._must_wait(found)
        before = self.load(found.mapping)
        if {t.topic for t in before.topics} != {t.topic for t in mapping.topics} or before.layer != mapping.layer:
            raise DataError(f"The mapping has other topics than the one that {token!r} waits for.")
        uri = self.store(mapping)
        self._keep(replace(found, mapping=uri), IfMatch=tag)
        return uri

    def held(self) -> Iterator[Held]:
        """Mappings that wait, or have waited."""
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=HELD):
            for item in page.get("Contents", []):
                yield self.waiting(item["Key"].removeprefix(HELD).removesuffix(".json"))

    def waiting(self, token: str) -> Held:
        """One that waits, or has waited; DataError if there is none of this token."""
        return self._find(token)[0]

    def load(self, uri: str) -> TopicMapping:
        """The mapping at a URI: a JSON object, or that in a `model.tar.gz`; DataError if there is none."""
        content, _ = self._read(uri)
        text = _member(content, uri) if uri.endswith(".tar.gz") else content.decode(errors="replace")
        return TopicMapping.from_json(text, uri)

    def store(self, mapping: TopicMapping) -> str:
        """Write a mapping under its digest, and return its URI."""
        key = f"{MAPPINGS}{mapping.digest}/{FILE}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=mapping.to_json().encode())
        return f"s3://{self.bucket}/{key}"

    def _revised(self, asked: Asked) -> TopicMapping:
        mapping = self.load(asked.text("mapping"))
        if str(mapping.layer) != asked.text("layer"):
            raise DataError(f"The callback step is of layer {asked.text('layer')}, its mapping of {mapping.layer}.")
        return revise(mapping, Rule.of(asked.arguments))

    def _hold(self, asked: Asked, draft: TopicMapping) -> Outcome:
        if self._kept(asked.token):
            return Outcome.KNOWN  # a person may have changed it since
        held = Held(asked.token, asked.execution, draft.layer, self.store(draft))
        self.tell(held)
        try:
            self._keep(held, IfNoneMatch="*")
        except ConflictError:
            return Outcome.KNOWN
        return Outcome.HELD

    def _stop(self, asked: Asked) -> Outcome:
        """A stopped execution waits for an answer too, and ends with any."""
        found, tag = self._kept(asked.token) or (None, "")  # nothing is held where the rule revises
        if found and found.state is State.OPEN:
            self._keep(replace(found, state=State.OVER), IfMatch=tag)
        return self.fail(asked.token, "The execution was stopped while the mapping was revised.")

    def _send(self, kind: str, token: str, content: str, **request: Any) -> Outcome:
        # The same answer has the same request token: the service takes a repeated one for the first.
        once = hashlib.sha256(f"{token}\n{content}".encode()).hexdigest()
        operation = getattr(self.sagemaker, f"send_pipeline_execution_step_{kind}")
        try:
            operation(CallbackToken=token, ClientRequestToken=once, **request)
        except self.sagemaker.exceptions.ClientError as error:
            if _code(error) in TOO_LATE:
                return Outcome.LATE
            raise PlatformError(f"The callback {token!r} could not be answered: {error}") from error
        return Outcome.ANSWERED

    def _find(self, token: str) -> tuple[Held, str]:
        if not TOKEN.fullmatch(token):
            raise DataError(f"{token!r} is no callback token; `rightpack mapping show` lists what waits.")
        try:
            content, tag = self._read(f"s3://{self.bucket}/{HELD}{token}.json")
        except DataError as error:
            raise DataError(f"No mapping is held for {token!r}; `rightpack mapping show` lists what waits.") from error
        raw = json.loads(content)
        return Held(raw["token"], raw["execution"], int(raw["layer"]), raw["mapping"], State(raw["state"])), tag

    def _kept(self, token: str) -> tuple[Held, str] | None:
        try:
            return self._find(token)
        except DataError:
            return None

    def _must_wait(self, found: Held) -> None:
        if found.state is not State.OPEN:
            raise DataError(f"The mapping held for {found.token!r} is {found.state.value}; it can change no more.")

    def _keep(self, held: Held, **condition: Any) -> None:
        body = json.dumps(asdict(held), indent=1, sort_keys=True).encode()
        try:
            self.s3.put_object(Bucket=self.bucket, Key=f"{HELD}{held.token}.json", Body=body, **condition)
        except self.s3.exceptions.ClientError as error:
            if _code(error) in EXISTS:
                raise ConflictError(f"Somebody else changed what is held for {held.token!r}; look again.") from error
            raise

    def _read(self, uri: str) -> tuple[bytes, str]:
        try:
            bucket, key = split_uri(uri)
            found = self.s3.get_object(Bucket=bucket, Key=key)
        except ValueError as error:
            raise DataError(str(error)) from error
        except self.s3.exceptions.ClientError as error:
            if _code(error) in MISSING:
                raise DataError(f"There is nothing at {uri}.") from error
            raise PlatformError(f"{uri} could not be read: {error}") from error
        return found["Body"].read(), found["ETag"]


def _member(content: bytes, uri: str) -> str:
    """The text of `mapping.json` in an archive; nothing is unpacked to disk."""
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                if member.name.removeprefix("./") == FILE and member.isfile() and member.size <= LARGEST_MAPPING:
                    opened = archive.extractfile(member)
                    return opened.read().decode(errors="replace") if opened else ""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(f"{uri} is not a whole tar.gz: {error}") from error
    raise DataError(f"{uri} holds no {FILE}; a layer of topics writes one.")


def _code(error: Any) -> str:
    return str(error.response["Error"]["Code"])
