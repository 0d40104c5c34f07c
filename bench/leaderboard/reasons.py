"""Texts of results as tables show them: on one line, and causes of missing values in one short sentence.

A cause says what is missing, then in brackets how the attempt to get it failed. The brackets are for whoever repairs
that machine, not for a reader of its table, who sees the remedy instead; the result keeps them.
"""

from __future__ import annotations

LONGEST = 240
"""Most characters of a text that the bench did not write, such as an exception's message."""


def brief(cause: str, remedy: str = "") -> str:
    """Return a cause on one line of at most ``LONGEST`` characters; with a remedy, without the brackets at its end."""
    text = " ".join(cause.split())
    return shortened(_without_aside(text) if remedy else text)


def shortened(text: str) -> str:
    """Return the text, cut to ``LONGEST`` characters."""
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
    """Return the text on one line, with control characters escaped."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
