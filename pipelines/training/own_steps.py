"""Steps that a team adds by its settings: where they read, what waits for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.authoring import INPUT_ROOT, Job, Workbench, output_of
from pipelines.placeholders import Placeholder
from rightpack.errors import SettingsError
from rightpack.settings.steps import Extra

CODE: Final = "code"
SCRIPT: Final = "s3://"  # `rightpack` has put a script there before anything is rendered


@dataclass(frozen=True, slots=True)
class Sources:
    """What inputs may name so far: parameters, and outputs of steps as `Step.output`."""

    known: dict[str, Any]

    def add(self, step: Any, outputs: tuple[str, ...]) -> None:
        """Outputs of a processing step."""
        self.known.update({f"{step.name}.{name}": output_of(step, name) for name in outputs})

    def find(self, text: str) -> Any:
        """The URI that an input means; None while nobody has made it."""
        return text if text.startswith("s3://") else self.known.get(text)


def add_ready(bench: Workbench, waiting: dict[str, Extra], sources: Sources) -> list[Any]:
    """Make the steps whose inputs are there, in order, and take them from `waiting`."""
    made: list[Any] = []
    while ready := next((name for name, extra in waiting.items() if _is_ready(extra, sources)), None):
        extra = waiting.pop(ready)
        step = bench.process(_job(ready, extra, sources))
        sources.add(step, extra.outputs)
        made.append(step)
    return made


def training_rows(own: Mapping[str, Extra], sources: Sources, usual: Any) -> Any:
    """URI of the rows to learn from: those of the step that feeds the training, else the usual ones."""
    feeding = [name for name, extra in own.items() if extra.feeds_training]
    if len(feeding) > 1:
        raise SettingsError(f"{' and '.join(feeding)} of steps.extra all feed the training; one may.")
    if feeding and f"{feeding[0]}.train" not in sources.known:
        raise SettingsError(f"steps.extra.{feeding[0]} feeds the training, so it can read no more than Prepare wrote.")
    return sources.known[f"{feeding[0]}.train"] if feeding else usual


def order(own: Mapping[str, Extra], steps: list[Any]) -> None:
    """Have steps wait as `after` and `before` say; SettingsError for a step that is not there."""
    by_name = {step.name: step for step in steps}
    for name, extra in own.items():
        for other in (*extra.after, *extra.before):
            if other not in by_name:
                raise SettingsError(f"steps.extra.{name} names {other!r}; there are {', '.join(by_name)}.")
        if extra.after:
            by_name[name].add_depends_on(list(extra.after))
        for other in extra.before:
            by_name[other].add_depends_on([name])


def refuse(waiting: Mapping[str, Extra], sources: Sources) -> None:
    """Raise SettingsError if a step's input could not be found."""
    for name, extra in waiting.items():
        missing = [text for text in extra.inputs.values() if sources.find(text) is None]
        known = ", ".join(sources.known)
        raise SettingsError(f"steps.extra.{name} reads {missing[0]!r}; there are {known} and s3:// URIs.")


def _is_ready(extra: Extra, sources: Sources) -> bool:
    return all(sources.find(text) is not None for text in extra.inputs.values())


def _job(name: str, extra: Extra, sources: Sources) -> Job:
    inputs = {channel: sources.find(text) for channel, text in extra.inputs.items()}
    entrypoint = list(extra.entrypoint)
    if extra.script:
        if not extra.script.startswith(SCRIPT):
            raise SettingsError(f"steps.extra.{name}: nobody has put {extra.script} where jobs can read it.")
        inputs[CODE] = extra.script
        entrypoint = ["python", f"{INPUT_ROOT}/{CODE}/{extra.script.rsplit('/', 1)[-1]}"]
    return Job(
        name=name,
        module="",
        inputs=inputs,
        outputs=extra.outputs,
        arguments=extra.arguments,
        entrypoint=entrypoint,
        image=extra.image or Placeholder.IMAGE.stand_in,
        cached=extra.cached,
    )
