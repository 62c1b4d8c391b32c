"""One pass over a template: create what is new, update what changed, remove what is gone; or take it all back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from local_cloud.cloudformation.meaning import WITHOUT_MEANING, unknown
from local_cloud.cloudformation.properties import Properties
from local_cloud.cloudformation.resource import Context, Made, ResourceType
from local_cloud.cloudformation.stacks import Resource, Stack, creation_order
from local_cloud.cloudformation.template import ValidationError
from local_cloud.cloudformation.values import NO_VALUE, Sources, Values, pseudo_parameters
from local_cloud.wire import AwsError, Json, NotSimulatedError

LOG = logging.getLogger(__name__)
_KEEP = {"Retain", "RetainExceptOnCreate"}


class ResourceFailedError(AwsError):
    """A resource could not be made as its template says; names the resource and the service's reason."""

    def __init__(self, logical_id: str, kind: str, error: AwsError) -> None:
        super().__init__("ResourceFailed", f"{logical_id} ({kind}): {error.code}: {error.message}")


class Deployment:
    """Brings `stack` to `template`. `context` makes the context of a logical id; `strict` refuses unread properties."""

    def __init__(
        self,
        stack: Stack,
        template: Json,
        parameters: Mapping[str, Any],
        *,
        types: Mapping[str, ResourceType],
        context: Callable[[Stack, str], Context],
        exports: Callable[[], Mapping[str, str]],
        strict: bool,
    ) -> None:
        self._stack, self._template, self._types = stack, template, types
        self._context, self._strict = context, strict
        self._undo: list[Callable[[], object]] = []
        self._before = dict(stack.resources)
        self._now: dict[str, Resource] = {}
        self._replaced: list[Resource] = []
        pseudo = pseudo_parameters(stack.name, stack.id)
        sources = Sources(parameters, pseudo, self._physical_id, self._attribute, exports)
        self._values = Values(template, sources)

    def run(self) -> None:
        """Create and update everything, then compute the outputs.

        Raises:
            ResourceFailedError: The first resource that failed; nothing is taken back yet.
        """
        declared = self._template["Resources"]
        strange = sorted({item["Type"] for item in declared.values()} - set(self._types))
        if strange:
            raise NotSimulatedError(f"the resource types {strange}")
        for name in creation_order(declared):
            condition = declared[name].get("Condition")
            if condition is None or self._values.condition(condition):
                self._settle(name, declared[name])
        self._stack.outputs = self._outputs()
        self._stack.resources = dict(self._now)

    def clean_up(self) -> None:
        """Delete what the template no longer has, and what was replaced; failures are noted, not raised, as in AWS."""
        gone = [self._before[name] for name in reversed(self._before) if name not in self._now]
        for resource in [*self._replaced, *gone]:
            policy = "UpdateReplacePolicy" if resource in self._replaced else "DeletionPolicy"
            if resource.declared.get(policy) not in _KEEP:
                remove(self._stack, resource, self._types, self._context)

    def roll_back(self) -> None:
        """Take back everything done so far, last first."""
        for undo in reversed(self._undo):
            try:
                undo()
            except AwsError:
                LOG.exception("rolling back the stack %s", self._stack.name)
        self._stack.resources = self._before

    def _settle(self, name: str, declared: Json) -> None:
        kind = self._types[declared["Type"]]
        try:
            properties = self._values.resolve(declared.get("Properties", {}))
            self._refuse(kind, "the properties", unknown(kind.name, properties))
            self._now[name] = self._bring(name, declared, properties, kind)
        except AwsError as error:
            raise self._failed(name, kind, error) from error
        except (LookupError, TypeError, ValueError, AttributeError) as error:  # a template that is shaped wrongly
            raise self._failed(name, kind, ValidationError(f"Malformed properties: {error!r}")) from error

    def _failed(self, name: str, kind: ResourceType, error: AwsError) -> ResourceFailedError:
        status = "UPDATE_FAILED" if name in self._before else "CREATE_FAILED"
        self._stack.note((name, kind.name), status, f"{error.code}: {error.message}")
        return ResourceFailedError(name, kind.name, error)

    def _bring(self, name: str, declared: Json, properties: Json, kind: ResourceType) -> Resource:
        former = self._before.get(name)
        if former is None:
            return self._create(name, declared, properties, kind)
        if former.type != kind.name or _must_replace(kind, former.properties, properties):
            self._replaced.append(former)
            return self._create(name, declared, properties, kind)
        if former.properties == properties:
            former.declared = declared
            return former
        return self._update(former, declared, properties, kind)

    def _create(self, name: str, declared: Json, properties: Json, kind: ResourceType) -> Resource:
        context, watched = self._context(self._stack, name), Properties(properties)
        made = kind.create(context, watched)
        resource = Resource(name, declared, properties, made.physical_id, made.attributes)
        self._undo.append(lambda: remove(self._stack, resource, self._types, self._context))
        self._check_read(kind, watched)
        self._stack.note(resource, "CREATE_COMPLETE")
        return resource

    def _update(self, former: Resource, declared: Json, properties: Json, kind: ResourceType) -> Resource:
        stuck = [path for path in sorted(kind.lasting) if former.properties.get(path) != properties.get(path)]
        self._refuse(kind, "changes of the properties", stuck)
        context, watched = self._context(self._stack, former.logical_id), Properties(properties)
        self._undo.append(lambda: self._restore(former, properties, kind))
        made = self._apply(kind, context, former, watched, former.properties)
        self._check_read(kind, watched, kind.fixed)  # what is fixed has not changed
        resource = Resource(former.logical_id, declared, properties, made.physical_id, made.attributes)
        self._stack.note(resource, "UPDATE_COMPLETE")
        return resource

    def _restore(self, former: Resource, tried: Json, kind: ResourceType) -> None:
        context = self._context(self._stack, former.logical_id)
        self._apply(kind, context, former, Properties(former.properties), tried)

    @staticmethod
    def _apply(kind: ResourceType, context: Context, resource: Resource, new: Properties, old: Json) -> Made:
        if kind.update is None:  # _must_replace has sent such types another way
            raise ValidationError(f"{kind.name} cannot be updated")
        return kind.update(context, resource.physical_id, new, old)

    def _check_read(self, kind: ResourceType, watched: Properties, known: frozenset[str] = frozenset()) -> None:
        meaningless = WITHOUT_MEANING.get(kind.name, ())
        self._refuse(kind, "the properties", [p for p in watched.unread() if p not in known and p not in meaningless])

    def _refuse(self, kind: ResourceType, what: str, names: list[str]) -> None:
        if names and self._strict:
            raise NotSimulatedError(f"{what} {names} of {kind.name}")

    def _physical_id(self, name: str) -> str | None:
        return self._now[name].physical_id if name in self._now else None

    def _attribute(self, name: str, attribute: str) -> Any:
        if name not in self._now:
            raise ValidationError(f"Template error: Fn::GetAtt references undefined resource {name}")
        resource = self._now[name]
        if attribute not in resource.attributes:
            raise ValidationError(f"Template error: {resource.type} {name} has no attribute {attribute}")
        return resource.attributes[attribute]

    def _outputs(self) -> list[dict[str, str]]:
        found = []
        for name, declared in self._template.get("Outputs", {}).items():
            if "Condition" in declared and not self._values.condition(declared["Condition"]):
                continue
            value = self._values.resolve(declared["Value"])
            if value is not NO_VALUE:
                export = self._values.resolve(declared["Export"]["Name"]) if "Export" in declared else None
                entry = {"OutputKey": name, "OutputValue": str(value), "Description": declared.get("Description")}
                found.append({key: text for key, text in (entry | {"ExportName": export}).items() if text is not None})
        return found


def remove(
    stack: Stack, resource: Resource, types: Mapping[str, ResourceType], context: Callable[[Stack, str], Context]
) -> bool:
    """Delete one resource and write down how that went."""
    try:
        types[resource.type].delete(context(stack, resource.logical_id), resource.physical_id, resource.properties)
    except AwsError as error:
        stack.note(resource, "DELETE_FAILED", f"{error.code}: {error.message}")
        return False
    stack.note(resource, "DELETE_COMPLETE")
    return True


def _must_replace(kind: ResourceType, old: Json, new: Json) -> bool:
    if old == new:
        return False
    return kind.update is None or any(old.get(name) != new.get(name) for name in kind.fixed)
