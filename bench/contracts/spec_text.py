"""The parts of what a user writes to name a system: name, arguments, values. Paths may hold the signs between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.machine.documents import parse_yaml

_CLASS = re.compile(r"\.py:[^@=,/:]+")


def name_and_rest(text: str) -> tuple[str, str, str]:
    """The name, the sign ``@`` or ``=`` (or nothing), and what follows it.

    The name ends at the first of these signs, that of a class of a file (``lr=0.1/tok.py:T``) at the first after the
    file's path.
    """
    start = next((match.start() for match in _CLASS.finditer(text) if Path(text[: match.start()] + ".py").is_file()), 0)
    if text.endswith(".py") and Path(text).is_file():
        return text, "", ""
    ends = [position for position in (text.find("@", start), text.find("=", start)) if position >= 0]
    cut = min(ends, default=len(text))
    return text[:cut], text[cut : cut + 1], text[cut + 1 :]


def class_file(text: str) -> str:
    """The path of the file in a text that looks like ``file.py:Class``; empty if it does not."""
    match = _CLASS.search(text)
    return text[: match.start()] + ".py" if match else ""


def arguments(text: str) -> Iterator[tuple[str, str]]:
    """The key and value of each argument in ``key=value,key=value``; the key is empty where none is given.

    A comma ends a value, unless it is within quotes or brackets, or within the path of something that exists.
    """
    parts = _split(text)
    while parts:
        lengths = range(len(parts), 1, -1)
        joined = next((n for n in lengths if _is_one_path(",".join(parts[:n]))), 1)
        yield _pair(",".join(parts[:joined]))
        parts = parts[joined:]


def value(text: str) -> Any:
    """The value of a text as YAML reads it; the path of something that exists stays as it is written.

    Raises:
        yaml.YAMLError: it is not a YAML value.
    """
    return text if names_path(text) else parse_yaml(text)


def names_path(text: str) -> bool:
    """Whether a text looks like a path and something exists there."""
    return ("/" in text or "." in text) and Path(text).exists()


def _is_one_path(text: str) -> bool:
    """Whether a text with commas is one argument, whose value names an existing path; a key has no comma."""
    key, value = _pair(text)
    return "," not in key and names_path(value)


def _pair(part: str) -> tuple[str, str]:
    key, equals, rest = part.partition("=")
    return (key, rest) if equals else ("", part)


def _split(text: str) -> list[str]:
    """The parts between commas that are neither in quotes nor in brackets."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and parts[-1][-1:] in ("=", ",", "[", "{", " ", ""):
            quote = sign
        depth += (sign in "[{") - (sign in "]}") if not quote else 0
        if sign == "," and not quote and depth <= 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts
