"""The places in the user's code that an error comes from, found in its traceback."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.machine.dependencies import installed

MOST_PLACES = 3
_FRAME = re.compile(r'^ *File "(.+)", line (\d+)(?:, in (.+))?\n(?: {4,}(\S.*)\n)?', re.MULTILINE)
_CHAINED = re.compile(r"^(?:The above exception was the direct cause|During handling of the above)", re.MULTILINE)


@dataclass(frozen=True)
class Place:
    """A line of the user's code that was being executed."""

    file: str
    line: int
    function: str
    source: str

    def __str__(self) -> str:
        """The place for people on this machine, with the path relative to the working directory if it is below it."""
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line}, in {self.function}: {self.source}".rstrip(": ")

    @property
    def short(self) -> str:
        """The place for results, which show no folders of this machine."""
        return f"{Path(self.file).name}:{self.line}, in {self.function}"


def places(trace: str) -> list[Place]:
    """At most three innermost lines of a traceback that are the user's code, outermost first.

    That is code neither of the bench nor of an installed package. Of chained errors, the last one that has such lines
    counts.
    """
    for part in reversed(_CHAINED.split(trace)):
        if users := list(_users(part)):
            return users[-MOST_PLACES:]
    return []


def trace_of(error: BaseException) -> str:
    """The traceback of an error as text."""
    return "".join(traceback.format_exception(error))


def summary_of(error: BaseException) -> str:
    """The type, the message and the place of an error."""
    text = f"{type(error).__name__}: {error}"
    where = places(trace_of(error))
    return f"{text} ({where[-1].short})" if where else text


def _users(trace: str) -> Iterator[Place]:
    for file, line, function, source in _FRAME.findall(trace):
        path = os.path.normpath(Path.cwd() / file)
        if not file.startswith("<") and not path.startswith(_foreign()):
            yield Place(path, int(line), function or "<module>", source)


@cache
def _foreign() -> tuple[str, ...]:
    """How the paths of code begin that is not the user's."""
    return tuple(f"{os.path.normpath(folder)}{os.sep}" for folder in installed())
