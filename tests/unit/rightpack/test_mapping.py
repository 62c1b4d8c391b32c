from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from lambdas.revise_mapping import handler as function
from rightpack.cli.mapping import mapping_app
from rightpack.errors import ConflictError, DataError, PlatformError, SettingsError
from rightpack.mapping import Action, Topic, TopicMapping
from rightpack.mapping_desk import Asked, Desk, Outcome, State
from rightpack.revision import Rule, overlap, revise
from tests.unit.rightpack.conftest import LAYOUT, client_error

TOKEN = "abcdef0123"
EXECUTION = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/rightpack-dev-topics/execution/abcdefghijkl"
BUCKET = LAYOUT.artefact_bucket


def topic(name: str, size: int = 100, words: str = "", **more: Any) -> Topic:
    keywords = tuple(words.split()) or tuple(f"{name}-{i}" for i in range(4))
    return Topic(name, keywords[0], keywords, size, more.pop("layer", 1), **more)


def mapping(*topics: Topic, layer: int = 1, texts: int = 1000) -> TopicMapping:
    return TopicMapping(layer, texts, topics)


class TestMapping:
    def test_reading_what_was_written_gives_an_equal_mapping(self) -> None:
        before = mapping(topic("01"), topic("00", action=Action.MERGE, into="01", note="by me"))
        assert TopicMapping.from_json(before.to_json()) == before

    def test_equal_content_has_an_equal_digest_in_any_order(self) -> None:
        assert mapping(topic("00"), topic("01")).digest == mapping(topic("01"), topic("00")).digest
        assert mapping(topic("00"), topic("01")).digest != mapping(topic("00"), topic("01", size=1)).digest

    def test_a_file_changed_by_hand_is_refused_unless_a_person_brings_it(self) -> None:
        changed = mapping(topic("00")).to_json().replace('"keep"', '"drop"')
        with pytest.raises(DataError, match="digest"):
            TopicMapping.from_json(changed)
        assert TopicMapping.from_json(changed, sealed=False).topic("00").action is Action.DROP

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1, "layer": 1, "texts": 1, "topics": [{}]}'])
    def test_what_is_no_mapping_is_refused(self, text: str) -> None:
        with pytest.raises(DataError, match="not a mapping"):
            TopicMapping.from_json(text)

    def test_another_version_is_refused(self) -> None:
        with pytest.raises(DataError, match="version 9"):
            TopicMapping.from_json(mapping().to_json().replace('"version": 1', '"version": 9'))

    def test_merges_are_followed_to_their_end(self) -> None:
        found = mapping(
            topic("00", action=Action.MERGE, into="01"), topic("01", action=Action.MERGE, into="02"), topic("02")
        )
        assert [found.final(name) for name in ("00", "01", "02")] == ["02", "02", "02"]
        assert found.sizes() == {"00": 0, "01": 0, "02": 300}

    def test_texts_merged_into_a_dropped_topic_are_dropped(self) -> None:
        found = mapping(topic("00", action=Action.MERGE, into="01"), topic("01", action=Action.DROP))
        assert found.final("00") is None

    def test_topics_merged_into_each_other_are_refused(self) -> None:
        with pytest.raises(DataError, match="cannot be merged"):
            mapping(topic("00", action=Action.MERGE, into="01"), topic("01", action=Action.MERGE, into="00"))

    def test_a_topic_cannot_be_merged_into_one_of_another_layer(self) -> None:
        below = topic("00.01", layer=2, parent="00", action=Action.MERGE, into="00")
        with pytest.raises(DataError, match="same layer"):
            mapping(topic("00"), below, layer=2)

    def test_an_unknown_target_or_parent_or_doubled_topic_is_refused(self) -> None:
        for wrong in (
            [topic("00", action=Action.MERGE, into="07")],
            [topic("00.01", parent="00", layer=2)],
            [topic("00"), topic("00")],
        ):
            with pytest.raises(DataError):
                mapping(*wrong)

    def test_the_next_layer_splits_what_is_marked_and_not_yet_taken_apart(self) -> None:
        first = mapping(topic("00", action=Action.SPLIT), topic("01", action=Action.SPLIT), topic("02"))
        assert first.to_split() == ("00", "01")
        second = first.extended(2, [topic("00.00", layer=2, parent="00")])
        assert second.to_split() == ("01",)
        assert [t.topic for t in second.leaves()] == ["00.00", "01", "02"]

    def test_a_person_changes_one_topic_and_is_named(self) -> None:
        found = mapping(topic("00"), topic("01")).edited("00", by="ada", action="merge-into", into="01")
        assert (found.topic("00").action, found.final("00"), found.topic("00").note) == (Action.MERGE, "01", "by ada")
        assert found.edited("00", by="ada", action="keep").topic("00").into == ""
        assert found.edited("01", by="ada", name="Mugs").topic("01").name == "Mugs"

    def test_an_edit_that_names_no_topic_or_action_is_refused(self) -> None:
        with pytest.raises(DataError, match="'07' is not in the mapping"):
            mapping(topic("00")).edited("07", by="ada", action="drop")
        with pytest.raises(DataError, match="known are keep"):
            mapping(topic("00")).edited("00", by="ada", action="burn")


