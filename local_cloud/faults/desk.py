"""The desk that hands out faults: whoever could be struck asks here, and everything that struck is written down."""

from __future__ import annotations

import datetime as dt
import itertools
import threading
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field

from local_cloud.faults.fault import Armed, Fault, Kind, Place
from local_cloud.wire import AwsError, Json

Kill = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Struck:
    """One fault that struck: when (ISO 8601 in UTC), which one, where; `about` is the place's name without a cut."""

    time: str
    id: str
    kind: Kind
    where: str
    about: str = field(default="", repr=False)


class FaultDesk:
    """The faults of one cloud; asking costs nothing while there are none."""

    def __init__(self) -> None:
        self._armed: list[Armed] = []
        self._struck: list[Struck] = []
        self._ids = itertools.count(1)
        self._callers: dict[str, Kill] = {}
        self._lock = threading.Lock()
        self.on_clear: list[Callable[[], None]] = []  #: told of every `clear`: what is held back is let go

    def inject(self, fault: Fault) -> str:
        """Arm a fault and return its id.

        Raises:
            AwsError: ValidationException; it could never strike.
        """
        fault.check()
        with self._lock:
            armed = Armed(f"fault-{next(self._ids)}", fault)
            self._armed.append(armed)
        return armed.id

    def clear(self, fault_id: str = "") -> None:
        """Disarm a fault, or all of them; what struck stays written down.

        Raises:
            AwsError: ResourceNotFoundException.
        """
        with self._lock:
            if fault_id and not any(armed.id == fault_id for armed in self._armed):
                raise AwsError("ResourceNotFoundException", f"There is no fault {fault_id!r}.", 404)
            self._armed = [armed for armed in self._armed if fault_id and armed.id != fault_id]
        for told in self.on_clear:
            told()

    def armed(self) -> list[Json]:
        """Every fault with how many places matched it (`seen`) and how often it struck (`fired`)."""
        with self._lock:
            return [{"id": a.id, "seen": a.seen, "fired": a.fired, **asdict(a.fault)} for a in self._armed]

    def struck(self) -> list[Struck]:
        """Everything that struck, oldest first."""
        with self._lock:
            return list(self._struck)

    def take(self, kinds: Collection[Kind], place: Place) -> Fault | None:
        """The fault of one of these kinds that strikes here now; None if all goes well."""
        if not self._armed:
            return None
        with self._lock:
            found = next((a for a in self._armed if a.fault.kind in kinds and a.strikes(place)), None)
            if found is None:
                return None
            now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
            self._struck.append(Struck(now, found.id, found.fault.kind, str(place), place.name))
        return found.fault

    def knows_caller(self, access_key: str, kill: Kill) -> None:
        """Remember how to kill the process that calls with an access key."""
        self._callers[access_key] = kill

    def can_kill(self, access_key: str) -> bool:
        """Whether a caller is a process of this cloud."""
        return access_key in self._callers

    def kill(self, access_key: str) -> None:
        """Kill the process that calls with an access key."""
        self._callers.pop(access_key)()
