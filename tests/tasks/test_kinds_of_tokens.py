"""Probes on tokens of tokenizers that only encode, on hybrid ones, and on images of several numbers of tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from places import SYSTEMS

from bench.backbones.corpus import Corpus
from bench.contracts.options import Options
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError

FILE = SYSTEMS / "encoders.py"
UNITS, HYBRID, AS_NEEDED, SOUND_UNITS, SOUND_HYBRID = (
    f"{FILE}:{name}" for name in ("Units", "Hybrid", "AsNeeded", "SoundUnits", "SoundHybrid")
)
PROBE = {
    "width": 16,
    "depth": 1,
    "views": 1,
    "repeats": 1,
    "budget": {"steps": 30, "positions": 512, "learning_rate": 0.01},
}
IMAGES, SOUNDS = {"preprocessing": {"size": 64}, "probe": PROBE}, {"probe": {**PROBE, "fit_samples": 12}}


@pytest.fixture
def job(tmp_path, monkeypatch) -> Callable[..., Any]:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)

    def job(task: str, system: str, batch_size: int = 8) -> tuple[Any, Job]:
        kind = open_task(task)
        sounds = task.startswith("audio")
        options = Options(limit=4 if sounds else 12, batch_size=batch_size, workers=0)
        dataset = "asterisk-prompts" if sounds else "skimage-photos"
        protocol = kind.protocol(Request(("small", SOUNDS if sounds else IMAGES), dataset, options))
        return kind, Job(parse(system), protocol, options)

    return job


def measured(task: Any, job: Job) -> Measurement:
    made: Measurement = task.measure(job, lambda *_: None)
    return made


@pytest.mark.parametrize(("task", "system"), [("token-modelling", UNITS), ("audio-token-modelling", SOUND_UNITS)])
def test_what_only_encodes_is_as_learnable_as_anything(job, task, system):
    found = measured(*job(task, system)).metrics
    assert 0 < found["nll"].value < math.log(16)
    assert found["codebook_utilization"].value > 0


@pytest.mark.parametrize(("task", "system"), [("ntp-probe", UNITS), ("audio-ntp-probe", SOUND_UNITS)])
def test_what_a_probe_draws_needs_a_decoder(job, task, system):
    reason = f"encodes only, so {task} cannot decode what probes draw; measure it under {task.replace('ntp-probe', '')}"
    kind, asked = job(task, system)
    assert reason in kind.unmeasurable(asked)
    with pytest.raises(BenchError, match=reason):
        measured(kind, asked)


@pytest.mark.parametrize(("task", "system"), [("token-modelling", HYBRID), ("audio-token-modelling", SOUND_HYBRID)])
def test_hybrid_tokens_are_not_modeled(job, task, system):
    with pytest.raises(TokenError, match="codes and latents at once, which backbones do not model"):
        measured(*job(task, system))


def test_images_of_several_numbers_of_tokens_are_modeled_without_their_padding(job):
    one, other = (measured(*job("token-modelling", AS_NEEDED, size)) for size in (8, 1))
    counts = np.array(one.metrics["tokens_per_image"].value)
    assert counts < 64
    assert one.metrics["nll"].value == pytest.approx(other.metrics["nll"].value, rel=1e-6)
    assert one.metrics["bits_per_pixel_model"].value == pytest.approx(
        one.metrics["nll"].value / math.log(2) * float(counts) / 64**2, rel=1e-6
    )


def test_an_image_whose_end_is_not_drawn_is_not_generated(job):
    with pytest.raises(BenchError, match=r"images have \d+ to 64 tokens, and probes do not draw where an image ends"):
        measured(*job("ntp-probe", AS_NEEDED))


def test_the_image_stays_as_large_as_it_is_with_fewer_tokens():
    corpus = Corpus((Codebook(16, "8x8 pixels"),), 512)
    for lengths, shape in (([9, 7], (2, 9)), ([12, 3], (2, 12))):
        codes = torch.zeros(shape, dtype=torch.int64)
        corpus.add(Tokens((codes,), signal_shape=(3, 64, 64), lengths=(torch.tensor(lengths),)))
    assert corpus.counts.tolist() == [9, 7, 12, 3]
    assert (corpus.structure.grids, corpus.structure.signal_shape) == (((12,),), (3, 64, 64))
