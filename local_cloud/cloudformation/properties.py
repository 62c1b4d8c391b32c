"""A resource's properties, which remember what was read: what nobody reads would be silently missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from local_cloud.cloudformation.template import ValidationError
from local_cloud.wire import Json


class Properties(Mapping[str, Any]):
    """Reading a member hands it over whole; `section` hands over a part whose own members are watched in turn."""

    def __init__(self, values: Json, path: str = "") -> None:
        self._values, self._path = values, path
        self._read: set[str] = set()
        self._sections: dict[str, Properties] = {}

    def __getitem__(self, name: str) -> Any:
        self._read.add(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def required(self, name: str) -> Any:
        """A member that must be there."""
        if name not in self._values:
            raise ValidationError(f"The property {self._path}{name} is required.")
        return self[name]

    def section(self, name: str) -> Properties:
        """A structure, empty if absent."""
        if name not in self._sections:
            self._sections[name] = Properties(self._values.get(name) or {}, f"{self._path}{name}.")
        self._read.add(name)
        return self._sections[name]

    def pick(self, *names: str) -> Json:
        """The named members that are there."""
        return {name: self[name] for name in names if name in self._values}

    def tags(self) -> dict[str, str]:
        """`Tags`, whichever of CloudFormation's two forms they have."""
        found = self["Tags"] if "Tags" in self._values else {}
        return dict(found) if isinstance(found, dict) else {tag["Key"]: str(tag["Value"]) for tag in found}

    def tag_list(self) -> list[dict[str, str]]:
        """`Tags` as a list of Key and Value."""
        return [{"Key": key, "Value": value} for key, value in self.tags().items()]

    def unread(self) -> list[str]:
        """Dotted paths of members that nobody has read."""
        own = [f"{self._path}{name}" for name in self._values if name not in self._read]
        return sorted(own + [path for section in self._sections.values() for path in section.unread()])
