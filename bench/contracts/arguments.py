"""Whether the arguments of a system fit the constructor of its imported class, in sentences for messages."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from bench import registry


def mistyped(factory: Any, arguments: Mapping[str, Any]) -> str:
    """A sentence on the first argument that is not of the type its constructor states; empty if all are."""
    from pydantic import TypeAdapter, ValidationError  # a tenth of a second, for a message

    words = {
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        str: "text",
        type(None): "nothing",
    }
    hints = get_type_hints(factory if inspect.isfunction(factory) else factory.__init__)
    for name, value in arguments.items():
        types = [hint for hint in get_args(hints.get(name)) or (hints.get(name),) if hint in words]
        try:
            if types:
                adapter: TypeAdapter[Any] = TypeAdapter(hints[name], config={"allow_inf_nan": False})
                adapter.validate_python(value, strict=True)
        except ValidationError:
            return f"{name} must be {' or '.join(words[kind] for kind in types)}, not {value!r}"
    return ""


def usage(entry: registry.Entry, factory: Any, stated: Mapping[str, Any]) -> str:
    """Which arguments a text may give: those of the constructor without the ones that the bench states."""
    try:
        names = [name for name in inspect.signature(factory).parameters if name not in stated]
    except ValueError:
        return f"{entry.name} is not a class of a system"
    return f"{entry.name} takes: {', '.join(names) or 'no arguments'}"
