"""Texts of results as tables show them: on one line, and reasons why something is missing in one short sentence.

A reason of the bench names what lacks, then in brackets what the attempt to get it came to, then the remedy. The
second part is for whoever mends that machine, not for a reader of its table; the result keeps it.
"""

from __future__ import annotations

import re

LONGEST = 240
"""Characters of what is nobody's sentence of the bench, such as an exception's message."""
_REMEDY = re.compile(r"\); (?=run: |if it is gated )")
_ABSENT = re.compile(
    r" not in the cache(?: and (?:cannot be fetched|--offline is set))(?: while HF_HUB_OFFLINE is set)?(?=;)"
)
_OTHER_WAY = re.compile(r" +\(or give the file: [^)]*\)$")


def brief(reason: str) -> str:
    """What is missing and the command that gets it; other reasons as they are, but no longer than ``LONGEST``."""
    text = " ".join(reason.split())
    short = _ABSENT.sub(" missing", _OTHER_WAY.sub("", _without_cause(text)))
    return shortened(short)


def shortened(text: str) -> str:
    """The text, cut to ``LONGEST``."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def _without_cause(text: str) -> str:
    """The text without the brackets that end where the remedy begins, which may hold others."""
    end = _REMEDY.search(text)
    if end is None:
        return text
    depth, start = 0, end.start()
    for start in range(end.start(), -1, -1):
        depth += {")": 1, "(": -1}.get(text[start], 0)
        if depth == 0:
            break
    kept = text[:start]
    if kept.count("(") != kept.count(")"):  # a message with an odd bracket: the cause begins at the first one
        kept = kept[: kept.index("(")] if "(" in kept else kept
    return kept.rstrip() + text[end.start() + 1 :]


def clean(text: str) -> str:
    """Text on one line in which control characters are visible instead of effective."""
    text = " ".join(text.split())
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
