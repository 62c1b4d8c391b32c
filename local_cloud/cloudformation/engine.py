"""Creating, updating and deleting stacks, one at a time; every operation is finished when its call returns."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from local_cloud.account import ACCOUNT, REGION
from local_cloud.cloudformation.deployment import Deployment, remove
from local_cloud.cloudformation.resource import Context, ResourceType
from local_cloud.cloudformation.stacks import Stack, parameter_values
from local_cloud.cloudformation.template import ValidationError, parse
from local_cloud.wire import AwsError

LOG = logging.getLogger(__name__)
_KEEP = {"Retain", "RetainExceptOnCreate"}


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks for: a template, values for its parameters, and whether to keep the ruins of a failure."""

    name: str
    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    tags: Sequence[dict[str, str]] = ()
    keep_failed: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """How resources reach the services: boto3 clients by name, objects of S3, values of SSM parameters."""

    client: Callable[[str], Any]
    read_object: Callable[[str, str], bytes]
    ssm_value: Callable[[str], str]


class Engine:
    """The stacks of the account. In strict mode (the default) a property that nobody reads fails the deployment."""

    KEPT = ("stacks",)

    def __init__(self, types: Mapping[str, ResourceType], services: Services, *, strict: bool = True) -> None:
        self._types, self._services, self._strict = types, services, strict
        self._lock = threading.Lock()
        self.stacks: list[Stack] = []

    @property
    def busy(self) -> bool:
        """Whether a stack is being created, updated or deleted."""
        return self._lock.locked()

    def moved(self, moved: Callable[[Any], Any]) -> None:
        """Rewrite what stacks know of their resources: the endpoint is another than before a restart."""
        for stack in self.stacks:
            stack.outputs = moved(stack.outputs)
            for resource in stack.resources.values():
                resource.physical_id = moved(resource.physical_id)
                resource.properties, resource.attributes = moved(resource.properties), moved(resource.attributes)

    def find(self, name: str) -> Stack:
        """The stack of a name (if not deleted) or an id.

        Raises:
            ValidationError: There is none.
        """
        for stack in reversed(self.stacks):
            if stack.id == name or (stack.name == name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise ValidationError(f"Stack with id {name} does not exist")

    def exists(self, name: str) -> bool:
        """Whether there is a stack of that name."""
        return any(stack.name == name and stack.status != "DELETE_COMPLETE" for stack in self.stacks)

    def exports(self) -> dict[str, str]:
        """Exported outputs of all stacks."""
        living = [stack for stack in self.stacks if stack.status != "DELETE_COMPLETE"]
        outputs = [output for stack in living for output in stack.outputs]
        return {output["ExportName"]: output["OutputValue"] for output in outputs if "ExportName" in output}

    def create(self, order: Order) -> Stack:
        """Create a stack; a failing resource leaves it in ROLLBACK_COMPLETE, with the reason.

        Raises:
            AwsError: The template or the request is refused, nothing was done.
        """
        with self._lock:
            if self.exists(order.name):
                raise AwsError("AlreadyExistsException", f"Stack [{order.name}] already exists")
            stack = Stack(order.name, f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{order.name}/{uuid.uuid4()}")
            deployment = self._prepare(stack, order)
            self.stacks.append(stack)
            stack.become("CREATE_IN_PROGRESS", "User Initiated")
            self._carry_out(deployment, stack, order, verb="CREATE")
            return stack

    def update(self, order: Order) -> Stack:
        """Update a stack in place; a failing resource leaves it as it was, in UPDATE_ROLLBACK_COMPLETE.

        Raises:
            AwsError: The template or the request is refused, or there is nothing to update.
        """
        with self._lock:
            stack = self.find(order.name)
            former = (stack.text, stack.template, stack.parameters)
            deployment = self._prepare(stack, order)
            if (stack.template, stack.parameters) == former[1:]:
                stack.text, stack.template, stack.parameters = former
                raise ValidationError("No updates are to be performed.")
            stack.become("UPDATE_IN_PROGRESS", "User Initiated")
            if not self._carry_out(deployment, stack, order, verb="UPDATE"):
                stack.text, stack.template, stack.parameters = former
            return stack

    def delete(self, name: str) -> None:
        """Delete a stack and its resources but those it retains; one that resists leaves DELETE_FAILED."""
        with self._lock:
            if not any(name in {stack.name, stack.id} for stack in self.stacks):
                return
            stack = self.find(name)
            stack.become("DELETE_IN_PROGRESS", "User Initiated")
            failed = [
                logical_id for logical_id in reversed(list(stack.resources)) if not self._remove(stack, logical_id)
            ]
            if failed:
                stack.become("DELETE_FAILED", f"The following resource(s) failed to delete: {failed}")
            else:
                stack.outputs = []
                stack.become("DELETE_COMPLETE")

    def _remove(self, stack: Stack, logical_id: str) -> bool:
        resource = stack.resources[logical_id]
        if resource.declared.get("DeletionPolicy") in _KEEP:
            stack.note(resource, "DELETE_SKIPPED")
        elif not remove(stack, resource, self._types, self._context):
            return False
        del stack.resources[logical_id]
        return True

    def _prepare(self, stack: Stack, order: Order) -> Deployment:
        template = parse(order.text)
        given = dict(order.parameters)
        values = parameter_values(template.get("Parameters", {}), given, self._services.ssm_value)
        stack.text, stack.template, stack.parameters, stack.tags = order.text, template, values, list(order.tags)
        return Deployment(
            stack,
            template,
            values,
            types=self._types,
            context=self._context,
            exports=self.exports,
            strict=self._strict,
        )

    def _carry_out(self, deployment: Deployment, stack: Stack, order: Order, *, verb: str) -> bool:
        stack.generation += 1
        try:
            deployment.run()
        except AwsError as error:
            reason = f"{error.code}: {error.message}"
            LOG.warning("stack %s: %s", stack.name, reason)
            self._give_up(deployment, stack, verb=verb, keep=order.keep_failed, reason=reason)
            return False
        deployment.clean_up()
        stack.become(f"{verb}_COMPLETE")
        return True

    @staticmethod
    def _give_up(deployment: Deployment, stack: Stack, *, verb: str, keep: bool, reason: str) -> None:
        prefix = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        if keep:
            stack.become(f"{verb}_FAILED", reason)
            return
        stack.become(f"{prefix}_IN_PROGRESS", reason)
        deployment.roll_back()
        stack.become(f"{prefix}_COMPLETE", reason)

    def _context(self, stack: Stack, logical_id: str) -> Context:
        return Context(stack.name, logical_id, stack.generation, self._services.client, self._services.read_object)
