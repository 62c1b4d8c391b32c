"""`rightpack mapping show|edit|accept`: a person looks at the topics that a layer has found, and decides about them."""

from __future__ import annotations

import json as jsons
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from rightpack.cli import output
from rightpack.cli.config import Json, StageName
from rightpack.cli.stage import Stage
from rightpack.errors import DataError
from rightpack.mapping import Action, Topic, TopicMapping
from rightpack.mapping_desk import Desk, Held, State

mapping_app = typer.Typer(help="Look at the topics between two layers, change and accept them.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="Token of a held mapping, as `rightpack mapping show` lists it.")]
KEYWORDS = 6


@mapping_app.command("show")
def show(
    which: Annotated[
        str, typer.Argument(help="Token of a held mapping or s3:// URI of any; none lists the held.")
    ] = "",
    stage: StageName = "dev",
    json: Json = "",
) -> None:
    """List mappings that wait for a person, or the topics of one."""
    desk = _desk(Stage.connect(stage))
    output.leave_stdout_to([json])
    if not which:
        waiting = [_held_facts(held) for held in desk.held()]
        output.present({"held": waiting}, _targets(json), lambda facts: _held_table(facts["held"]))
        return
    mapping = desk.load(which if which.startswith("s3://") else desk.waiting(which).mapping)
    output.present(jsons.loads(mapping.to_json()), _targets(json), lambda _: _topics_table(mapping))


@mapping_app.command("edit")
def edit(
    which: Which,
    topic: Annotated[list[str] | None, typer.Option(help="Id of a topic to change; several may be given.")] = None,
    action: Annotated[str, typer.Option(help="keep, merge-into, split, drop or held.")] = "",
    into: Annotated[str, typer.Option(help="With merge-into: the topic that takes its texts.")] = "",
    name: Annotated[str, typer.Option(help="A better name.")] = "",
    file: Annotated[Path | None, typer.Option(help="Instead: a whole mapping, from `show --json`, edited.")] = None,
    stage: StageName = "dev",
) -> None:
    """Change a held mapping; the pipeline goes on only when it is accepted."""
    connected = Stage.connect(stage)
    desk, who = _desk(connected), connected.client("sts").get_caller_identity()["Arn"]
    mapping = desk.load(desk.waiting(which).mapping)
    if file is not None:
        mapping = TopicMapping.from_json(file.read_text(), file.name, sealed=False)
    elif not topic or not (action or name):
        raise DataError("Say what to change: --topic ID with --action or --name, or --file with a whole mapping.")
    for one in topic or ():
        mapping = mapping.edited(one, by=who.rpartition("/")[2] or who, action=action, into=into, name=name)
    uri = desk.change(which, mapping)
    output.console.print(f"Changed: {uri}. `rightpack mapping accept {which}` lets the pipeline go on.")


@mapping_app.command("accept")
def accept(which: Which, stage: StageName = "dev") -> None:
    """Let the pipeline go on with a held mapping as it is now."""
    uri = _desk(Stage.connect(stage)).accept(which)
    output.console.print(f"Accepted: the next layer reads {uri}.")


def _desk(stage: Stage) -> Desk:
    return Desk(stage.client("s3"), stage.client("sagemaker"), stage.layout.artefact_bucket)


def _targets(json: str) -> Sequence[str]:
    return [json] if json else []


def _held_facts(held: Held) -> dict[str, Any]:
    return {
        "token": held.token,
        "layer": held.layer,
        "state": held.state.value,
        "execution": held.execution,
        "mapping": held.mapping,
    }


def _held_table(waiting: Sequence[dict[str, Any]]) -> None:
    columns = ("token", "layer", "state", "execution")
    ordered = sorted(waiting, key=lambda held: (held["state"] != State.OPEN, held["token"]))
    output.table("Mappings held for a person", columns, ([held[c] for c in columns] for held in ordered))


def _topics_table(mapping: TopicMapping) -> None:
    columns = ("topic", "name", "keywords", "texts", "coherence", "action", "why")
    title = f"Topics up to layer {mapping.layer} of {mapping.texts:,} texts, {mapping.digest[:12]}"
    output.table(title, columns, (_row(topic) for topic in mapping.topics))


def _row(topic: Topic) -> list[object]:
    action = f"{topic.action.value} {topic.into}" if topic.action is Action.MERGE else topic.action.value
    words = " ".join(topic.keywords[:KEYWORDS])
    return [topic.topic, topic.name, words, topic.size, topic.coherence, action, topic.note]
