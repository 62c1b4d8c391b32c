"""Reading a template: JSON, or YAML with the short forms of the intrinsic functions."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml  # type: ignore[import-untyped]  # its stubs are not among the tools

from local_cloud.wire import AwsError, Json, NotSimulatedError

_SECTIONS = {
    *(
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Mappings",
        "Conditions",
        "Resources",
        "Outputs",
    ),
    "Rules",  # assertions about parameters; CDK writes one that checks the bootstrap version
}
_LIMIT = 1_048_576


class ValidationError(AwsError):
    """CloudFormation's answer to a template or a request that makes no sense."""

    def __init__(self, message: str) -> None:
        super().__init__("ValidationError", message)


def parse(text: str) -> Json:
    """Parse a template body.

    Raises:
        ValidationError: Not a template.
        NotSimulatedError: Macros, modules and other sections that are not carried out.
    """
    if len(text.encode()) > _LIMIT:
        raise ValidationError(f"The template has {len(text.encode())} bytes; CloudFormation takes at most {_LIMIT}.")
    try:
        body = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    except (ValueError, yaml.YAMLError) as error:
        raise ValidationError(f"Template format error: {error}") from error
    if not isinstance(body, dict) or not body.get("Resources"):
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    unknown = sorted(set(body) - _SECTIONS)
    if unknown:
        raise NotSimulatedError(f"the template sections {unknown}")
    untyped = [name for name, resource in body["Resources"].items() if "Type" not in resource]
    if untyped:
        raise ValidationError(f"Template format error: {untyped} have no Type.")
    return body


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Safe YAML without dates (`2012-10-17` is a policy version) and with `!Ref` and its kin."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class's own shape
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    value = _plain(loader, node)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


def _plain(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    raise ValidationError(f"Template format error: {node} is no value")


_Loader.add_multi_constructor("!", _short_form)

_PLACEHOLDER = re.compile(r"\$\{(!?)\s*([\w.:]+)\s*\}")


def substitute(text: str, value_of: Any) -> str:
    """Fill the `${Name}` of Fn::Sub with `value_of(name)`, once; `${!Name}` stays as `${Name}`."""
    return _PLACEHOLDER.sub(lambda found: f"${{{found[2]}}}" if found[1] else str(value_of(found[2])), text)


def references(value: Any) -> set[str]:
    """Names that a value refers to by Ref, Fn::GetAtt or Fn::Sub (resources, parameters and pseudo parameters)."""
    if isinstance(value, list):
        return set().union(*map(references, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    found = set().union(*map(references, value.values())) if value else set()
    if "Ref" in value:
        found.add(value["Ref"])
    if "Fn::GetAtt" in value:
        target = value["Fn::GetAtt"]
        found.add(target.split(".")[0] if isinstance(target, str) else target[0])
    if "Fn::Sub" in value:
        found |= _substituted(value["Fn::Sub"])
    return found


def _substituted(argument: Any) -> set[str]:
    text, own = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])
    names = {name.split(".")[0] for literal, name in _PLACEHOLDER.findall(text) if not literal}
    return names - set(own)
