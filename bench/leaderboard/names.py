"""Names and order of values in tables, as their registry lines say; a value without a line keeps its own name.

The order of the lines is the order of the columns. Values without a line stand after the listed quality metrics, by
name, so that a table never depends on what else is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench import registry
from bench.values import DETAIL, SECTIONS, Section, Value


@dataclass(frozen=True)
class Heading:
    """Presentation of one value in tables.

    Attributes:
        title: the column's title.
        section: quality first, then rates and codebooks, then cost.
        default: whether tables for people have the column; CSV and JSON have them all.
        percent: whether a fraction is shown as a percentage.
        unit: unit shown instead of the estimate's; empty if the title already says it, None for the estimate's.
        detail: whether it belongs to one level of a listed value, or to all levels jointly.
    """

    title: str
    section: Section = "quality"
    default: bool = True
    percent: bool = False
    unit: str | None = None
    detail: bool = False


_SEE = re.compile(r"\bsee \w+(?:(?:, | and | or )\w+)*")


def heading(metric: str) -> Heading:
    """Return the heading of a value; details of a listed value are for CSV and JSON only."""
    values = registry.values()
    if metric in values:
        return _heading(values[metric])
    match = _detail(metric, values)
    if not match:
        return Heading(metric)
    base, part = _heading(values[match["value"]]), match["part"].replace("_", " ")
    return replace(base, title=f"{base.title} ({part})", default=False, detail=True)


def _heading(value: Value) -> Heading:
    return Heading(value.title or value.name, value.section, value.default, value.percent, value.shown_unit)


def called(title: str) -> list[str]:
    """Return the listed values with this title, whatever its case, in full or without its part in brackets."""
    wanted = title.casefold()
    titles = {name: (value.title or name).casefold() for name, value in registry.values().items()}
    exact = [name for name, candidate in titles.items() if candidate == wanted]
    return exact or [name for name, candidate in titles.items() if candidate.partition(" (")[0] == wanted]


def titled(text: str) -> str:
    """Return a text whose references ("see NAME and NAME") use the titles that tables give the listed values."""
    values = registry.values()

    def replaced(clause: re.Match[str]) -> str:
        return re.sub(r"\w+", lambda word: heading(word[0]).title if word[0] in values else word[0], clause[0])

    return _SEE.sub(replaced, text)


def shown_in(metric: str, unit: str) -> tuple[str, float]:
    """Return unit and scale of a value in tables for people: shown number = scale · estimate, which is in ``unit``."""
    shown = heading(metric)
    percent = shown.percent and unit == ""
    return shown.unit if shown.unit is not None else "%" if percent else unit, 100.0 if percent else 1.0


def place(metric: str) -> tuple[int, bool, int, int, str]:
    """Return the sort key of a value's column; the details of a value follow it, the joint one last."""
    values = registry.values()
    match = _detail(metric, values)
    name = match["value"] if match else metric
    value = values.get(name) or Value(name)
    listed = list(values).index(name) if name in values else len(values)
    level = (int(match["level"]) if match["level"] else sys.maxsize) if match else -1
    return SECTIONS.index(value.section), value.last, listed, level, metric


def _detail(metric: str, values: Mapping[str, Value]) -> re.Match[str] | None:
    match = None if metric in values else DETAIL.fullmatch(metric)
    return match if match and match["value"] in values else None
