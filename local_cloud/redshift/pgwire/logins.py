"""The passwords that GetCredentials and its relatives gave out, and whose database each of them opens."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Login:
    """One temporary password of a database user; `kind` and `name` tell the workgroup or cluster."""

    user: str
    password: str
    kind: str
    name: str
    expires: float  #: seconds since the epoch


class Logins:
    """Temporary passwords until they expire."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Login] = {}

    def issue(self, user: str, kind: str, name: str, *, seconds: float) -> Login:
        """A new password for a user of a workgroup or cluster."""
        login = Login(user, secrets.token_urlsafe(24), kind, name, self._clock() + seconds)
        with self._lock:
            self._known = {key: known for key, known in self._known.items() if known.expires > self._clock()}
            self._known[user, login.password] = login
        return login

    def find(self, user: str, password: str) -> Login | None:
        """The login with that password, unless it has expired."""
        with self._lock:
            login = self._known.get((user, password))
        return login if login and login.expires > self._clock() else None
