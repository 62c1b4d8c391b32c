"""Parameters of a pipeline: declared with a type, given as text, bound at the start of an execution."""

from __future__ import annotations

from typing import Any

from local_cloud.sagemaker.errors import invalid
from local_cloud.wire import Json

_TYPES = {"String": str, "Integer": int, "Float": float, "Boolean": bool}
_BOOLEANS = {"true": True, "false": False}


def check_declared(parameters: list[Json]) -> None:
    """Refuse a declaration of parameters that could not be bound."""
    names = [parameter.get("Name") for parameter in parameters]
    repeated = sorted({str(name) for name in names if names.count(name) > 1})
    if repeated:
        raise invalid(f"Parameter names must be unique: {', '.join(repeated)}.")
    for parameter in parameters:
        name, kind = parameter.get("Name"), parameter.get("Type")
        if kind not in _TYPES:
            raise invalid(f"Parameter [{name}] has the unknown type {kind!r}; known are {', '.join(_TYPES)}.")
        if parameter.get("DefaultValue") is not None:
            _check_default(parameter)


def _check_default(parameter: Json) -> None:
    value = parameter["DefaultValue"]
    wanted = (int, float) if parameter["Type"] == "Float" else _TYPES[parameter["Type"]]
    if not isinstance(value, wanted) or (isinstance(value, bool) and parameter["Type"] != "Boolean"):
        raise invalid(f"Default {value!r} of parameter [{parameter['Name']}] is not of type {parameter['Type']}.")
    _check_allowed(parameter, value)


def bind(declared: list[Json], given: list[Json]) -> dict[str, Any]:
    """Bind the parameters of a start to typed values; raises `ValidationException` naming the parameter."""
    texts = {item["Name"]: item["Value"] for item in given}
    known = {parameter["Name"]: parameter for parameter in declared}
    unknown = sorted(set(texts) - set(known))
    if unknown:
        raise invalid(f"Parameters [{', '.join(unknown)}] are not defined in the pipeline definition.")
    return {name: _value(parameter, texts) for name, parameter in known.items()}


def _value(parameter: Json, texts: dict[str, str]) -> Any:
    name = parameter["Name"]
    if name not in texts:
        if parameter.get("DefaultValue") is None:
            raise invalid(f"Parameter [{name}] has no default value and none was given.")
        return parameter["DefaultValue"]
    value = _parsed(parameter, texts[name])
    _check_allowed(parameter, value)
    return value


def _parsed(parameter: Json, text: str) -> Any:
    kind = parameter["Type"]
    try:
        return _BOOLEANS[text.lower()] if kind == "Boolean" else _TYPES[kind](text)
    except (KeyError, ValueError):
        raise invalid(f"Value {text!r} of parameter [{parameter['Name']}] is not of type {kind}.") from None


def _check_allowed(parameter: Json, value: Any) -> None:
    allowed = parameter.get("EnumValues")
    if allowed and value not in allowed:
        shown = ", ".join(map(str, allowed))
        raise invalid(f"Value {value!r} of parameter [{parameter['Name']}] is not one of: {shown}.")


def as_text(value: Any) -> str:
    """Write a value as the service does where text is wanted: booleans in lower case."""
    return str(value).lower() if isinstance(value, bool) else str(value)
