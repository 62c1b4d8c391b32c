"""The texts of policies: wildcards and policy variables."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from local_cloud.wire import NotSimulatedError

Context = Mapping[str, tuple[str, ...]]  #: condition keys in lower case

_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_LITERAL = {"*": "*", "?": "?", "$": "$"}


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether `text` fits a pattern in which `*` stands for any text and `?` for one character."""
    return _compiled(pattern, fold).fullmatch(text) is not None


@functools.lru_cache(maxsize=4096)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(mark, re.escape(mark)) for mark in pattern), re.DOTALL | fold * re.IGNORECASE)


def filled(pattern: str, context: Context) -> str | None:
    """Fill the policy variables of a pattern (`${aws:PrincipalArn}`); `None` where the request has no such value.

    Raises:
        NotSimulatedError: A variable with a default value.
    """
    if "${" not in pattern:
        return pattern
    names = _VARIABLE.findall(pattern)
    if any("," in name for name in names):
        raise NotSimulatedError(f"defaults of policy variables ({pattern})")
    values = {name: _LITERAL.get(name) or _single(context, name) for name in names}
    if any(value is None for value in values.values()):
        return None
    return _VARIABLE.sub(lambda found: str(values[found[1]]), pattern)


def _single(context: Context, name: str) -> str | None:
    found = context.get(name.strip().lower(), ())
    return found[0] if len(found) == 1 else None
