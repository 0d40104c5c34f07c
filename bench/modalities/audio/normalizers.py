"""Text normalizers: what counts as the same words. Each is named and versioned, and part of the protocol."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module, metadata
from typing import Any

from bench.errors import Unavailable, UnknownName
from bench.machine.extras import remedy

WHISPER = "whisper-normalizer"


def _has_marks(text: str) -> bool:
    return any(unicodedata.category(char)[0] == "M" for char in text)


def _has_marks_composed(text: str) -> bool:
    return _has_marks(unicodedata.normalize("NFKC", text))


def _has_none(text: str) -> bool:
    return False


@dataclass(frozen=True)
class Normaliser:
    """A normalizer; a change that moves a number takes a new name.

    Attributes:
        name: name with version, as protocols write it.
        summary: what it does.
        make: returns the function from text to text; called once.
        languages: ISO 639-1 codes of the languages it supports; empty if any.
        package: the distribution that defines it; its version is part of the protocol.
        splits: whether it takes the words of a text apart at their combining marks.
    """

    name: str
    summary: str
    make: Callable[[], Callable[[str], str]]
    languages: tuple[str, ...] = ()
    package: str = ""
    splits: Callable[[str], bool] = _has_none

    def __call__(self, text: str) -> str:
        """The normalized text, its words separated by single spaces."""
        return " ".join(_made(self.name)(text).split())

    def describe(self) -> dict[str, Any]:
        """Everything that decides its output, as JSON values.

        Raises:
            Unavailable: its package is not installed.
        """
        _made(self.name)
        facts = {"name": self.name}
        return facts | ({"package": f"{self.package} {metadata.version(self.package)}"} if self.package else {})


def normaliser(name: str) -> Normaliser:
    """The normalizer of a name; raises UnknownName, with the nearest names, if there is none."""
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
        raise Unavailable(f"{WHISPER} cannot be imported ({error})", remedy("whisper_normalizer")) from error
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


def _composed(text: str) -> str:
    """Unicode's NFC: a letter and its marks are the same text however they are stored."""
    return unicodedata.normalize("NFC", text)


def _lower_with_marks(text: str) -> str:
    """Lower case, punctuation out, in Unicode's NFKC; the marks of a letter (vowel signs, tones) belong to its word.

    NFKC and not NFC, because ligatures, full-width letters and the positional forms of Arabic sound like the letters
    that they stand for. What is not heard and stands inside words goes without a space: apostrophes, joiners and other
    invisible controls, the Arabic tatweel, variation selectors. A zero-width space is a space.
    """
    plain = unicodedata.normalize("NFKC", text.translate(_SILENT))
    kept: list[str] = []
    # Lower case may come apart (İ), so it is composed again.
    for char in unicodedata.normalize("NFKC", plain.lower()):
        category = unicodedata.category(char)
        if category == "Cf" or char in _INVISIBLE_MARKS:
            continue
        belongs = category[0] in "LN" or (category[0] == "M" and kept and kept[-1] != " ")
        kept.append(char if belongs else " ")
    return "".join(kept)


_SILENT = {ord(char): None for char in "'’ʼ´`＇\u0640"} | {0x200B: " "}
_INVISIBLE_MARKS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), *range(0x180B, 0x180E))))


NORMALISERS: dict[str, Normaliser] = {
    each.name: each
    for each in (
        Normaliser("none-v2", "composed (NFC), whitespace alone: case and punctuation count", lambda: _composed),
        Normaliser("none-v1", "as none-v2, of texts as they are stored; older", lambda: str),
        Normaliser(
            "lower-v2",
            "for any language: compatible forms alike (NFKC), lower case, apostrophes and invisible characters "
            "dropped, other punctuation to spaces; marks such as vowel signs stay in their words",
            lambda: _lower_with_marks,
        ),
        Normaliser(
            "lower-v1",
            "lower case, apostrophes dropped, other punctuation to spaces; older: splits words at combining marks",
            lambda: _lower,
            splits=_has_marks,
        ),
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
            "Whisper's BasicTextNormalizer, as papers use it for other languages; splits words at combining marks, "
            "such as the vowel signs of Indic scripts",
            lambda: _whisper("basic", "BasicTextNormalizer"),
            package=WHISPER,
            splits=_has_marks_composed,
        ),
    )
}
