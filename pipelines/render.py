"""Render the pipelines to `pipelines/definitions/*.json`: `python -m pipelines.render [--check]`.

The files are committed and reviewed as a diff; everything downstream (checker, local cloud, infrastructure) reads
them, so only whoever changes a pipeline needs the SageMaker SDK.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipelines.offline import offline_environment, offline_session
from pipelines.placeholders import to_placeholders
from rightpack.errors import InternalError
from rightpack.settings.steps import Steps

DEFINITIONS: Final = Path(__file__).resolve().parent / "definitions"
# What a reader looks for first; all other keys come in alphabetical order.
FIRST_KEYS: Final = ("Version", "Name", "Type", "Conditions", "IfSteps")

# The SDK writes both with null. For the first, that means no experiment, as leaving it out does; the second is newer
# than some validators.
NULL_KEYS: Final = ("PipelineExperimentConfig", "MlflowConfig")


def render() -> dict[str, str]:
    """Make the text of every definition, by pipeline name; needs the SageMaker SDK, and seconds to import it."""
    with offline_environment():
        from pipelines.inference import pipeline as inference
        from pipelines.topics import pipeline as topics
        from pipelines.training import pipeline as training

        builders = {"training": training.build, "inference": inference.build, "topics": topics.build}
        with offline_session() as session:
            made = {name: json.loads(build(session).definition()) for name, build in builders.items()}
    return {name: formatted(definition) for name, definition in made.items()}


def render_training(steps: Steps) -> str:
    """Make the text of a training pipeline of another shape; SettingsError if its steps do not fit together."""
    with offline_environment():
        from pipelines.training import pipeline as training

        with offline_session() as session:
            return formatted(json.loads(training.build(session, steps).definition()))


def formatted(definition: dict[str, Any]) -> str:
    """Text of a definition as the SDK made it: nulls dropped, keys in order, placeholders in, a newline at the end."""
    for key in NULL_KEYS:
        if definition.pop(key, None) is not None:
            raise InternalError(f"The SDK wrote {key} although no pipeline asks for it; see pipelines/render.py.")
    return to_placeholders(json.dumps(_ordered(definition), indent=2)) + "\n"


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        first = [key for key in FIRST_KEYS if key in value]
        rest = sorted(key for key in value if key not in FIRST_KEYS)
        return {key: _ordered(value[key]) for key in (*first, *rest)}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def stale(rendered: Mapping[str, str], folder: Path = DEFINITIONS) -> str:
    """Unified diff from the files in `folder` to `rendered`; empty when they agree."""
    return "".join(_diff(folder / f"{name}.json", text) for name, text in rendered.items())


def _diff(path: Path, text: str) -> str:
    before = path.read_text().splitlines(keepends=True) if path.exists() else []
    return "".join(difflib.unified_diff(before, text.splitlines(keepends=True), f"{path.name} (committed)", path.name))


def write(rendered: Mapping[str, str], folder: Path = DEFINITIONS) -> None:
    """Write the definitions to `folder`."""
    folder.mkdir(exist_ok=True)
    for name, text in rendered.items():
        (folder / f"{name}.json").write_text(text)


def main(
    arguments: Sequence[str] | None = None,
    *,
    renderer: Callable[[], Mapping[str, str]] = render,
    folder: Path = DEFINITIONS,
) -> int:
    """Write the definitions, or with `--check` print the difference and return 1 if the committed ones are stale."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.render", description="Render the pipeline definitions.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file is stale")
    check = parser.parse_args(arguments).check
    rendered = renderer()
    if check:
        difference = stale(rendered, folder)
        sys.stdout.write(difference)
        return 1 if difference else 0
    write(rendered, folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
