"""Normalisers: what counts as the same words."""

from __future__ import annotations

import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from bench.errors import UnknownName
from bench.normalisers import NORMALISERS, normaliser

TEXT = "  Mr. Smith's colour\tcan't cost $20, [beep] um twenty-one (sic) dollars… "


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none-v1", "Mr. Smith's colour can't cost $20, [beep] um twenty-one (sic) dollars…"),
        ("lower-v1", "mr smiths colour cant cost 20 beep um twenty one sic dollars"),
        ("english-v1", "mister smith is color can not cost $2021 dollars"),
        ("basic-v1", "mr smith s colour can t cost 20 um twenty one dollars"),
    ],
)
def test_each_does_what_its_name_says(name, expected):
    assert normaliser(name)(TEXT) == expected


@pytest.mark.parametrize("text", ["It's 3.50% of £1,000,000 -- isn't it?", "Hmm, Dr. O'Neill's NEIGHBOUR, y'all."])
def test_english_is_whispers_own(text):
    assert normaliser("english-v1")(text) == " ".join(EnglishTextNormalizer()(text).split())
    assert normaliser("english-v1")("exactly...") == "exactly", "Whisper's own leaves a full stop as a word"
    assert normaliser("english-v1").describe()["package"].startswith("whisper-normalizer 0.")


@pytest.mark.parametrize("name", NORMALISERS)
@pytest.mark.parametrize("text", ["", " \n", "[beep]", "…"])
def test_a_text_without_a_word_is_empty(name, text):
    kept = {"none-v1": text.strip(), "lower-v1": text.strip("[]… \n")}
    assert normaliser(name)(text) == kept.get(name, "")


def test_a_version_that_is_not_there_is_named():
    with pytest.raises(UnknownName, match="did you mean english-v1"):
        normaliser("english-v2")