class TestRule:
    def test_a_tiny_topic_is_dropped(self) -> None:
        found = revise(mapping(topic("00", 500), topic("01", 1)), Rule())
        assert found.topic("01").action is Action.DROP

    def test_of_two_alike_the_smaller_goes_into_the_larger(self) -> None:
        found = revise(mapping(topic("00", 50, "mug cup bowl"), topic("01", 60, "cup bowl mug")), Rule())
        assert (found.topic("00").action, found.topic("00").into) == (Action.MERGE, "01")
        assert found.topic("01").action is Action.KEEP

    def test_topics_of_two_parents_are_never_merged_by_the_rule(self) -> None:
        parents = [topic("00", action=Action.SPLIT), topic("01", action=Action.SPLIT)]
        below = [topic(f"0{i}.00", 50, "cup mug", layer=2, parent=f"0{i}") for i in (0, 1)]
        found = revise(mapping(*parents, *below, layer=2), Rule())
        assert {t.action for t in found.topics if t.layer == 2} == {Action.KEEP}

    def test_over_general_topics_are_split_if_they_are_large_enough(self) -> None:
        given = mapping(
            topic("00", 400),
            topic("01", 300, coherence=0.1),
            topic("02", 60, coherence=0.1),
            topic("03", 60),
            texts=5000,
        )
        found = revise(given, Rule(largest_share=0.07))
        assert [t.topic for t in found.topics if t.action is Action.SPLIT] == ["00", "01"]

    def test_a_topic_counts_as_over_general_with_what_is_merged_into_it(self) -> None:
        given = mapping(topic("00", 150, "cup mug"), topic("01", 149, "mug cup"))
        found = revise(given, Rule(largest_share=0.2))
        assert found.topic("00").action is Action.SPLIT

    def test_after_layer_two_every_larger_leaf_gets_sub_topics(self) -> None:
        given = mapping(
            topic("00", 700, action=Action.SPLIT),
            topic("01", 300),
            topic("00.00", 600, layer=2, parent="00"),
            topic("00.01", 100, layer=2, parent="00"),
            layer=2,
        )
        found = revise(given, Rule(sub_topics_from=0.2))
        assert found.to_split() == ("00.00", "01")

    def test_after_layer_three_nothing_is_split(self) -> None:
        found = revise(mapping(topic("00", 900, layer=3), layer=3), Rule())
        assert found.to_split() == ()

    def test_what_a_person_has_decided_stays(self) -> None:
        given = mapping(topic("00", 900), topic("01", 1)).edited("00", by="ada", action="keep")
        given = given.edited("01", by="ada", action="held")
        found = revise(given, Rule())
        assert [t.action for t in found.topics] == [Action.KEEP, Action.HELD]

    def test_revising_twice_changes_nothing_more(self) -> None:
        once = revise(mapping(topic("00", 900), topic("01", 1), topic("02", 50), topic("03", 49)), Rule())
        assert revise(once, Rule()) == once

    def test_arguments_of_the_callback_set_the_rule(self) -> None:
        assert Rule.of({"overlap": "0.9", "mode": "rule"}) == Rule(overlap=0.9)
        with pytest.raises(SettingsError, match="numbers"):
            Rule.of({"overlap": "much"})

    def test_topics_without_keywords_have_nothing_in_common(self) -> None:
        assert overlap((), ()) == 0.0


