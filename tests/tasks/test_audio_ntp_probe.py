"""Continuations of real speech: what is judged, against what, and what is said where there is nothing to judge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from places import SYSTEMS

from bench.contracts.options import Options
from bench.contracts.stats import clustered_mean
from bench.contracts.system import parse
from bench.contracts.task import Job, Measurement, Request, open_task
from bench.datasets.spec import DatasetSpec
from bench.errors import BenchError
from bench.modalities.audio.metrics.speaker import SpeakerSettings, SpeakerSimilarity

CLOCK, LOUDNESS, SHUFFLED = (f"{SYSTEMS}/sounds.py:{name}" for name in ("Clock", "Loudness", "Shuffled"))
BUDGET = {"steps": 40, "positions": 256, "learning_rate": 0.02}
PROBE = {"width": 32, "depth": 1, "repeats": 1, "context": 128, "fit_samples": 20, "budget": BUDGET}
SECONDS = {"prompt_seconds": 1, "seconds": 0.5}
SPEAKER: dict[str, Any] = {"speaker_similarity": {}, "tokens_per_second": {}}
SETTINGS: dict[str, Any] = {"probe": PROBE, "continuation": SECONDS, "metrics": SPEAKER}


@pytest.fixture
def measure(tmp_path, monkeypatch) -> Callable[..., Measurement]:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)

    def measure(system: str, settings: dict[str, Any] = SETTINGS, batch_size: int = 8, limit: int = 3) -> Measurement:
        task = open_task("audio-ntp-probe")
        options = Options(limit=limit, batch_size=batch_size, workers=0)
        protocol = task.protocol(Request(("small", settings), "asterisk-prompts", options))
        return task.measure(Job(parse(system), protocol, options), lambda *_: None)

    return measure


def test_a_probe_that_knows_what_comes_next_loses_nothing(measure):
    """The clock goes on where the prompt ends, so what is judged lies where the clip's own continuation does."""
    greedy = {**SETTINGS, "continuation": {**SECONDS, "temperature": 0}}
    found = measure(CLOCK, greedy)
    metrics = found.metrics
    assert metrics["nll"].value < 0.1
    assert metrics["tokens_per_second"].value == 50
    assert metrics["speaker_similarity_model_loss"].value == 0
    made, real = (metrics[f"speaker_similarity_{kind}"] for kind in ("continuation", "tokenized"))
    assert made.value == real.value
    assert made.higher_is_better
    assert metrics["speaker_similarity_model_loss"].higher_is_better is None
    # By hand: the original's first second, and the tones of frames 50 to 74.
    tones = 0.1 * torch.sin(torch.arange(1, 9)[:, None] * torch.arange(320) * 0.05)
    end = tones[torch.arange(50, 75) % 8].flatten()[None].numpy()
    dataset = DatasetSpec.parse("asterisk-prompts").build({}, None)
    for index, value in enumerate(found.samples["speaker_similarity_tokenized"]):
        start = dataset.load(index).signal[:, :16000].numpy()
        expected = SpeakerSimilarity.score_clip(SpeakerSettings(), start, end, 16000)
        assert value == pytest.approx(expected["speaker_similarity"], rel=1e-6)


def test_continuations_differ_by_training_and_no_number_by_batch(measure):
    twice = {**SETTINGS, "probe": {**PROBE, "repeats": 2, "budget": {**BUDGET, "steps": 5}}}
    one, other = measure(LOUDNESS, twice), measure(LOUDNESS, twice, batch_size=2)
    quality = {name for name in one.metrics if not name.startswith("sampling")}
    assert {name: one.metrics[name] for name in quality} == {name: other.metrics[name] for name in quality}
    assert one.samples == other.samples
    metrics, samples = one.metrics, one.samples
    made, real = (np.array(samples[f"speaker_similarity_{kind}"]) for kind in ("continuation", "tokenized"))
    assert metrics["speaker_similarity_model_loss"].value == pytest.approx((real - made).mean())
    assert metrics["speaker_similarity_tokenized"].stderr == pytest.approx(clustered_mean(real, range(3)).stderr)
    assert "2 trainings, variances added" in metrics["speaker_similarity_continuation"].method
    assert (made != real).all()
    for name, n in (("sampling_tokens_per_second", 6), ("sampling_rtf", 6), ("sampling_peak_memory", 6)):
        assert metrics[name].value > 0
        assert metrics[name].device_bound
        assert metrics[name].n == n


def test_shuffled_frames_are_learned_worse(measure):
    quick = {**SETTINGS, "metrics": {"codebook": {}}, "probe": {**PROBE, "fit_samples": 40}}
    whole, shuffled = (measure(name, quick, limit=12) for name in (LOUDNESS, SHUFFLED))
    more = clustered_mean(np.subtract(shuffled.samples["nll"], whole.samples["nll"]), whole.samples["group"])
    assert more.interval[0] > 0
    # What is known of single codes is the same.
    assert shuffled.metrics["codebook_entropy"].value == whole.metrics["codebook_entropy"].value
    assert shuffled.metrics["bitrate_model"].value > whole.metrics["bitrate_model"].value


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"continuation": {"prompt_seconds": 5, "seconds": 4}}, "none of the 3 clips has the 9 s of prompt and"),
        ({"probe": {**PROBE, "context": 74}}, "prompt and continuation are 75 positions, but the probe sees 74"),
        ({"continuation": {"prompt_seconds": 0.995, "seconds": 0.005}}, "0.995 s are 50 positions and 1 s are 50"),
        (
            {
                "probe": {**PROBE, "paradigm": "masked"},
                "preprocessing": {"min_seconds": 2, "max_seconds": 2, "longer": "cut"},
            },
            "masked does not draw in order",
        ),
    ],
)
def test_where_nothing_is_continued_the_likelihood_stands_and_the_reason_is_told(measure, settings, reason):
    untrained = {**settings, "probe": {**settings.get("probe", PROBE), "budget": {"steps": 0}}}
    metrics = measure(CLOCK, {**SETTINGS, **untrained}).metrics
    assert metrics["nll"].value == pytest.approx(np.log(8))
    nothing = {name: estimate for name, estimate in metrics.items() if estimate.unavailable}
    kinds = ("continuation", "tokenized", "model_loss")
    wanted = {f"speaker_similarity_{kind}" for kind in kinds}
    assert set(nothing) == wanted | {"sampling_tokens_per_second", "sampling_rtf", "sampling_peak_memory"}
    assert all(reason in estimate.lacking for estimate in nothing.values())


def test_clips_too_short_for_both_are_left_out_and_counted(measure):
    seconds = [len(one.signal[0]) / one.rate for one in DatasetSpec.parse("asterisk-prompts").build({}, None)][:6]
    long = sorted(seconds)[2]
    both = {"prompt_seconds": 1, "seconds": long - 1}
    untrained = {**SETTINGS, "continuation": both, "probe": {**PROBE, "budget": {"steps": 0}}}
    found = measure(CLOCK, untrained, limit=6)
    kept = [one >= long for one in seconds]
    assert [not np.isnan(value) for value in found.samples["speaker_similarity_tokenized"]] == kept
    made = found.metrics["speaker_similarity_continuation"]
    assert (made.n, made.failures) == (sum(kept), 0)
    assert made.note.startswith(f"{6 - sum(kept)} of 6 clips, shorter than")


def test_metrics_that_compare_in_time_are_refused(measure):
    with pytest.raises(BenchError, match="looks at tokens and continuations, so it does not measure stoi"):
        measure(CLOCK, {**SETTINGS, "metrics": {"stoi": {}}})
