"""YAML with CloudFormation's short forms: apart, because it takes a library that is seldom needed."""

from __future__ import annotations

from typing import Any

import yaml

from lamina.stacks.faults import misformed

# What a short form's tag stands for, where that is not "Fn::" and the tag.
_WITHOUT_PREFIX = frozenset({"Ref", "Condition"})


class _Loader(yaml.SafeLoader):
    """YAML 1.1 less dates: `Version: 2012-10-17` is text to CloudFormation."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = _mapping(loader, node)
    return {suffix if suffix in _WITHOUT_PREFIX else f"Fn::{suffix}": value}


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    loader.flatten_mapping(node)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, (str, int, float, bool)):
            raise misformed(f"YAML not well-formed. (line {key_node.start_mark.line + 1}, a key that is not text)")
        # Account numbers as keys of a mapping are written without quotes as often as not.
        text = key_node.value if isinstance(key_node, yaml.ScalarNode) else str(key)
        if text in result:
            raise misformed(f"YAML not well-formed. (line {key_node.start_mark.line + 1}, duplicate key {text})")
        result[text] = loader.construct_object(value_node, deep=True)
    return result


_Loader.add_multi_constructor("!", _short_form)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


def read_yaml(text: str) -> Any:
    """What *text* holds, short forms written out; raises the API's error for what is no YAML."""
    if "&" in text and any(isinstance(token, yaml.AliasToken) for token in _tokens(text)):
        # As AWS has it; an alias of an alias of an alias would also fill the memory.
        raise misformed("YAML aliases are not allowed in CloudFormation templates")
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader, whose tags make dicts
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
        raise misformed(f"YAML not well-formed.{where}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise misformed("YAML not well-formed.") from error


def _tokens(text: str) -> list[Any]:
    try:
        return list(yaml.scan(text))
    except yaml.YAMLError as error:
        raise misformed("YAML not well-formed.") from error
