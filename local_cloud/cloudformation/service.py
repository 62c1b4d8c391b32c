"""CloudFormation's API over the engine. Stack operations are done when the call returns, so waiters never wait."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable, Mapping

from local_cloud.cloudformation.engine import Engine, Order
from local_cloud.cloudformation.stacks import Event, Resource, Stack
from local_cloud.cloudformation.template import ValidationError, parse
from local_cloud.wire import Call, Json, Operation

_PATH_STYLE = re.compile(r"^/(?P<bucket>[^/]+)/(?P<key>.+)$")


class CloudFormation:
    """The service as the gateway sees it."""

    def __init__(self, engine: Engine, read_object: Callable[[str, str], bytes]) -> None:
        self._engine, self._read_object = engine, read_object

    @property
    def signing_name(self) -> str:
        """Name in the SigV4 scope."""
        return "cloudformation"

    def operations(self) -> Mapping[str, Operation]:
        """What is answered; change sets, stack sets and drift are not."""
        return {
            "CreateStack": self._create,
            "UpdateStack": self._update,
            "DeleteStack": self._delete,
            "DescribeStacks": self._describe,
            "DescribeStackEvents": self._events,
            "DescribeStackResources": self._resources,
            "DescribeStackResource": self._resource,
            "ListStackResources": self._list_resources,
            "ListStacks": self._list,
            "ListExports": self._exports,
            "GetTemplate": self._template,
            "ValidateTemplate": self._validate,
        }

    def _create(self, _call: Call, request: Json) -> Json:
        keep = request.get("OnFailure") == "DO_NOTHING" or request.get("DisableRollback") == "true"
        order = Order(
            request["StackName"], self._text(request), _parameters(request, {}), request.get("Tags", []), keep
        )
        return {"StackId": self._engine.create(order).id}

    def _update(self, _call: Call, request: Json) -> Json:
        stack = self._engine.find(request["StackName"])
        previous = request.get("UsePreviousTemplate") == "true"
        text = stack.text if previous else self._text(request)
        order = Order(stack.name, text, _parameters(request, stack.parameters), request.get("Tags", stack.tags))
        return {"StackId": self._engine.update(order).id}

    def _delete(self, _call: Call, request: Json) -> Json:
        self._engine.delete(request["StackName"])
        return {}

    def _describe(self, _call: Call, request: Json) -> Json:
        if "StackName" in request:
            return {"Stacks": [_stack(self._engine.find(request["StackName"]))]}
        living = [stack for stack in self._engine.stacks if stack.status != "DELETE_COMPLETE"]
        return {"Stacks": [_stack(stack) for stack in living]}

    def _events(self, _call: Call, request: Json) -> Json:
        stack = self._engine.find(request["StackName"])
        return {
            "StackEvents": [_event(stack, number, event) for number, event in reversed(list(enumerate(stack.events)))]
        }

    def _resources(self, _call: Call, request: Json) -> Json:
        stack = self._engine.find(request["StackName"])
        return {"StackResources": [_stack_names(stack) | _resource(item) for item in stack.resources.values()]}

    def _resource(self, _call: Call, request: Json) -> Json:
        stack = self._engine.find(request["StackName"])
        name = request["LogicalResourceId"]
        if name not in stack.resources:
            raise ValidationError(f"Resource {name} does not exist for stack {stack.name}")
        resource = stack.resources[name]
        detail = _stack_names(stack) | _resource(resource) | {"LastUpdatedTimestamp": resource.updated}
        return {"StackResourceDetail": detail}

    def _list_resources(self, _call: Call, request: Json) -> Json:
        stack = self._engine.find(request["StackName"])
        items = stack.resources.values()
        return {"StackResourceSummaries": [_resource(item) | {"LastUpdatedTimestamp": item.updated} for item in items]}

    def _list(self, _call: Call, request: Json) -> Json:
        wanted = set(request.get("StackStatusFilter", []))
        chosen = [stack for stack in self._engine.stacks if not wanted or stack.status in wanted]
        names = ("StackId", "StackName", "CreationTime", "StackStatus")
        return {"StackSummaries": [{name: _stack(stack)[name] for name in names} for stack in chosen]}

    def _exports(self, _call: Call, _request: Json) -> Json:
        return {"Exports": [{"Name": name, "Value": value} for name, value in self._engine.exports().items()]}

    def _template(self, _call: Call, request: Json) -> Json:
        return {"TemplateBody": self._engine.find(request["StackName"]).text, "StagesAvailable": ["Original"]}

    def _validate(self, _call: Call, request: Json) -> Json:
        declared = parse(self._text(request)).get("Parameters", {})
        return {
            "Parameters": [
                {"ParameterKey": name, "DefaultValue": spec.get("Default")} for name, spec in declared.items()
            ]
        }

    def _text(self, request: Json) -> str:
        if "TemplateBody" in request:
            return str(request["TemplateBody"])
        found = _PATH_STYLE.match(urllib.parse.urlsplit(request.get("TemplateURL", "")).path)
        if not found:
            raise ValidationError("Either TemplateBody or a TemplateURL of the form .../bucket/key is needed.")
        return self._read_object(found["bucket"], found["key"]).decode()


def _parameters(request: Json, previous: Mapping[str, str]) -> dict[str, str]:
    listed = request.get("Parameters") or []
    return {
        item["ParameterKey"]: previous[item["ParameterKey"]]
        if item.get("UsePreviousValue") == "true"
        else item["ParameterValue"]
        for item in listed
    }


def _stack_names(stack: Stack) -> Json:
    return {"StackName": stack.name, "StackId": stack.id}


def _stack(stack: Stack) -> Json:
    parameters = [{"ParameterKey": name, "ParameterValue": _text_of(value)} for name, value in stack.parameters.items()]
    return _stack_names(stack) | {
        "CreationTime": stack.created,
        "StackStatus": stack.status,
        "StackStatusReason": stack.reason or None,
        "Description": stack.template.get("Description"),
        "Parameters": parameters,
        "Outputs": stack.outputs,
        "Tags": stack.tags,
        "DisableRollback": False,
    }


def _text_of(value: object) -> str:
    return ",".join(value) if isinstance(value, list) else value if isinstance(value, str) else json.dumps(value)


def _resource(resource: Resource) -> Json:
    return {
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        "ResourceStatus": resource.status,
        "Timestamp": resource.updated,
    }


def _event(stack: Stack, number: int, event: Event) -> Json:
    return _stack_names(stack) | {
        "EventId": f"{stack.id.rsplit('/', 1)[-1]}-{number}",
        "LogicalResourceId": event.logical_id,
        "PhysicalResourceId": event.physical_id,
        "ResourceType": event.type,
        "Timestamp": event.time,
        "ResourceStatus": event.status,
        "ResourceStatusReason": event.reason or None,
    }
