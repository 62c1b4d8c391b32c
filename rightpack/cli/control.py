"""Speaking with the control endpoints that only an embedded AWS has: its clock, its faults."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from typing import Any

from rightpack.errors import SettingsError

LOOPBACK = ("http://127.0.0.1:", "http://localhost:")
TIMEOUT_SECONDS = 3600.0


def ask(path: str, *, method: str = "GET", body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Answer of `path` of the embedded AWS that AWS_ENDPOINT_URL names.

    Raises:
        SettingsError: there is none, as with a real account, or it says no.
    """
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    if not endpoint.startswith(LOOPBACK):
        raise SettingsError("AWS_ENDPOINT_URL names no embedded AWS: start `rightpack up` and export what it prints.")
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"{endpoint}/{path}", data, method=method)  # noqa: S310 - loopback, see above
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - as above
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        raise SettingsError(json.load(error).get("message", str(error))) from error
    except urllib.error.URLError as error:
        raise SettingsError(f"Nothing answers at {endpoint}: {error.reason}. Start `rightpack up`.") from error
