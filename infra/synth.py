"""Write the templates to `infra/templates/`: `python -m infra.synth [--check]`. Offline, without an account.

The files are committed and reviewed as a diff; the local cloud deploys them as they are. The only thing changed in
them is the key of the functions' code, so that they change when the infrastructure does and not with every line.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import itertools
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from infra import lambda_package
from infra.app import build, read_definitions
from infra.stages import STAGES, Stage
from rightpack.layout import PipelineKind

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
CODE_KEY: Final = "lambdas.zip"
DIFF_LINES: Final = 60
DIFF_WIDTH: Final = 200  # a pipeline definition is one line

Template = dict[str, Any]


def synthesise(definitions: Mapping[PipelineKind, str], stages: Sequence[Stage] = STAGES) -> dict[str, Template]:
    """Synthesise all stacks; templates by stack name, as CDK makes them."""
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / CODE_KEY
        lambda_package.build(code)
        assembly = build(code=code, definitions=definitions, stages=stages, output=Path(folder) / "cdk.out").synth()
        return {stack.stack_name: stack.template for stack in assembly.stacks}


def with_stable_code(template: Template) -> Template:
    """A copy in which functions take their code from `lambdas.zip`, whatever is in it."""
    copied = copy.deepcopy(template)
    for resource in copied["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Code"]["S3Key"] = CODE_KEY
    return copied


def texts(templates: Mapping[str, Template]) -> dict[str, str]:
    """File name and text of every committed template."""
    return {
        f"{name}.template.json": json.dumps(with_stable_code(template), indent=1, sort_keys=True) + "\n"
        for name, template in templates.items()
    }


def stale(fresh: Mapping[str, str], folder: Path = TEMPLATES) -> dict[str, str]:
    """What is not as committed: a diff by file name; a file that nobody makes any more is there as well."""
    committed = {path.name: path.read_text() for path in folder.glob("*.template.json")}
    names = sorted({*fresh, *committed})
    return {name: _diff(name, committed, fresh) for name in names if committed.get(name) != fresh.get(name)}


def _diff(name: str, committed: Mapping[str, str], fresh: Mapping[str, str]) -> str:
    before, after = (side.get(name, "").splitlines() for side in (committed, fresh))
    lines = difflib.unified_diff(before, after, f"committed/{name}", f"fresh/{name}", lineterm="", n=1)
    return "\n".join(line[:DIFF_WIDTH] for line in itertools.islice(lines, DIFF_LINES))


def write(fresh: Mapping[str, str], folder: Path = TEMPLATES) -> None:
    """Make the folder hold exactly these templates."""
    folder.mkdir(exist_ok=True)
    for name in stale(fresh, folder):
        (folder / name).unlink(missing_ok=True)
    for name, text in fresh.items():
        (folder / name).write_text(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the templates, or with `--check` say which ones are stale."""
    parser = argparse.ArgumentParser(prog="python -m infra.synth", description="Synthesise the templates.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a template is stale")
    check = parser.parse_args(arguments).check
    fresh = texts(synthesise(read_definitions()))
    changed = stale(fresh)
    for name, diff in changed.items():
        sys.stdout.write(f"{diff}\n" if check else f"{name}\n")
    if check and changed:
        sys.stdout.write("Stale templates. Run `python -m infra.synth` and review the difference.\n")
        return 1
    if not check:
        write(fresh)
    return 0


if __name__ == "__main__":
    sys.exit(main())