class FakeSageMaker:
    """Answers as the service does: the first one counts, the same one again is taken for it, any other is late."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[str, dict[str, Any]]] = {}
        self.waiting = {TOKEN}
        self.broken = False

    class exceptions:  # noqa: N801 - as boto3 has it
        ClientError = type(client_error("x"))

    def send_pipeline_execution_step_success(self, **request: Any) -> None:
        self._take(request)

    def send_pipeline_execution_step_failure(self, **request: Any) -> None:
        self._take(request)

    def _take(self, request: dict[str, Any]) -> None:
        if self.broken:
            raise client_error("ThrottlingException")
        token, once = request["CallbackToken"], request["ClientRequestToken"]
        assert 32 <= len(once) <= 128
        assert len(request.get("FailureReason", "")) <= 256
        if token not in self.waiting:
            raise client_error("ResourceNotFound")
        if self.answers.setdefault(token, (once, request))[0] != once:
            raise client_error("ConflictException")

    def uri(self, token: str = TOKEN) -> str:
        return str(self.answers[token][1]["OutputParameters"][0]["Value"])

    def reason(self, token: str = TOKEN) -> str:
        return str(self.answers[token][1]["FailureReason"])


@pytest.fixture
def sagemaker() -> FakeSageMaker:
    return FakeSageMaker()


@pytest.fixture
def desk(sagemaker: FakeSageMaker) -> Iterator[Desk]:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        yield Desk(s3, sagemaker, BUCKET)


DRAFT = mapping(topic("00", 900), topic("01", 1), topic("02", 99))


@pytest.fixture
def uri(desk: Desk) -> str:
    """A model artefact with a draft, as a training job leaves it."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("./layer-1.json", "{}"), ("./mapping.json", DRAFT.to_json())):
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    desk.s3.put_object(Bucket=BUCKET, Key="runs/model.tar.gz", Body=content.getvalue())
    return f"s3://{BUCKET}/runs/model.tar.gz"


def asked(uri: str, mode: str = "rule", status: str = "Executing", **arguments: str) -> Asked:
    given = {"mapping": uri, "layer": "1", "mode": mode, **arguments}
    body = {"token": TOKEN, "pipelineExecutionArn": EXECUTION, "arguments": given, "status": status}
    return Asked.of(json.dumps(body))


