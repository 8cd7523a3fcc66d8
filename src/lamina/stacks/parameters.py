"""A stack's parameters: what callers give, what the template says of them, what they come to."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.stacks.faults import invalid, misformed

_FROM_STORE = re.compile(r"AWS::SSM::Parameter::Value<(.+)>")
_LISTS = re.compile(r"List<.+>|CommaDelimitedList")
_TYPES = re.compile(
    r"String|Number|CommaDelimitedList|List<Number>|List<String>|(List<)?AWS::[A-Za-z0-9:]+>?"
    r"|AWS::SSM::Parameter::(Name|Value<.+>)"
)
HIDDEN = "****"
# A parameter's name in the store -> its value; raises the API's error where there is none.
Store = Callable[[str], str]
# A template's section of parameters.
Declared = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a stack: its text as given, and what the store held for it where it names a parameter there."""

    given: str
    resolved: str | None = None


def choose(
    declarations: Declared, given: Sequence[Mapping[str, Any]], previous: Mapping[str, Parameter], store: Store
) -> dict[str, Parameter]:
    """The parameters that *declarations* ask for, by name, from what a request gave and what the stack had before."""
    texts = _given(declarations, given, previous)
    chosen: dict[str, Parameter] = {}
    missing = []
    for name, declared in declarations.items():
        text = texts.get(name, declared.get("Default"))
        if text is None:
            missing.append(name)
            continue
        parameter = Parameter(_as_text(text))
        _check(name, declared, parameter.given)
        if _FROM_STORE.fullmatch(str(declared.get("Type"))):
            parameter = Parameter(parameter.given, store(parameter.given))
        chosen[name] = parameter
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    return chosen


def values(declarations: Declared, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """What Ref of each of *parameters* comes to: a list for the types that are one."""
    return {name: _value(str(declarations[name].get("Type")), each) for name, each in parameters.items()}


def is_hidden(declarations: Declared, name: str) -> bool:
    """Whether nobody is to be shown the value of the parameter *name*."""
    return str(declarations.get(name, {}).get("NoEcho", "false")).lower() == "true"


def check_types(declarations: Declared) -> None:
    """Raise the API's error for a parameter of no type there is."""
    for name, declared in declarations.items():
        kind = declared.get("Type")
        if not isinstance(kind, str):
            raise misformed(f"Every Parameters object must contain a Type member, and {name} has none.")
        if not _TYPES.fullmatch(kind):
            raise misformed(f"Unrecognized parameter type: {kind}")


def _given(
    declarations: Declared, given: Sequence[Mapping[str, Any]], previous: Mapping[str, Parameter]
) -> dict[str, str]:
    texts: dict[str, str] = {}
    unknown = []
    for each in given:
        name = each.get("ParameterKey", "")
        if name not in declarations:
            unknown.append(name)
        elif not each.get("UsePreviousValue"):
            texts[name] = each.get("ParameterValue", "")
        elif name in previous:
            texts[name] = previous[name].given
        elif "Default" not in declarations[name]:
            raise invalid(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a"
                " parameter key not in the previous template"
            )
    if unknown:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return texts


def _check(name: str, declared: Mapping[str, Any], text: str) -> None:
    kind = str(declared.get("Type"))
    told = declared.get("ConstraintDescription")
    parts = text.split(",") if _LISTS.fullmatch(kind) else [text]
    for part in map(str.strip, parts):
        problem = _problem(name, kind, declared, part)
        if problem is not None:
            raise invalid(f"Parameter {name} failed to satisfy constraint: {told}" if told else problem)


def _problem(name: str, kind: str, declared: Mapping[str, Any], text: str) -> str | None:
    allowed = declared.get("AllowedValues")
    if allowed is not None and text not in [_as_text(each) for each in allowed]:
        told = ", ".join(_as_text(each) for each in allowed)
        return f"Parameter '{name}' must be one of AllowedValues [{told}]"
    pattern = declared.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(str(pattern), text):
        return f"Parameter '{name}' must match pattern {pattern}"
    if kind in ("Number", "List<Number>"):
        try:
            number = float(text)
        except ValueError:
            return f"Parameter '{name}' must be a number."
        if "MinValue" in declared and number < float(declared["MinValue"]):
            return f"Parameter '{name}' must be a number not less than {declared['MinValue']}"
        if "MaxValue" in declared and number > float(declared["MaxValue"]):
            return f"Parameter '{name}' must be a number not greater than {declared['MaxValue']}"
    if "MinLength" in declared and len(text) < int(declared["MinLength"]):
        return f"Parameter '{name}' must contain at least {declared['MinLength']} characters"
    if "MaxLength" in declared and len(text) > int(declared["MaxLength"]):
        return f"Parameter '{name}' must contain at most {declared['MaxLength']} characters"
    return None


def _value(kind: str, parameter: Parameter) -> Any:
    text = parameter.given if parameter.resolved is None else parameter.resolved
    stored = _FROM_STORE.fullmatch(kind)
    if _LISTS.fullmatch(stored.group(1) if stored else kind):
        return [part.strip() for part in text.split(",")]
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ",".join(map(_as_text, value))
    return str(value)
