"""Reads a template as CloudFormation would: functions resolved, resources by type and name, policies evaluated."""

from __future__ import annotations

import fnmatch
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LAMBDAS = Path(__file__).resolve().parents[2] / "lambdas"
#: What `lambdas/` holds: one folder per function.
FUNCTIONS = sorted(path.parent.name.replace("_", "-") for path in LAMBDAS.glob("*/handler.py"))
ACCOUNT, REGION = "111122223333", "eu-central-1"
PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws"}


@dataclass(frozen=True)
class Template:
    """One template with the defaults of its parameters."""

    raw: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Template:
        return cls(json.loads(path.read_text()))

    @classmethod
    def merged(cls, *templates: Template) -> Template:
        whole: dict[str, Any] = {"Parameters": {}, "Conditions": {}, "Resources": {}}
        for template in templates:
            for section, members in whole.items():
                found = template.raw.get(section, {})
                assert not members.keys() & found.keys(), "two stacks use one logical id"
                members.update(found)
        return cls(whole)

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if function == "Ref":
                return self._ref(argument)
            if function == "Fn::Join":
                return argument[0].join(self.resolve(argument[1]))
            if function == "Fn::Sub":
                return self._sub(argument)
            if function == "Fn::GetAtt":
                return f"<{argument[0]}.{argument[1]}>"
            if function.startswith("Fn::"):
                return self._logic(function, argument)
        return {key: self.resolve(item) for key, item in value.items()}

    def _logic(self, function: str, argument: Any) -> Any:
        if function == "Fn::If":
            return self.resolve(argument[1 if self.resolve(self.raw["Conditions"][argument[0]]) else 2])
        if function == "Fn::Not":
            return not self.resolve(argument[0])
        assert function == "Fn::Equals", f"the test template does not know {function}"
        return self.resolve(argument[0]) == self.resolve(argument[1])

    def _ref(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.raw.get("Parameters", {}):
            return self.raw["Parameters"][name]["Default"]
        return f"<{name}>"

    def _sub(self, argument: Any) -> str:
        text, values = argument if isinstance(argument, list) else (argument, {})
        known = {**PSEUDO, **{name: self.resolve(value) for name, value in values.items()}}
        return re.sub(r"\$\{([^}]*)\}", lambda match: known[match[1]], text)

    def of_type(self, cfn_type: str) -> dict[str, dict[str, Any]]:
        """Resolved properties by logical id."""
        return {
            name: self.resolve(resource.get("Properties", {}))
            for name, resource in self.raw["Resources"].items()
            if resource["Type"] == cfn_type and self._is_made(resource)
        }

    def _is_made(self, resource: dict[str, Any]) -> bool:
        return "Condition" not in resource or bool(self.resolve(self.raw["Conditions"][resource["Condition"]]))

    def by(self, cfn_type: str, key: str) -> dict[str, dict[str, Any]]:
        """Resolved properties by the value of one property, e.g. a name."""
        return {properties[key]: properties for properties in self.of_type(cfn_type).values()}

    def logical_id(self, cfn_type: str, key: str, value: str) -> str:
        return next(name for name, properties in self.of_type(cfn_type).items() if properties.get(key) == value)

    def statements(self, role: str) -> list[dict[str, Any]]:
        policies = self.by("AWS::IAM::Role", "RoleName")[role]["Policies"]
        return [statement for policy in policies for statement in policy["PolicyDocument"]["Statement"]]

    def actions(self, role: str) -> set[str]:
        return {action for statement in self.statements(role) for action in listed(statement["Action"])}

    def allows(self, role: str, action: str, resource: str) -> bool:
        return any(
            action in listed(statement["Action"])
            and any(fnmatch.fnmatchcase(resource, pattern) for pattern in listed(statement["Resource"]))
            for statement in self.statements(role)
        )


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def s3(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::rightpack-dev-{bucket}-{ACCOUNT}-{REGION}/{key}"