class TestDesk:
    def test_the_rule_answers_at_once_with_a_revised_mapping(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        assert desk.handle(asked(uri)) is Outcome.ANSWERED
        revised = desk.load(sagemaker.uri())
        assert revised == revise(DRAFT, Rule())
        assert revised.digest in sagemaker.uri()

    def test_the_arguments_of_the_step_change_the_rule(self, desk: Desk, sagemaker: FakeSageMaker, uri: str) -> None:
        desk.handle(asked(uri, largest_share="0.95", smallest_share="0"))
        assert desk.load(sagemaker.uri()) == DRAFT

    def test_a_message_that_comes_twice_is_answered_once(self, desk: Desk, sagemaker: FakeSageMaker, uri: str) -> None:
        desk.handle(asked(uri))
        first = sagemaker.answers[TOKEN]
        assert desk.handle(asked(uri)) is Outcome.ANSWERED
        assert sagemaker.answers[TOKEN] == first

    def test_an_answer_to_a_step_that_is_over_is_harmless(self, desk: Desk, sagemaker: FakeSageMaker, uri: str) -> None:
        sagemaker.waiting.clear()
        assert desk.handle(asked(uri)) is Outcome.LATE

    def test_a_service_that_fails_has_the_message_come_again(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        sagemaker.broken = True
        with pytest.raises(PlatformError):
            desk.handle(asked(uri))

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"mapping": f"s3://{BUCKET}/runs/nothing.json"}, "nothing at"),
            ({"mapping": "nonsense"}, "not an s3:// URI"),
            ({"mapping": ""}, "no argument 'mapping'"),
            ({"layer": "2"}, "of layer 2"),
            ({"mode": "perhaps"}, "'perhaps'"),
            ({"overlap": "much"}, "numbers"),
        ],
    )
    def test_what_is_wrong_for_good_fails_the_step_with_its_reason(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str, change: dict[str, str], reason: str
    ) -> None:
        assert desk.handle(
            asked(**{"uri": uri, **{("uri" if k == "mapping" else k): v for k, v in change.items()}})
        ) is (Outcome.FAILED)
        assert reason in sagemaker.reason()

    def test_an_archive_without_a_mapping_or_cut_short_fails_the_step(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        whole = desk.s3.get_object(Bucket=BUCKET, Key="runs/model.tar.gz")["Body"].read()
        desk.s3.put_object(Bucket=BUCKET, Key="runs/model.tar.gz", Body=whole[: len(whole) // 3])
        assert desk.handle(asked(uri)) is Outcome.FAILED
        assert "model.tar.gz" in sagemaker.reason()

    def test_a_held_mapping_answers_nothing_until_a_person_accepts(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        assert desk.handle(asked(uri, "held")) is Outcome.HELD
        assert sagemaker.answers == {}
        (held,) = desk.held()
        assert (held.token, held.layer, held.state) == (TOKEN, 1, State.OPEN)
        assert desk.accept(TOKEN) == sagemaker.uri() == held.mapping
        assert desk.waiting(TOKEN).state is State.ACCEPTED

    def test_what_a_person_has_changed_is_what_the_next_layer_reads(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        desk.handle(asked(uri, "held"))
        draft = desk.load(desk.waiting(TOKEN).mapping)
        desk.change(TOKEN, draft.edited("00", by="ada", action="keep"))
        assert desk.handle(asked(uri, "held")) is Outcome.KNOWN  # the message again: it undoes nothing
        desk.accept(TOKEN)
        assert draft.to_split() == ("00",)
        assert desk.load(sagemaker.uri()).to_split() == ()

    def test_a_mapping_of_other_topics_cannot_take_its_place(self, desk: Desk, uri: str) -> None:
        desk.handle(asked(uri, "held"))
        with pytest.raises(DataError, match="other topics"):
            desk.change(TOKEN, mapping(topic("00")))

    def test_accepting_twice_or_too_late_says_so_and_answers_nothing(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        desk.handle(asked(uri, "held"))
        desk.accept(TOKEN)
        for late in (lambda: desk.accept(TOKEN), lambda: desk.change(TOKEN, DRAFT)):
            with pytest.raises(DataError, match="accepted"):
                late()
        with pytest.raises(DataError, match="No mapping is held"):
            desk.accept("zzzzzzzzzz")
        with pytest.raises(DataError, match="no callback token"):
            desk.accept("../../x")

    def test_accepting_when_the_execution_is_over_tells_the_person(
        self, desk: Desk, sagemaker: FakeSageMaker, uri: str
    ) -> None:
        desk.handle(asked(uri, "held"))
        sagemaker.waiting.clear()
        with pytest.raises(DataError, match="no longer waits"):
            desk.accept(TOKEN)
        assert desk.waiting(TOKEN).state is State.OVER

    def test_of_two_people_who_change_at_once_one_is_told(self, desk: Desk, uri: str) -> None:
        desk.handle(asked(uri, "held"))
        found, tag = desk._find(TOKEN)
        desk.change(TOKEN, desk.load(found.mapping).edited("00", by="ada", action="keep"))
        with pytest.raises(ConflictError, match="look again"):
            desk._keep(found, IfMatch=tag)

    def test_a_stopped_execution_gets_its_answer(self, desk: Desk, sagemaker: FakeSageMaker, uri: str) -> None:
        desk.handle(asked(uri, "held"))
        assert desk.handle(asked(uri, "held", status="Stopping")) is Outcome.FAILED
        assert "stopped" in sagemaker.reason()
        assert desk.waiting(TOKEN).state is State.OVER

    def test_stopping_what_was_never_held_is_answered_too(self, desk: Desk, sagemaker: FakeSageMaker, uri: str) -> None:
        assert desk.handle(asked(uri, status="Stopping")) is Outcome.FAILED
        assert "stopped" in sagemaker.reason()

    @pytest.mark.parametrize("body", ["", "[]", "{}", '{"token": "short", "pipelineExecutionArn": "a"}'])
    def test_a_message_that_nobody_can_answer_is_refused(self, body: str) -> None:
        with pytest.raises(DataError):
            Asked.of(body)


class TestFunction:
    @pytest.fixture(autouse=True)
    def here(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(function, "desk", lambda: desk)

    def event(self, *bodies: str) -> dict[str, Any]:
        return {"Records": [{"messageId": str(i), "body": body} for i, body in enumerate(bodies)]}

    def test_only_messages_that_must_come_again_stay_in_the_queue(
        self, sagemaker: FakeSageMaker, uri: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        good = json.dumps(
            {"token": TOKEN, "pipelineExecutionArn": EXECUTION, "arguments": {"mapping": uri, "layer": "1"}}
        )
        assert function.handler(self.event("nonsense", good), None) == {"batchItemFailures": [{"itemIdentifier": "0"}]}
        assert sagemaker.uri().endswith("/mapping.json")
        assert [json.loads(line)["outcome"] for line in capsys.readouterr().out.splitlines()] == ["retry", "answered"]


class TestCommands:
    """What a person types; the account is moto's."""

    @pytest.fixture
    def token(self, desk: Desk, uri: str) -> str:
        assert desk.handle(asked(uri, "held")) is Outcome.HELD
        return TOKEN

    def run(self, *arguments: str) -> str:
        done = CliRunner().invoke(mapping_app, list(arguments), catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return str(done.output)

    def test_show_lists_what_waits_and_the_topics_of_one(self, token: str) -> None:
        assert json.loads(self.run("show", "--json", "-"))["held"][0]["token"] == token
        shown = TopicMapping.from_json(self.run("show", token, "--json", "-"))
        assert shown == revise(DRAFT, Rule())

    def test_an_edit_names_who_made_it(self, desk: Desk, token: str) -> None:
        self.run("edit", token, "--topic", "00", "--topic", "01", "--action", "keep")
        found = desk.load(desk.waiting(token).mapping)
        assert [t.action for t in found.topics] == [Action.KEEP] * 3
        assert found.topic("01").note.startswith("by ")

    def test_a_whole_file_may_take_its_place(self, desk: Desk, token: str, tmp_path: Path) -> None:
        file = tmp_path / "mapping.json"
        self.run("show", token, "--json", str(file))
        file.write_text(file.read_text().replace('"split"', '"held"'))
        self.run("edit", token, "--file", str(file))
        assert desk.load(desk.waiting(token).mapping).topic("00").action is Action.HELD

    def test_an_edit_that_changes_nothing_says_what_to_give(self, token: str) -> None:
        with pytest.raises(DataError, match="--topic ID"):
            self.run("edit", token)
