"""Normalisers: what counts as the same words."""

from __future__ import annotations

import unicodedata

import pytest
from whisper_normalizer.english import EnglishTextNormalizer

from bench.errors import UnknownName
from bench.modalities.audio.normalizers import NORMALISERS, normaliser

TEXT = "  Mr. Smith's colour\tcan't cost $20, [beep] um twenty-one (sic) dollars… "


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none-v1", "Mr. Smith's colour can't cost $20, [beep] um twenty-one (sic) dollars…"),
        ("none-v2", "Mr. Smith's colour can't cost $20, [beep] um twenty-one (sic) dollars…"),
        ("lower-v2", "mr smiths colour cant cost 20 beep um twenty one sic dollars"),
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
    as_it_is, lower = text.strip(), text.strip("[]… \n")
    kept = {"none-v1": as_it_is, "none-v2": as_it_is, "lower-v1": lower, "lower-v2": lower}
    assert normaliser(name)(text) == kept.get(name, "")


HINDI = "हिन्दी में किताब पढ़ना अच्छा है"
ARABIC = "قَالَ مُحَمَّدٌ"
VIETNAMESE = "tiếng việt rất đẹp"
THAI = "ที่นี่ น้ำ ดี"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (HINDI, HINDI),
        (unicodedata.normalize("NFC", HINDI), HINDI),
        ("क्\u200dष \u0915\u094d\u200c\u0937।", "क्ष क्ष"),  # joiners that only choose a form
        (ARABIC, ARABIC),
        ("قَـــالَ، ﻣُﺤَﻤَّﺪٌ", ARABIC),  # drawn out, and in positional forms
        ("Tiếng Việt: rất ĐẸP!", VIETNAMESE),
        ("می\u200cخواهم", "میخواهم"),
        (f"“{THAI}”", THAI),
        ("\u200bที่นี่\u200bน้ำ\u200bดี", THAI),
        (
            "İSTANBUL ﬁne ＡＢ１ co\u00adoperate don´t п’ять п'ять ❤️ a_b \u0301",
            "i̇stanbul fine ab1 cooperate dont пять пять a b",
        ),
    ],
)
def test_words_keep_their_marks(text, expected):
    expected = unicodedata.normalize("NFKC", expected)
    for form in ("NFC", "NFD"):
        assert normaliser("lower-v2")(unicodedata.normalize(form, text)) == expected
    assert normaliser("lower-v2")(expected) == expected


def test_a_version_that_is_not_there_is_named():
    with pytest.raises(UnknownName, match="did you mean english-v1"):
        normaliser("english-v2")
