"""Manual hands: a person approves, rejects or rolls back a model version, and says why.

The registry changes first, then the ledger gets a record; the registry keeps who, when and why as well, so nothing is
lost between the two. The next training report of the group tells what was done.
"""

from __future__ import annotations

import datetime as dt
import difflib
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rightpack.errors import SettingsError
from rightpack.layout import Layout
from rightpack.ledger import MOST_REASON, Ledger, Run, RunState, stamp
from rightpack.registry import ModelPackage, Outcome, Registry

PIPELINE: Final = "registry"  # what the ledger files such changes under
MOST_NEAREST: Final = 3


@dataclass(frozen=True, slots=True)
class Reason:
    """Who changes something, why, and when."""

    who: str
    why: str
    now: dt.datetime

    def __post_init__(self) -> None:
        """A change without a reason helps nobody who reads of it later."""
        if not self.why.strip():
            raise SettingsError("Say why: --why TEXT ends in the registry, the ledger and the next training report.")


@dataclass(frozen=True, slots=True)
class Hands:
    """Changes model versions of one stage. A model is `carton/3`, `rightpack-dev-carton/3` or an ARN.

    Every method returns the ledger's record, and raises SettingsError where the model is not known or not in a state to
    be changed so.
    """

    registry: Registry
    ledger: Ledger
    layout: Layout

    def approve(self, model: str, reason: Reason) -> Run:
        """Make a version the one that serves, however old it is."""
        package = self.find(model)
        self._set(package, Outcome.APPROVED, "approve", reason)
        return self._record("approve", package, reason)

    def reject(self, model: str, reason: Reason) -> Run:
        """Take a version out of use; the one that was approved before it serves again, if there is one."""
        package = self.find(model)
        self._set(package, Outcome.REJECTED, "reject", reason)
        return self._record("reject", package, reason)

    def rollback(self, model: str, reason: Reason) -> Run:
        """Approve the version that served before the champion again, and reject the champion.

        `model` may be the group alone; a version must be the champion. The record names the version that serves now.
        """
        champion = self._champion(model)
        approved = [p for p in self.registry.versions(champion.group, Outcome.APPROVED) if p.arn != champion.arn]
        before = max(approved, key=lambda p: (p.approved_at, p.version), default=None)
        if before is None:
            raise SettingsError(
                f"{self._name(champion)} is the only approved version of its group, so there is none to go back to. "
                "`rightpack reject` takes it out of use; its package type is then left out of the recommendations."
            )
        # In this order some version serves at every moment.
        self._set(before, Outcome.APPROVED, "rollback", reason)
        self._set(champion, Outcome.REJECTED, "rollback", reason)
        return self._record("rollback", before, reason)

    def find(self, model: str) -> ModelPackage:
        """The version called `model`; SettingsError names the nearest ones if there is none."""
        group, version = self._split(model)
        known = {self._name(p): p for p in self._versions(group)}
        name = f"{self._short(group)}/{version}"
        if name in known:
            return known[name]
        raise SettingsError(f"There is no model {model!r}. {_nearest(name, self._everything(known, group))}")

    def _champion(self, model: str) -> ModelPackage:
        group, version = self._split(model)
        if not version and group not in self._groups():
            raise SettingsError(f"There is no group {model!r}. {_nearest(model, map(self._short, self._groups()))}")
        named = self.find(model) if version else None
        champion = self.registry.champion(group)
        if champion is None:
            raise SettingsError(f"No version of {self._short(group)} is approved, so there is nothing to roll back.")
        if named is not None and named.arn != champion.arn:
            raise SettingsError(
                f"{self._name(named)} does not serve; {self._name(champion)} does. Roll that back, or approve or "
                "reject a version by name."
            )
        return champion

    def _split(self, model: str) -> tuple[str, str]:
        """Group and version of a name or ARN; the version is empty where only a group is named."""
        group, _, version = model.rpartition(":model-package/")[2].partition("/")
        prefix = self.layout.named("")
        return (group if group.startswith(prefix) else prefix + group), version

    def _groups(self) -> list[str]:
        return self.registry.groups(self.layout.named(""))

    def _versions(self, group: str) -> list[ModelPackage]:
        return list(self.registry.versions(group)) if group in self._groups() else []

    def _everything(self, known: dict[str, ModelPackage], group: str) -> list[str]:
        """Names to suggest: versions of the group, or of all groups where that one does not exist."""
        return list(known) or [self._name(p) for g in self._groups() if g != group for p in self._versions(g)]

    def _short(self, group: str) -> str:
        return group.removeprefix(self.layout.named(""))

    def _name(self, package: ModelPackage) -> str:
        return f"{self._short(package.group)}/{package.version}"

    def _set(self, package: ModelPackage, outcome: Outcome, how: str, reason: Reason) -> None:
        self.registry.set_status(package.arn, outcome, reason.why, now=reason.now, by=reason.who, how=how)

    def _record(self, mode: str, package: ModelPackage, reason: Reason) -> Run:
        return self.ledger.claim(record(mode, package, self._short(package.group), reason))


def record(mode: str, package: ModelPackage, package_type: str, reason: Reason, *, once: bool = False) -> Run:
    """What the ledger keeps of a change by hand; one that is made `once` per version has one id all day."""
    moment, day = stamp(reason.now), reason.now.astimezone(dt.UTC).date().isoformat()
    named = "\n".join((package.arn, mode) if once else (package.arn, mode, moment))
    return Run(
        run_id=f"{PIPELINE}-{day}-{hashlib.sha256(named.encode()).hexdigest()[:12]}",
        pipeline=PIPELINE,
        state=RunState.COMPLETED,
        created_at=moment,
        updated_at=moment,
        mode=mode,
        business_date=day,
        package_type=package_type,
        reason=reason.why[:MOST_REASON],
        model=package.arn,
        who=reason.who,
    )


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    if not names:
        return "No model is registered yet."
    close = difflib.get_close_matches(name, names, n=MOST_NEAREST, cutoff=0.5) or sorted(names)[:MOST_NEAREST]
    return f"The nearest are {', '.join(close)}; `rightpack models` lists all."
