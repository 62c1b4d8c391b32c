"""Take credentials out of SQL before anybody stores or shows it."""

from __future__ import annotations

import re

_SECRETS = re.compile(
    r"\b(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|CREDENTIALS|PASSWORD)((?:\s+AS)?\s*)'(?:[^'\\]|''|\\.)*'",
    re.IGNORECASE | re.DOTALL,
)


def redact(text: str) -> str:
    """The text with `'***'` in place of keys, tokens and passwords."""
    return _SECRETS.sub(r"\1\2'***'", text)
