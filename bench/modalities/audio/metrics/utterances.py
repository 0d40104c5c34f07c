"""One utterance: its recognized texts, and their errors against the transcript as counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.errors import BenchError
from bench.metrics.failures import failure
from bench.modalities.audio.normalizers import Normaliser, normaliser
from bench.modalities.audio.recognizers.base import Recognizer, Source, Transcripts, build
from bench.modalities.audio.recognizers.transcript_cache import remembered

RATIOS = ("wer", "cer", "wer_original", "cer_original", "dwer")


class Why(IntEnum):
    """Why an utterance has no value."""

    COUNTED = 0
    NO_TRANSCRIPT = 1
    EMPTY_TRANSCRIPT = 2
    NOTHING_HEARD = 3
    NO_ORIGINAL = 4
    NO_RECONSTRUCTION = 5
    BROKE_ON_ORIGINAL = 6
    BROKE_ON_RECONSTRUCTION = 7
    OTHER_LANGUAGE = 8
    DIED = 9


REASONS = {
    Why.NO_TRANSCRIPT: "no transcript",
    Why.EMPTY_TRANSCRIPT: "the transcript has no word once normalized",
    Why.NOTHING_HEARD: "no word was recognized in the original",
    Why.NO_ORIGINAL: "no recognized text of the original",
    Why.NO_RECONSTRUCTION: "no recognized text of the reconstruction",
    Why.BROKE_ON_ORIGINAL: "the recognizer broke on the original",
    Why.BROKE_ON_RECONSTRUCTION: "the recognizer broke on the reconstruction",
    Why.OTHER_LANGUAGE: "in a language that the recognizer or the normalizer is not for",
    Why.DIED: "the recognizer's process died",
}
BROKEN = (Why.BROKE_ON_ORIGINAL, Why.BROKE_ON_RECONSTRUCTION, Why.DIED)
"""Reasons that are faults of the recognizer."""


@dataclass(frozen=True)
class Utterance:
    """A clip with its reconstruction and transcript.

    Attributes:
        original, reconstruction: float32 ``[n]``, one channel, without padding.
        said: the transcript; None if there is none.
        language: ISO 639-1 code of what is said; empty if unknown.
    """

    id: str
    system: str
    original: np.ndarray
    reconstruction: np.ndarray
    rate: int
    said: str | None
    language: str


@dataclass(frozen=True)
class Errors:
    """The errors of an utterance, by the names of ``RATIOS``.

    Attributes:
        counts: errors, and words or characters that they are a share of.
        why: the reason why an utterance does not count, with counts of zero; ``Why.COUNTED`` otherwise.
        texts: texts of the original and of the reconstruction, as the recognizer wrote them.
        error: type, place and message of the recognizer's error; empty if there was none.
    """

    counts: tuple[tuple[int, int], ...]
    why: tuple[Why, ...]
    texts: tuple[str | None, str | None]
    error: str = ""


def without_value(why: Why) -> Errors:
    """The errors of an utterance that does not count in any ratio, for one reason."""
    return Errors(((0, 0),) * len(RATIOS), (why,) * len(RATIOS), (None, None))


def in_pool(recogniser: str, key: str, cache: Path, normaliser_name: str, utterance: Utterance) -> Errors:
    """``errors_of`` with this process's own recognizer.

    Args:
        recogniser: spec of the recognizer.
        key: identity of the recognizer; another one under the same spec is built anew.
    """
    return errors_of(_built(recogniser, key), cache, normaliser(normaliser_name), utterance)


@lru_cache(maxsize=2)
def _built(recogniser: str, key: str) -> Source:
    return build(recogniser)


def errors_of(source: Source, cache: Path, normalise: Normaliser, utterance: Utterance) -> Errors:
    """The recognized texts of both signals, and their errors."""
    errors: list[str] = []
    original, reconstruction = heard(source, cache, utterance, errors)
    transcript: str | Why = (
        Why.NO_TRANSCRIPT if utterance.said is None else normalise(utterance.said) or Why.EMPTY_TRANSCRIPT
    )
    first, second = (text if isinstance(text, Why) else normalise(text) for text in (original, reconstruction))
    pairs = (
        (transcript, second, words),
        (transcript, second, characters),
        (transcript, first, words),
        (transcript, first, characters),
        (first or Why.NOTHING_HEARD, second, words),
    )
    found = [_errors(*pair) for pair in pairs]
    return Errors(
        tuple((0, 0) if isinstance(result, Why) else result for result in found),
        tuple(result if isinstance(result, Why) else Why.COUNTED for result in found),
        (None if isinstance(original, Why) else original, None if isinstance(reconstruction, Why) else reconstruction),
        next(iter(errors), ""),
    )


def heard(source: Source, cache: Path, utterance: Utterance, errors: list[str]) -> tuple[str | Why, str | Why]:
    """The texts of original and reconstruction, or why there are none; appends the recognizer's errors."""
    if isinstance(source, Transcripts):
        original = source.find(utterance.id, "original", utterance.system)
        reconstruction = source.find(utterance.id, "reconstruction", utterance.system)
        return (
            Why.NO_ORIGINAL if original is None else original,
            Why.NO_RECONSTRUCTION if reconstruction is None else reconstruction,
        )
    assert isinstance(source, Recognizer)

    def hear(samples: np.ndarray) -> str:
        return source.transcribe(samples, utterance.rate, utterance.language)

    def hear_original() -> str:
        return remembered(
            cache, utterance.original, utterance.rate, utterance.language, lambda: hear(utterance.original)
        )

    def attempt(hear: Callable[[], str], broke: Why) -> str | Why:
        try:
            return hear()
        except BenchError:  # a recognizer that is not available fails for all clips
            raise
        except (Exception, SystemExit) as error:
            errors.append(failure(error, type(source).__module__))
            return broke

    first = attempt(hear_original, Why.BROKE_ON_ORIGINAL)
    if isinstance(first, str) and np.array_equal(utterance.original, utterance.reconstruction):
        return first, first
    return first, attempt(lambda: hear(utterance.reconstruction), Why.BROKE_ON_RECONSTRUCTION)


def words(reference: str, hypothesis: str) -> tuple[int, int]:
    """The number of word errors by jiwer, and of words of the reference."""
    import jiwer

    alignment = jiwer.process_words(reference, hypothesis)
    errors = alignment.substitutions + alignment.deletions + alignment.insertions
    return errors, alignment.hits + alignment.substitutions + alignment.deletions


def characters(reference: str, hypothesis: str) -> tuple[int, int]:
    """The number of character errors by jiwer, and of characters of the reference, spaces included."""
    import jiwer

    alignment = jiwer.process_characters(reference, hypothesis)
    errors = alignment.substitutions + alignment.deletions + alignment.insertions
    return errors, alignment.hits + alignment.substitutions + alignment.deletions


def _errors(
    reference: str | Why, hypothesis: str | Why, count: Callable[[str, str], tuple[int, int]]
) -> tuple[int, int] | Why:
    if isinstance(reference, Why):
        return reference
    return hypothesis if isinstance(hypothesis, Why) else count(reference, hypothesis)
