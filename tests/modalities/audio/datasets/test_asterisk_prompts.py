"""Asterisk's prompts: which are speech, which are measured, and what is said."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
import pytest
from sound_parts import save, tone

from bench.datasets.base import Sample
from bench.datasets.loader import ordered
from bench.errors import BenchError
from bench.modalities.audio.datasets.asterisk_prompts import VOICES, AsteriskPrompts, is_spoken, read_transcripts
from bench.modalities.audio.datasets.audio import StoredSound

SENTENCE = "Please enter the number of the {} person."


@pytest.fixture(scope="module")
def measured() -> list[Sample]:
    found = [sample for _, sample in ordered(AsteriskPrompts(), 4, 8)]
    assert all(isinstance(sample, Sample) for sample in found)
    return found  # type: ignore[return-value]


def test_the_eval_split(measured: list[Sample]) -> None:
    seconds = [sample.signal.shape[1] / sample.rate for sample in measured]
    assert (len(measured), round(sum(seconds), 3)) == (20, 64.186)
    assert min(seconds) >= 2
    assert max(seconds) <= 6
    for sample in measured:
        assert (sample.rate, sample.signal.shape[0], sample.language) == (16_000, 1, "en")
        assert (sample.stored, sample.conversions) == ("16000 Hz, 1 channel", ())
        assert sample.transcript and len(sample.transcript.split()) >= 4
        assert 0.3 < float(sample.signal.abs().max()) < 1
    assert len({sample.group for sample in measured}) == len({sample.transcript for sample in measured}) == 20


def test_samples_are_what_ffmpeg_decodes(measured: list[Sample]) -> None:
    by_id = {sample.id: sample for sample in measured}
    sample = by_id["followme/sorry"]
    with av.open("/usr/share/asterisk/sounds/en_US_f_Allison/followme/sorry.g722", format="g722") as container:
        expected = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert expected.dtype == np.int16
    np.testing.assert_array_equal(sample.signal.numpy(), expected.astype(np.float32) / 32768)
    assert sample.transcript == "I'm sorry, but I was unable to locate the person you are calling"


def test_splits_share_no_wording_and_leave_none_out() -> None:
    dataset = AsteriskPrompts({"rate": 24_000})
    fit = dataset.fit_split()
    assert fit is not None
    assert (fit.split, fit.settings["rate"], fit.fit_split()) == ("fit", 24_000, None)
    whole = {file.id: file for file in AsteriskPrompts(split="all").files}
    assert (len(fit), len(whole)) == (511, 537)
    for split in (dataset, fit):
        assert all(whole[file.id] == file for file in split.files), "the same groups in every split"

    def words(files: Iterable[StoredSound]) -> set[str]:
        return {re.sub(r"\W+", " ", (file.transcript or "").lower()).strip() for file in files}

    assert not words(dataset.files) & words(fit.files)
    assert words(dataset.files) | words(fit.files) == words(whole.values())
    assert not set(dataset.hashes) & set(fit.hashes)
    assert dataset.fingerprint != fit.fingerprint
    left_out = {"beep", "beeperr", "ascending-2tone", "silence/3", "tt-monkeys", "confbridge-join", "vm-intro"}
    assert not left_out & set(whole)


@pytest.mark.parametrize(
    "text, spoken",
    [("Hello world.", True), ("... letters of your party's name", True), ("Позвоните позже", True), ("2", True),
     ("", False), ("...", False), ("[this is a simple beep tone]", False), ("<beep ascending>", False),
     ("(10 seconds of silence)", False), ("Leave a message. (simple tone sound plays)", False),
     ("press * to toggle pause", False), ("followed by #", False)],
)  # fmt: skip
def test_what_is_speech(text: str, spoken: bool) -> None:
    assert is_spoken(text) is spoken


def test_transcripts_of_one_name_that_differ_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "core-sounds-es.txt"
    path.write_text(
        "\ufeff; Core: Sounds\n\ndigits/0: cero\ndigits/1:  uno \nno colon\na: b: c\ndigits/0:  diez\na: b: c\n"
    )
    assert read_transcripts(path) == {"digits/0": "", "digits/1": "uno", "a": "b: c"}


def make(root: Path, count: int = 30, ending: str = "wav", skip: Callable[[int], bool] = lambda number: False) -> Path:
    """Prompts of three seconds in a folder as Asterisk's archives unpack; every other in a sub folder."""
    lines = ["; Core sounds"]
    for number in range(count):
        name = f"{'sub/' * (number % 2)}prompt-{number}"
        if not skip(number):
            save(root / f"{name}.{ending}", tone(3, 8_000, hertz=200 + number), 8_000)
            lines.append(f"{name}: {SENTENCE.format('x' * (number + 1))}")
    (root / "core-sounds-fr.txt.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    return root


def test_a_folder_of_the_same_layout_in_any_encoding(tmp_path: Path) -> None:
    whole = AsteriskPrompts(split="all", data=str(make(tmp_path)), language="fr")
    assert len(whole) == 30
    sample = whole.load(0)
    assert (sample.stored, sample.language, sample.transcript) == ("8000 Hz, 1 channel", "fr", SENTENCE.format("x"))
    save(tmp_path / "prompt-2.gsm", tone(3, 8_000), 8_000, format="RAW", subtype="GSM610")
    assert len(AsteriskPrompts(split="all", data=str(tmp_path), language="fr")) == 30, "one encoding for all"


def test_debians_packages_unpacked_elsewhere(tmp_path: Path) -> None:
    make(tmp_path / "usr/share/asterisk/sounds/fr_CA_f_June")
    documents = tmp_path / "usr/share/doc/asterisk-core-sounds-fr"
    documents.mkdir(parents=True)
    (tmp_path / "usr/share/asterisk/sounds/fr_CA_f_June/core-sounds-fr.txt.gz").rename(
        documents / "core-sounds-fr.txt.gz"
    )
    assert len(AsteriskPrompts(split="all", data=str(tmp_path), language="fr")) == 30


def test_a_prompt_more_or_less_leaves_the_others_where_they_are(tmp_path: Path) -> None:
    def measured_ids(folder: Path) -> set[str]:
        return {file.id for file in AsteriskPrompts(data=str(folder), language="fr").files}

    every = measured_ids(make(tmp_path / "whole"))
    some = measured_ids(make(tmp_path / "less", skip=lambda number: number % 5 == 0))
    assert 0 < len(some) < len(every) < 30
    assert some == {name for name in every if int(name.rpartition("-")[2]) % 5}


def test_of_identical_recordings_and_wordings_one_is_kept(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "prompt-4.wav").write_bytes((tmp_path / "prompt-2.wav").read_bytes())
    whole = AsteriskPrompts(split="all", data=str(tmp_path), language="fr")
    assert "prompt-4" not in {file.id for file in whole.files}
    (tmp_path / "core-sounds-fr.txt").write_text(
        "".join(f"{file.id}: {SENTENCE.format('same')}\n" for file in whole.files)
    )
    dataset = AsteriskPrompts(data=str(tmp_path), language="fr")
    fit = dataset.fit_split()
    assert fit is not None
    assert (len(dataset), len(fit)) == (1, 0)


@pytest.mark.parametrize("language", VOICES)
def test_what_is_missing_is_named_with_its_remedy(tmp_path: Path, language: str) -> None:
    remedy = f"apt-get install asterisk-core-sounds-{language} asterisk-core-sounds-{language}-g722"
    with pytest.raises(BenchError, match=f"no such folder; .*{remedy}"):
        AsteriskPrompts(data=str(tmp_path / "none"), language=language)
    with pytest.raises(BenchError, match=rf"no core-sounds-{language}\.txt .*{remedy}"):
        AsteriskPrompts(data=str(tmp_path), language=language)
    (tmp_path / f"core-sounds-{language}.txt").write_text("hello: Hello.\n")
    with pytest.raises(BenchError, match=f"no prompts .*{remedy}"):
        AsteriskPrompts(data=str(tmp_path), language=language)


def test_unknown_language_and_damaged_transcripts(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no language 'de'; choose from en, es, fr, it, ru"):
        AsteriskPrompts(language="de")
    (tmp_path / "core-sounds-fr.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(BenchError, match=r"core-sounds-fr\.txt\.gz: cannot be read"):
        AsteriskPrompts(data=str(tmp_path), language="fr")
