"""Check a pipeline definition against the service's model and our own rules; no SDK, no AWS, about half a second.

There is an official JSON schema, but it rejects what every SDK writes. Only step types that rightpack uses are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pipelines.checker.arguments import check_arguments
from pipelines.checker.caching import check_caching
from pipelines.checker.conditions import check_conditions
from pipelines.checker.document import Document, read
from pipelines.checker.envelope import check_envelopes
from pipelines.checker.graph import check_graph
from pipelines.checker.house import check_house_rules
from pipelines.checker.limits import check_limits
from pipelines.checker.problems import Problem
from pipelines.checker.retries import check_retries

__all__ = ["Problem", "check"]

RULES: Final[tuple[Callable[[Document], Iterator[Problem]], ...]] = (
    check_envelopes,
    check_arguments,
    check_limits,
    check_conditions,
    check_graph,
    check_retries,
    check_caching,
    check_house_rules,
)


def check(definition: Mapping[str, Any]) -> list[Problem]:
    """Find what is wrong with `definition`; an empty list means that it may be deployed.

    Literals may hold the placeholders of `pipelines.placeholders`. However malformed it is, this raises no error.
    """
    document, problems = read(definition)
    for rule in RULES:
        problems += rule(document)
    return list(dict.fromkeys(problems))
