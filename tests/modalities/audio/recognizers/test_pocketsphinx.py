"""PocketSphinx hears real speech, each clip by itself."""

from __future__ import annotations

import numpy as np
import pocketsphinx
import pytest

from bench.modalities.audio.metrics.utterances import words
from bench.modalities.audio.normalizers import normaliser
from bench.modalities.audio.recognizers.base import Recognizer, build
from bench.modalities.audio.recognizers.pocketsphinx import OPTIONS
from bench.modalities.audio.resample import resample


@pytest.fixture(scope="module")
def sphinx() -> Recognizer:
    found = build("pocketsphinx")
    assert isinstance(found, Recognizer)
    return found


@pytest.fixture(scope="module")
def heard(sphinx, prompts) -> dict[str, str]:
    return {name: sphinx.transcribe(sample.signal[0].numpy(), sample.rate) for name, sample in prompts.items()}


def test_most_words_of_real_prompts_are_heard(heard, prompts):
    normalise = normaliser("english-v1")
    found = [words(normalise(sample.transcript), normalise(heard[name])) for name, sample in prompts.items()]
    assert 0 < sum(errors for errors, _ in found) / sum(count for _, count in found) < 0.5


def test_a_clip_is_heard_alike_whatever_came_before(sphinx, odd_prompts):
    clips = [sample.signal[0].numpy() for sample in odd_prompts.values()]
    forth = [sphinx.transcribe(clip, 16000) for clip in clips]
    back = [sphinx.transcribe(clip, 16000) for clip in reversed(clips)]
    alone = [build("pocketsphinx").transcribe(clip, 16000) for clip in clips]  # type: ignore[attr-defined]
    assert forth == back[::-1] == alone


def test_another_rate_is_resampled(sphinx, prompts, heard):
    sample = prompts["all-circuits-busy-now"]
    upsampled = resample(sample.signal.numpy(), 16000, 48000)[0]
    assert sphinx.transcribe(upsampled, 48000) == heard["all-circuits-busy-now"]


@pytest.mark.parametrize("n", [0, 1, 1600])
def test_nothing_is_heard_where_nothing_is_said(sphinx, n, heard, prompts):
    assert sphinx.transcribe(np.zeros(n, np.float32), 16000) == ""
    sample = prompts["all-circuits-busy-now"]
    assert sphinx.transcribe(sample.signal[0].numpy(), 16000) == heard["all-circuits-busy-now"]


def test_everything_that_decides_is_described(sphinx):
    found = sphinx.describe()
    assert {"cmudict-en-us.dict", "en-us.lm.bin", "en-us/mdef", "en-us/means"} <= set(found["files"])
    config = sphinx._decoder.config
    for name, value in found["options"].items():
        assert config[name] == pytest.approx(value), name
    assert config["cmn"] == "batch"


def test_the_options_are_the_packages_own():
    defaults = pocketsphinx.Config()
    assert {name: defaults[name] for name in OPTIONS} == pytest.approx(OPTIONS)
