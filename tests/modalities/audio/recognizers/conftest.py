"""Real speech, and tiny recognizers saved once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_recognizers as tiny

from bench.datasets.base import Sample
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts


@pytest.fixture(scope="session")
def prompts() -> dict[str, Sample]:
    """Five spoken prompts of 16 kHz by id."""
    return load("agent-alreadyon", "agent-incorrect", "all-circuits-busy-now", "conf-getchannel", "conf-getpin")


@pytest.fixture(scope="session")
def odd_prompts() -> dict[str, Sample]:
    """Prompts of which a decoder that remembers what it heard before makes something else."""
    return load("agent-newlocation", "astcc-followed-by-the-pound-key", "call-fwd-no-ans")


def load(*names: str) -> dict[str, Sample]:
    """Asterisk's prompts by id."""
    dataset = AsteriskPrompts(split="all")
    return {dataset.id(index): dataset.load(index) for index in range(len(dataset)) if dataset.id(index) in names}


@pytest.fixture(scope="session")
def clip(prompts: dict[str, Sample]) -> np.ndarray:
    """Two seconds of speech, float32 ``[32000]``."""
    return prompts["conf-getpin"].signal[0, :32000].numpy()


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("recognizers")
    return {
        "whisper": tiny.save_whisper(folder / "whisper"),
        "whisper-en": tiny.save_whisper(folder / "whisper-en", multilingual=False),
        "wav2vec2-ctc": tiny.save_wav2vec2(folder / "wav2vec2"),
    }
