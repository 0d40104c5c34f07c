"""Texts of results as tables show them: on one line, and causes why something is missing in one short sentence.

A cause says what lacks, then in brackets what the attempt to get it came to. The brackets are for whoever mends that
machine, not for a reader of its table, who is shown the remedy instead; the result keeps them.
"""

from __future__ import annotations

LONGEST = 240
"""Characters of what is nobody's sentence of the bench, such as an exception's message."""


def brief(cause: str, remedy: str = "") -> str:
    """A cause on one line, no longer than ``LONGEST``; where there is a remedy, without the brackets at its end."""
    text = " ".join(cause.split())
    return shortened(_without_aside(text) if remedy else text)


def shortened(text: str) -> str:
    """The text, cut to ``LONGEST``."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _without_aside(text: str) -> str:
    """The text without the brackets that it ends with, which may hold others."""
    if not text.endswith(")"):
        return text
    depth = 0
    for start in range(len(text) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(text[start], 0)
        if depth == 0:
            return text[:start].rstrip() or text
    return text[: text.index("(")].rstrip() or text if "(" in text else text


def clean(text: str) -> str:
    """Text on one line in which control characters are visible instead of effective."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
