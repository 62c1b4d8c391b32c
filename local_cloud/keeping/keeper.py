"""Keeps the state of a running cloud: at the end, and soon after anything has changed; and brings it back."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import logging
import platform
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.keeping import moto_state
from local_cloud.keeping.folder import StateError, StateFolder
from local_cloud.keeping.gate import Gate
from local_cloud.keeping.reading import Reading
from local_cloud.keeping.stored import ObjectFiles
from local_cloud.keeping.writing import changed, read, written
from local_cloud.wire import Call, Json

LOG = logging.getLogger(__name__)

FORMAT = 1
_SOONEST = 1.0  # seconds between two states
_SHARE = 20  # one part in so many of the time that goes by is spent standing still, at most
_PATIENCE = 1.0
_READS = ("Describe", "List", "Get", "Head", "Query", "Scan", "BatchGet")


class Keeper:
    """Writes and reads the state of the parts of a cloud: of each, the attributes that its `KEPT` names, and moto's.

    Args:
        folder: Where the state is.
        url: The endpoint now; one of before is replaced by it.
        parts: The parts by name; references to them lead to the running ones when the state is read.
        busy: Whether something is half done that must not be written down, such as a deployment.
    """

    def __init__(self, folder: StateFolder, url: str, *, parts: Mapping[str, object], busy: Callable[[], bool]) -> None:
        self.gate = Gate()
        self._folder, self._url, self._parts, self._busy = folder, url, parts, busy
        self._files = ObjectFiles(folder.path / "objects")
        self._changes, self._kept, self._saved = 1, 0, ""
        self._one = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)

    def touch(self) -> None:
        """Note that something has changed."""
        self._changes += 1

    def called(self, call: Call, _status: int) -> None:
        """Note a call that was answered, unless it only reads."""
        if not call.action.startswith(_READS):
            self.touch()

    def report(self) -> Json:
        """When the state was written, how much has happened (`changes`), and how much of it since then (`unsaved`)."""
        return {"saved": self._saved, "changes": self._changes, "unsaved": self._changes - self._kept}

    def restore(self) -> str:
        """Bring back what was kept; answers when that was, nothing if nothing was.

        Raises:
            StateError: The state cannot be taken over.
        """
        found = self._folder.read()
        if found is None:
            return ""
        header, payload = found
        self._require_same(header)
        state = read(payload, Reading(self._parts, self._files))
        moto_state.put_back(state["moto"])
        for name, attributes in state["parts"].items():
            for attribute, value in attributes.items():
                setattr(self._parts[name], attribute, value)
        moto_state.release_messages()
        self._move(state["url"])
        for kept in self._parts.values():
            getattr(kept, "after_restart", _nothing)()
        self._saved = str(header["saved"])
        return self._saved

    def start(self) -> None:
        """Begin to keep."""
        self._thread.start()

    def stop(self) -> None:
        """Keep a last time; nothing passes the gate any more.

        Raises:
            StateError: The state could not be written.
        """
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
            self.gate.shut()
            self._save_at_last()

    def release(self) -> None:
        """Let another cloud have the folder."""
        self._folder.release()

    def save(self) -> float:
        """Write the state now; answers for how many seconds everything stood still."""
        with self._one:
            self._files.keep_all(moto_state.object_keys())
            with self.gate.quiet(_PATIENCE):
                began = time.monotonic()
                count, saved = self._changes, dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
                payload, shapes = written(self._state(), self._parts, self._files)
                still = time.monotonic() - began
            self._folder.write({**_stamp(), "saved": saved, "shapes": shapes}, payload)
            self._files.sweep()
            self._kept, self._saved = count, saved
        return still

    def _state(self) -> dict[str, Any]:
        parts = {
            name: {attribute: getattr(part, attribute) for attribute in getattr(part, "KEPT", ())}
            for name, part in self._parts.items()
        }
        return {"url": self._url, "parts": parts, "moto": moto_state.collect()}

    def _work(self) -> None:
        pause = _SOONEST
        while not self._stopping.wait(pause):
            if self._changes != self._kept and not self._busy():
                pause = max(_SOONEST, _SHARE * self._try())

    def _try(self) -> float:
        """Write the state, if that can be; what fails is tried again, and the state of before stays."""
        try:
            return self.save()
        except Exception:  # the cloud goes on whatever happens to its state
            LOG.exception("the state could not be written")
            return _SOONEST

    def _save_at_last(self) -> None:
        if self._busy():
            return
        try:
            self.save()
        except Exception as error:
            kept = f"what was there at {self._saved} is kept" if self._saved else "nothing of it is kept"
            raise StateError(f"The state could not be written, {kept}: {error!r}") from error

    def _require_same(self, header: Json) -> None:
        here = _stamp()
        other = [f"{name} {header.get(name)} (here {here[name]})" for name in here if header.get(name) != here[name]]
        other += changed(header.get("shapes", {}))
        if other:
            raise StateError(
                f"The state in {self._folder.path} was written by other versions: {', '.join(other)}. Use those "
                f"versions to go on with it. {self._folder.instead}"
            )

    def _move(self, former: str) -> None:
        """Queues have the endpoint in their URLs, which stacks and functions know."""
        if former == self._url:
            return

        def moved(value: Any) -> Any:
            if isinstance(value, str):
                return value.replace(former, self._url)
            if isinstance(value, dict):
                return {key: moved(item) for key, item in value.items()}
            return [moved(item) for item in value] if isinstance(value, list) else value

        moto_state.move_functions(moved)
        for part in self._parts.values():
            getattr(part, "moved", _nothing_of)(moved)


def _stamp() -> Json:
    return {
        "format": FORMAT,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "moto": importlib.metadata.version("moto"),
        "rightpack": importlib.metadata.version("rightpack"),
    }


def _nothing() -> None:
    """Do nothing: most parts need no care when they are back."""


def _nothing_of(_moved: Callable[[Any], Any]) -> None:
    """Do nothing: most parts hold no URLs."""
