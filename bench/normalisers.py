"""Text normalisers: what counts as the same words. Each is named and versioned, and part of the protocol."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from typing import Any

from bench.errors import Unavailable, UnknownName
from bench.extras import remedy

WHISPER = "whisper-normalizer"


@dataclass(frozen=True)
class Normaliser:
    """A normaliser; a change that moves a number takes a new name.

    Attributes:
        name: with its version, as a protocol writes it.
        summary: what it does.
        make: gives the function from text to text; called once.
        languages: ISO 639-1 of what it is for; empty if any.
        package: the distribution that defines it; its version is part of the protocol.
    """

    name: str
    summary: str
    make: Callable[[], Callable[[str], str]]
    languages: tuple[str, ...] = ()
    package: str = ""

    def __call__(self, text: str) -> str:
        """The normalised text, words a single space apart, none at the ends."""
        return " ".join(_made(self.name)(text).split())

    def describe(self) -> dict[str, Any]:
        """What decides its output, as JSON.

        Raises:
            Unavailable: its package is not installed.
        """
        _made(self.name)
        facts = {"name": self.name}
        return facts | ({"package": f"{self.package} {metadata.version(self.package)}"} if self.package else {})


def normaliser(name: str) -> Normaliser:
    """The normaliser of that name; UnknownName with the near names otherwise."""
    if name not in NORMALISERS:
        raise UnknownName("normaliser", name, NORMALISERS)
    return NORMALISERS[name]


@cache
def _made(name: str) -> Callable[[str], str]:
    return NORMALISERS[name].make()


def _whisper(module: str, attribute: str) -> Callable[[str], str]:
    try:
        made: Callable[[str], str] = getattr(import_module(f"whisper_normalizer.{module}"), attribute)()
    except ImportError as error:
        raise Unavailable(f"{WHISPER} cannot be imported ({error}){remedy('whisper_normalizer')}") from error
    return made


def _english() -> Callable[[str], str]:
    whisper = _whisper("english", "EnglishTextNormalizer")

    def english(text: str) -> str:
        # Whisper's makes a word "." of "exactly...", which nobody says.
        return " ".join(word for word in whisper(text).split() if re.search(r"\w", word))

    return english


def _lower(text: str) -> str:
    """Lower case, punctuation out. The apostrophe goes without a space: ``don't`` stays one word."""
    return re.sub(r"[^\w\s]|_", " ", re.sub(r"['’]", "", text.lower()))


NORMALISERS: dict[str, Normaliser] = {
    each.name: each
    for each in (
        Normaliser("none-v1", "whitespace alone: case and punctuation count", lambda: str),
        Normaliser("lower-v1", "lower case, apostrophes dropped, other punctuation to spaces", lambda: _lower),
        Normaliser(
            "english-v1",
            "Whisper's EnglishTextNormalizer (Radford et al. 2022, app. C): contractions, numbers, spelling, fillers; "
            "then without the lone full stops that it leaves of an ellipsis",
            _english,
            ("en",),
            WHISPER,
        ),
        Normaliser(
            "basic-v1",
            "Whisper's BasicTextNormalizer for other languages; removes the vowel signs of Indic scripts",
            lambda: _whisper("basic", "BasicTextNormalizer"),
            package=WHISPER,
        ),
    )
}
