"""Errors a user can act on: each names the thing and the remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base of the errors that are shown without a traceback; the command exits with 2."""


class UnknownName(BenchError):
    """A name that no registry entry has; the message offers the near ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
        super().__init__(f"no {kind} is called {name!r}; {hint}")


class NoResults(BenchError):
    """A folder without results; commands that read them exit with 3, as nothing was measured."""

    def __init__(self, path: object) -> None:
        super().__init__(f"no results in {path}")


class Unavailable(BenchError):
    """Something that cannot be computed here (weights, a package); the message says why and what helps."""
