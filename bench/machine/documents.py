"""Parsers of JSON and YAML that others wrote: a document has one meaning or is an error."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

MOST_NODES = 100_000
"""The most values of a YAML document with its aliases expanded; a few lines of aliases can stand for billions."""
_TOO_DEEP = "nested too deeply"
_BASE_EIGHT = re.compile(r"[-+]?0[0-9_]+")


def parse_json(text: str | bytes, finite: bool = True) -> Any:
    """The value of a JSON text.

    Args:
        finite: whether NaN and infinities, which JSON does not have but Python's parser accepts, are errors.

    Raises:
        ValueError: it is not UTF-8 or not JSON, has a key twice, is nested too deeply, or holds a number that is not
            finite or has thousands of digits; the message says which.
    """
    try:
        if not finite:
            return json.loads(text, object_pairs_hook=_without_duplicates)
        return json.loads(
            text, object_pairs_hook=_without_duplicates, parse_constant=_not_a_number, parse_float=_finite
        )
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def parse_yaml(text: str) -> Any:
    """The value of a YAML text, read by PyYAML's safe loader, which creates plain values only.

    YAML 1.1 reads ``0400`` as 256 and ``1:30`` as 90: both are errors here, as is a duplicate key.

    Raises:
        yaml.YAMLError: it is not YAML, or one of the above; mostly with the place (``MarkedYAMLError``).
    """
    try:
        tree = yaml.load(text, _Loader)
        if _size(tree, {}) > MOST_NODES:
            raise yaml.YAMLError(f"its aliases stand for more than {MOST_NODES} values")
    except RecursionError as error:
        raise yaml.YAMLError(_TOO_DEEP) from error
    except ValueError as error:  # from what looks like a number or a date but is not valid
        raise yaml.YAMLError(str(error)) from error
    return tree


def problem(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text, on one line without the place."""
    if isinstance(error, yaml.MarkedYAMLError):
        return error.problem or error.context or "not YAML"
    return str(error).splitlines()[0]


class _Loader(yaml.SafeLoader):
    """The safe loader, which rejects what is ambiguous instead of choosing a meaning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} appears twice; keep one", key.start_mark
                    )
                seen.add((key.tag, key.value))
        mapping: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return mapping

    def construct_decimal(self, node: yaml.ScalarNode) -> int | float:
        text = node.value
        if ":" in text or _BASE_EIGHT.fullmatch(text):
            base = "in base 60" if ":" in text else "in base 8"
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"{text} would be read {base}; put text in quotes, or write a plain number",
                node.start_mark,
            )
        value: int | float = (
            self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)
        )
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_decimal)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_decimal)


def _size(tree: Any, sizes: dict[int, int]) -> int:
    """How many values a tree has; a part that occurs in several places counts in each."""
    if not isinstance(tree, dict | list):
        return 1
    if id(tree) not in sizes:
        sizes[id(tree)] = MOST_NODES + 1  # for a part that contains itself
        sizes[id(tree)] = 1 + sum(_size(part, sizes) for part in (tree.values() if isinstance(tree, dict) else tree))
    return sizes[id(tree)]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} appears twice")
    return mapping


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        _not_a_number(number)
    return value


def _not_a_number(number: str) -> None:
    raise ValueError(f"{number[:20]} is not a finite number, which JSON requires")
