"""Validation of data in users' files against the models that define them, with messages in the bench's words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bench.errors import BenchError, did_you_mean

M = TypeVar("M", bound=BaseModel)
LONGEST = 60
"""The largest number of characters of a wrong value that are shown."""

_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}
_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
}


def validated(model: type[M], given: Any, place: str, section: str = "") -> M:
    """The settings with defaults filled in.

    A number may be quoted, since YAML itself reads ``1e-3`` as a string.

    Args:
        model: the model that defines the settings.
        given: the content of a YAML file.
        place: what a message begins with, such as the file.
        section: dotted path of these settings within the file.

    Raises:
        BenchError: a setting is unknown, missing, or of a wrong type or range; the message names all of them, each with
            its path and with what is allowed there.
    """
    try:
        settings = model.model_validate(given)
    except ValidationError as error:
        raise BenchError(f"{place}: " + "\n  ".join(problems(model, error, section))) from error
    if endless := list(_endless(settings.model_dump(), section)):
        raise BenchError(f"{place}: " + "\n  ".join(endless))
    return settings


def problems(model: type[BaseModel], error: ValidationError, section: str = "") -> list[str]:
    """What is wrong with data that does not fit a model, one line per place, in the bench's words.

    Args:
        model: the model that the data should fit.
        error: the error that validating the data raised.
        section: dotted path of the data within its file.

    Returns:
        Lines ``PATH: PROBLEM``, without the path where the data as a whole is wrong; each line once.
    """
    return list(dict.fromkeys(_line(model, section, detail) for detail in error.errors(include_url=False)))


def _endless(value: Any, path: str) -> Iterator[str]:
    """A line for each number in settings that JSON, and so a result, cannot hold: infinities and NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} is not a finite number"
    elif isinstance(value, Mapping | list | tuple):
        inner = value.items() if isinstance(value, Mapping) else enumerate(value)
        for name, each in inner:
            yield from _endless(each, f"{path}.{name}".strip("."))


def overridden(defaults: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The defaults, overridden by what is given, section by section."""
    both = {
        name: overridden(defaults[name], value)
        for name, value in given.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return {**defaults, **given, **both}


def check_sections(given: Mapping[Any, Any], place: str) -> None:
    """Check that ``metrics``, if given, holds a section or nothing for each metric.

    Without ``metrics`` a task measures all; an empty one reads as if it measured none, so it is rejected.

    Raises:
        BenchError: it does not; the message shows an example.
    """
    chosen = given.get("metrics")
    example = "write metrics: {psnr: {}, ssim: {}}, each with its settings"
    if chosen is not None and not isinstance(chosen, Mapping):
        raise BenchError(f"{place}: metrics: {_shown(chosen)} is not a section of settings; {example}")
    if "metrics" in given and not chosen:
        raise BenchError(f"{place}: metrics: is empty; leave it out to measure all metrics, or {example}")
    for name, section in (chosen or {}).items():
        if not isinstance(name, str) or not isinstance(section, Mapping | None):
            raise BenchError(f"{place}: metrics: {_shown({name: section})} is not a section of settings; {example}")


def _line(model: type[BaseModel], section: str, error: ErrorDetails) -> str:
    """Path and problem."""
    parts = [section, *(str(part) for part in error["loc"] if part != "[key]")]
    path = ".".join(part for part in parts if part)
    problem = _problem(model, section, error)
    return f"{path}: {problem}" if path else problem


def _problem(model: type[BaseModel], section: str, error: ErrorDetails) -> str:
    kind, value, loc, context = error["type"], error["input"], error["loc"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return _unknown(model, section, loc)
    if kind == "missing":
        return "is missing"
    if kind == "value_error":
        return str(context["error"])
    if kind == "literal_error":
        return f"{_shown(value)} is not {context['expected']}"
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{_shown(value)} is out of range: {words} {context[bound]}"
    if kind == "multiple_of":
        return f"{_shown(value)} is not a multiple of {context['multiple_of']}"
    if kind in ("model_type", "model_attributes_type", "dict_type", "mapping_type"):
        inner = _model_at(model, loc)
        names = f" of {', '.join(inner.model_fields)}" if inner else ""
        return f"{_shown(value)} is not a section of settings; write a mapping{names}"
    if kind == "invalid_key":
        return f"{_shown(value)} is not the name of a setting; put it in quotes if it is meant to be one"
    if kind == "string_pattern_mismatch":
        return f"{_shown(value)} does not have the form {context['pattern']}"
    if kind == "too_short":
        return f"has {context['actual_length']} entries, but needs at least {context['min_length']}"
    if kind in ("string_too_long", "string_too_short", "too_long"):
        bound = f"at most {context['max_length']}" if "max_length" in context else f"at least {context['min_length']}"
        return f"{_shown(value)} is too {kind.rpartition('_')[2]}: {bound}"
    if kind == "string_unicode":
        return f"{_shown(value)} is text that cannot be stored: it holds half of a surrogate pair"
    if expected := _KINDS.get(kind.partition("_")[0]):
        return f"{_shown(value)} is not {expected}"
    return f"{_shown(value)} is not allowed here"


def _unknown(model: type[BaseModel], section: str, loc: tuple[int | str, ...]) -> str:
    holder = _model_at(model, loc[:-1])
    names = list(holder.model_fields) if holder else []
    where = ".".join([section, *map(str, loc[:-1])]).strip(".")
    takes = f"{f'{where} takes' if where else 'there is'} {', '.join(names) or 'no settings'}"
    hint = did_you_mean(str(loc[-1]), names)
    return f"no such setting; {f'{hint} ({takes})' if hint else takes}"


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    """The model of the section at a path, if there is one."""
    holder: type[BaseModel] | None = model
    for part in loc:
        field = holder.model_fields.get(str(part)) if holder else None
        holder = _first_model(field.annotation) if field else (holder if isinstance(part, int) else None)
    return holder


def _first_model(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation is or contains, as ``Model | None`` and ``list[Model]`` do."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner: Callable[[Any], type[BaseModel] | None] = _first_model
    return next((model for argument in get_args(annotation) if (model := inner(argument))), None)


def _shown(value: Any) -> str:
    """A value as it is written in the file."""
    text = {None: "nothing", True: "true", False: "false"}.get(value) if isinstance(value, bool | None) else repr(value)
    assert text is not None
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
