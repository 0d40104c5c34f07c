"""Errors that a user can act on: each names what is wrong and the remedy."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bench.machine.texts import visible

MOST_NAMED = 12
"""The largest number of names of a kind that a message lists in full."""
NEAR = 3
"""The largest number of names that are offered for a wrong one."""
LEAST_COMMON = 3
"""The fewest letters for a name to be offered because it contains the wrong one, or is contained in it."""
ALIKE = 0.6
"""difflib's ratio from which on two names, or a name and the beginning of another, count as spelled alike."""
LISTED: dict[str, str] = {
    "tokenizer": "bench list tokenizers",
    "backbone": "bench list backbones",
    "task": "bench list tasks",
    "suite": "bench list suites",
    "protocol": "bench list protocols",
    "dataset": "bench list datasets",
    "metric": "bench list metrics",
    "recognizer": "bench list recognizers",
    "quantizer": "bench list quantizers",
    "bottleneck": "bench list bottlenecks",
    "estimator": "bench list estimators",
    "remedy": "bench list remedies",
    "modality": "bench list modalities",
    "weights file": "bench list weights",
    "reported system": "bench reproduce",
    "surveyed system": "bench list systems",
}
"""The command that lists the names of a kind."""


def with_remedy(cause: str, remedy: str) -> str:
    """Cause and remedy as one text for people; the cause alone where no remedy is known."""
    return "; ".join(filter(None, (cause, remedy)))


class BenchError(Exception):
    """Base of the errors that are shown without a traceback; the command exits with 2.

    Messages name files and values that others chose, so control characters in them are made visible.

    Args:
        cause: what is wrong.
        remedy: what helps, such as ``run: bench fetch alexnet``; empty if unknown.
    """

    def __init__(self, cause: str = "", remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self._cause, self._remedy = cause, remedy

    @property
    def cause(self) -> str:
        """What is wrong, without the remedy."""
        return visible(self._cause)

    @property
    def remedy(self) -> str:
        """What helps; empty if unknown."""
        return visible(self._remedy)

    def __str__(self) -> str:
        return with_remedy(self.cause, self.remedy)


class UnknownName(BenchError):
    """An unknown name; the message offers similar ones and the command that lists all.

    Args:
        kind: what it should be the name of.
        known: the names that exist.
        remark: what else is known about that name.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], remark: str = "") -> None:
        names = sorted(known)
        self._set_message(f"no {kind} is called {name!r}", remark, did_you_mean(name, names), names, (kind,))

    @classmethod
    def among(cls, name: str, kinds: Mapping[str, Iterable[str]], remark: str = "") -> UnknownName:
        """The error for a name that none of several kinds has; names are offered with their kinds.

        Args:
            kinds: the names that exist, by kind.
            remark: what else is known about that name.
        """
        error = cls.__new__(cls)
        by_kind = {kind: sorted(names) for kind, names in kinds.items()}
        every = sorted({existing for names in by_kind.values() for existing in names})
        some = len(by_kind) < len(LISTED)
        cause = f"no {' or '.join(by_kind)} is called {name!r}" if some else f"nothing is called {name!r}"
        error._set_message(cause, remark, did_you_mean(name, every, by_kind), every, by_kind if some else ())
        return error

    def _set_message(self, cause: str, remark: str, hint: str, names: Sequence[str], kinds: Iterable[str]) -> None:
        if not hint and len(names) <= MOST_NAMED:
            hint = f"known: {', '.join(names)}"
        message = "; ".join(part for part in (cause, remark, hint) if part)
        commands = ", ".join(LISTED[kind] for kind in kinds if kind in LISTED) or ("" if kinds else "bench list")
        ended = message if message.endswith("?") else f"{message}."
        super().__init__(f"{ended} All names: {commands}" if commands else message)


def whole_number(what: str, value: object, least: int, most: int) -> int:
    """The value, checked to be a whole number from ``least`` to ``most``.

    Raises:
        BenchError: it is not; the message begins with ``what``.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BenchError(f"{what} must be a whole number from {least} to {most}, not {value!r}")
    return value


def number_above_zero(name: str, value: Any) -> float:
    """The value of the argument ``name``, checked to be a finite number above zero.

    Raises:
        BenchError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise BenchError(f"{name}={value}: write a number above zero{_without_exponent(value)}")
    return float(value)


def _without_exponent(value: Any) -> str:
    """How to write a number such as ``1e-3``, which YAML reads as text; empty for all else."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    written = f"{number:.12f}".rstrip("0").rstrip(".")
    return f"; {value} is text to YAML, write {written}" if math.isfinite(number) and float(written) == number else ""


def number_from_zero(name: str, value: Any, most: float = math.inf) -> float:
    """The value of the argument ``name``, checked to be a finite number from zero to ``most``.

    Raises:
        BenchError: it is not.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not 0 <= value <= most:
        bounds = "on" if math.isinf(most) else f"to {most:g}"
        raise BenchError(f"{name}={value}: write a number from zero {bounds}{_without_exponent(value)}")
    return float(value)


class NoResults(BenchError):
    """Folders hold no results; commands that read them exit with 3, as nothing was measured."""

    def __init__(self, *paths: object) -> None:
        super().__init__(f"no results in {', '.join(map(str, paths))}")


class Unavailable(BenchError):
    """Something cannot be computed here, for lack of weights or a package: the cause, and the remedy if any."""


def did_you_mean(name: str, known: Iterable[str], kinds: Mapping[str, Iterable[str]] | None = None) -> str:
    """A question that offers the existing names nearest to a wrong one; empty if none is near.

    Args:
        known: the names that exist.
        kinds: names by kind; each offered name is then followed by its kinds.
    """
    near = nearest(name, known)
    if not near:
        return ""
    if kinds:
        near = [f"{match} ({', '.join(kind for kind, names in kinds.items() if match in names)})" for match in near]
    return f"did you mean {', '.join(near)}?"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """At most three of the known names most like a given one, best first.

    Names that contain it or are contained in it come before those that are spelled alike.
    """
    wanted = _plain(name)

    def place(candidate: str) -> tuple[bool, float]:
        text = _plain(candidate)
        inside = min(len(text), len(wanted)) >= LEAST_COMMON and (wanted in text or text in wanted)
        return inside, max(_ratio(wanted, text), 0.99 * _ratio(wanted, text[: len(wanted)]))

    places = {candidate: place(candidate) for candidate in known}
    near = [candidate for candidate, (inside, ratio) in places.items() if inside or ratio >= ALIKE]
    return sorted(near, key=lambda candidate: (*(-part for part in places[candidate]), candidate))[:NEAR]


def _ratio(left: str, right: str) -> float:
    return difflib.SequenceMatcher(None, left, right).ratio()


def _plain(name: str) -> str:
    return name.casefold().replace("_", "-")
