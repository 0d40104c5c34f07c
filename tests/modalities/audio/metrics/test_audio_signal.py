"""Metrics that compare signals of sound: by hand, where they have no value, at other rates and lengths."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pesq as pesq_package
import pytest
from audio_cases import by_librosa
from audio_data import RATE, audio_batch, distorted, prompt, shifted

from bench.contracts.stats import Estimate
from bench.errors import BenchError, Unavailable
from bench.modalities.audio.metrics import dnsmos, pesq, si_sdr, speaker, spectral, stoi, visqol
from bench.modalities.audio.metrics import signal_pairs as pairs
from bench.modalities.audio.metrics.clips import ClipMetric
from bench.modalities.audio.resample import resample

CLIP = prompt("conf-full")
NOISY = distorted(CLIP)
LONG = prompt("conf-usermenu-162")
ALL = (
    pesq.PESQWide,
    pesq.PESQNarrow,
    stoi.STOI,
    si_sdr.SISDR,
    si_sdr.AlignedSISDR,
    si_sdr.Delay,
    spectral.STFTDistance,
    spectral.MelDistance,
    visqol.ViSQOL,
    speaker.SpeakerSimilarity,
    dnsmos.DNSMOS,
)


def measured(
    kind: type[ClipMetric], *clips: tuple[np.ndarray, np.ndarray], rate: int = RATE, **settings: Any
) -> Mapping[str, Estimate]:
    """The estimates over pairs of reference and reconstruction, in one batch."""
    metric = kind(settings)
    metric.update(audio_batch(*zip(*clips, strict=True), rate=rate))  # type: ignore[misc]
    return metric.compute()


def value(kind: type[ClipMetric], *clips: tuple[np.ndarray, np.ndarray], rate: int = RATE, **settings: Any) -> float:
    """The first of the estimates."""
    found = next(iter(measured(kind, *clips, rate=rate, **settings).values()))
    assert found.value is not None, found.note
    return found.value


# By hand: one period of ±1, and an error orthogonal to it, of a hundredth of its energy.
SQUARE = np.tile(np.array([1, -1], np.float32), 800)
WITH_ERROR = SQUARE + np.tile(np.array([0.1, 0.1], np.float32), 800)


@pytest.mark.parametrize("gain", [1.0, 0.25, -3.0])
def test_si_sdr_by_hand(gain: float) -> None:
    assert value(si_sdr.SISDR, (SQUARE, gain * WITH_ERROR)) == pytest.approx(20, abs=1e-5)


def test_a_signal_that_came_back_exactly_has_the_ceiling_of_16_bits_whatever_its_gain() -> None:
    """One step of 2^-15 in one of 1600 samples of ±1 is as good."""
    step = SQUARE.copy()
    step[7] -= 2.0**-15
    ceiling = 10 * np.log10(1600 * 2.0**30)
    for came_back in (SQUARE, SQUARE / 3, -SQUARE, step, np.roll(SQUARE, 2)):
        assert value(si_sdr.SISDR, (SQUARE, came_back)) == pytest.approx(ceiling, abs=0.01)
    assert value(si_sdr.AlignedSISDR, (CLIP, shifted(CLIP, 3))) > 90
    both = measured(si_sdr.SISDR, (CLIP, CLIP), (CLIP, NOISY))["si_sdr"]
    assert (both.n, both.failures) == (2, 0)


def test_si_sdr_without_means() -> None:
    assert value(si_sdr.SISDR, (CLIP, NOISY + 0.1), zero_mean=True) == pytest.approx(
        value(si_sdr.SISDR, (CLIP - CLIP.mean(), NOISY - NOISY.mean())), rel=1e-5
    )


@pytest.mark.parametrize("delay", [-1600, -8, 0, 1, 333])
@pytest.mark.parametrize("gain", [0.5, -1.0])
def test_a_delay_is_found_and_taken_back(delay: int, gain: float) -> None:
    late = gain * shifted(distorted(CLIP), delay)
    assert value(si_sdr.Delay, (CLIP, late)) == 1000 * delay / RATE
    raw, aligned = (value(kind, (CLIP, late)) for kind in (si_sdr.SISDR, si_sdr.AlignedSISDR))
    assert aligned == pytest.approx(value(si_sdr.SISDR, (CLIP, distorted(CLIP))), abs=0.5)
    assert raw == aligned if delay == 0 else raw < aligned


def test_no_delay_longer_than_asked_for() -> None:
    assert value(si_sdr.Delay, (CLIP, shifted(NOISY, 100)), longest=100 / 16) == 100 / 16
    assert abs(value(si_sdr.Delay, (CLIP, shifted(NOISY, 100)), longest=99 / 16)) < 100 / 16


def test_correlations_of_a_long_signal() -> None:
    one, other = np.random.default_rng(0).standard_normal((2, 2 * si_sdr.BLOCK + 100))
    by_hand = [np.dot(*si_sdr.overlap(one, other, lag)) for lag in range(-2, 3)]
    np.testing.assert_allclose(si_sdr.correlations(one, other, 2), by_hand, rtol=1e-8)


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        (spectral.MelDistance, {"windows": [512], "mels": [40], "power": 1.0}, 1.0),
        (spectral.MelDistance, {}, 4.0),
        (spectral.STFTDistance, {"log_weight": 0.5}, 2.0),
    ],
)
def test_a_tenth_of_the_gain_by_hand(kind: type[ClipMetric], settings: dict[str, Any], expected: float) -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    pair = noise, noise / 10
    assert value(kind, pair, magnitude_weight=0, floor=1e-30, **settings) == pytest.approx(expected, rel=1e-6)


def test_spectra_of_a_long_clip() -> None:
    assert len(LONG) > spectral.FRAMES * 512 // 4
    noisy = distorted(LONG)
    assert value(spectral.STFTDistance, (LONG, noisy)) == pytest.approx(by_librosa(None, LONG, noisy)["stft_distance"])


@pytest.mark.parametrize(
    ("kind", "best"),
    [
        (pesq.PESQWide, 4.6439),
        (pesq.PESQNarrow, 4.5486),
        (stoi.STOI, 1),
        (si_sdr.Delay, 0),
        (spectral.MelDistance, 0),
        (spectral.STFTDistance, 0),
        (speaker.SpeakerSimilarity, 1),
    ],
)
def test_nothing_changed(kind: type[ClipMetric], best: float) -> None:
    assert value(kind, (CLIP, CLIP)) == pytest.approx(best, abs=1e-4)


SILENT = np.zeros_like(CLIP)
NOT_FINITE = np.full_like(CLIP, np.nan)
SHORT = CLIP[8000:9600], NOISY[8000:9600]
NEEDS_BOTH = set(ALL) - {spectral.STFTDistance, spectral.MelDistance, dnsmos.DNSMOS}
WIDE = {pesq.PESQWide: pesq.LOW_RATE, visqol.ViSQOL: visqol.LOW_RATE, dnsmos.DNSMOS: dnsmos.LOW_RATE}
LENGTH = {
    pesq.PESQWide: pesq.TOO_SHORT,
    pesq.PESQNarrow: pesq.TOO_SHORT,
    stoi.STOI: stoi.TOO_SHORT,
    visqol.ViSQOL: visqol.NO_PATCH,
    dnsmos.DNSMOS: dnsmos.TOO_SHORT,
    speaker.SpeakerSimilarity: speaker.TOO_SHORT,
}
UNDEFINED = [
    *((kind, (CLIP, NOT_FINITE), RATE, pairs.NOT_FINITE) for kind in ALL),
    *((kind, (SILENT, NOISY), RATE, pairs.SILENT_REFERENCE) for kind in ALL if kind in NEEDS_BOTH),
    *((kind, (CLIP, SILENT), RATE, pairs.SILENT_RECONSTRUCTION) for kind in ALL if kind in NEEDS_BOTH),
    (dnsmos.DNSMOS, (CLIP, SILENT), RATE, pairs.SILENT_RECONSTRUCTION),
    *((kind, (CLIP, NOISY), 8000, reason) for kind, reason in WIDE.items()),
    *((kind, SHORT, RATE, reason) for kind, reason in LENGTH.items()),
    (spectral.STFTDistance, (CLIP[:1024], NOISY[:1024]), RATE, spectral.TOO_SHORT),
    (stoi.STOI, (CLIP[8000:8010], NOISY[:10]), RATE, stoi.TOO_SHORT),
    (pesq.PESQWide, (CLIP * 1e-30, NOISY), RATE, pesq.NO_UTTERANCE),
    (si_sdr.SISDR, (SQUARE, np.abs(SQUARE)), RATE, si_sdr.ORTHOGONAL),
]


@pytest.mark.parametrize(("kind", "clip", "rate", "reason"), UNDEFINED, ids=lambda each: getattr(each, "__name__", ""))
def test_a_clip_without_a_value(
    kind: type[ClipMetric], clip: tuple[np.ndarray, np.ndarray], rate: int, reason: str
) -> None:
    for estimate in measured(kind, clip, rate=rate).values():
        assert estimate.value is None
        assert estimate.failures == 1
        assert estimate.note == f"no value for 1 clip: {reason}"


def test_a_clip_without_a_value_is_missing_from_the_mean() -> None:
    found = measured(pesq.PESQWide, (CLIP, NOISY), (CLIP, SILENT), SHORT, (SILENT, NOISY))["pesq_wb"]
    assert (found.value, found.n, found.failures) == (value(pesq.PESQWide, (CLIP, NOISY)), 1, 3)


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not dnsmos.DNSMOS])
def test_channels_are_averaged(kind: type[ClipMetric]) -> None:
    other = CLIP[::-1].copy(), distorted(CLIP[::-1].copy(), 3, 0.01)
    stereo = np.stack([CLIP, other[0]]), np.stack([NOISY, other[1]])
    assert value(kind, stereo) == pytest.approx((value(kind, (CLIP, NOISY)) + value(kind, other)) / 2, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "rate", "settings", "own", "mode"),
    [
        (pesq.PESQWide, 24000, {}, 16000, "wb"),
        (pesq.PESQNarrow, 44100, {}, 16000, "nb"),
        (pesq.PESQNarrow, 16000, {"sample_rate": 8000}, 8000, "nb"),
        (pesq.PESQNarrow, 8000, {}, 8000, "nb"),
    ],
)
def test_pesq_at_other_rates(kind: type[ClipMetric], rate: int, settings: dict[str, Any], own: int, mode: str) -> None:
    at_own = [resample(side[None], rate, own)[0] for side in (CLIP, NOISY)]
    assert value(kind, (CLIP, NOISY), rate=rate, **settings) == pesq_package.pesq(own, *at_own, mode)


@pytest.mark.parametrize(("mode", "rate"), [("wb", 16000), ("nb", 8000)])
def test_pesq_counts_utterances_of_long_clips(mode: pesq.Mode, rate: int) -> None:
    long = np.tile(LONG, 3)[: 20 * rate]
    assert pesq.counted(mode, rate, long, distorted(long)) == pesq_package.pesq(rate, long, distorted(long), mode)


def test_pesq_has_no_room_for_many_utterances() -> None:
    """60 bursts of noise: P.862's code overwrites what lies behind its table of 50, and answers all the same."""
    noise = np.random.default_rng(0).standard_normal(30 * RATE) * 0.1
    bursts = (noise * (np.arange(len(noise)) // (RATE // 4) % 2)).astype(np.float32)
    found = measured(pesq.PESQWide, (bursts, distorted(bursts)))["pesq_wb"]
    assert (found.value, found.note) == (None, f"no value for 1 clip: {pesq.TOO_MANY}")


def test_stoi_repeats_itself_and_leaves_the_generator_alone() -> None:
    found = []
    for seed in range(3):
        np.random.seed(seed)
        before = np.random.get_state()[1]  # type: ignore[index]
        found.append([measured(stoi.STOI, (clip, distorted(clip)))["estoi"].value for clip in (CLIP, LONG)])
        assert (np.random.get_state()[1] == before).all()  # type: ignore[index]
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    ("settings", "rate"), [({"mapping": "polynomial"}, 16000), ({"mode": "audio"}, 44100), ({"mode": "audio"}, 48000)]
)
def test_modes_of_visqol(settings: dict[str, Any], rate: int) -> None:
    from visqol import VisqolApi

    api = VisqolApi()
    mode = settings.get("mode", "speech")
    api.create(mode=mode, use_lattice_model=False)
    own = visqol.RATES[mode]
    clip = LONG[: 3 * RATE]
    at_own = [resample(side[None], rate, own)[0] for side in (clip, distorted(clip))]
    assert value(visqol.ViSQOL, (clip, distorted(clip)), rate=rate, **settings) == pytest.approx(
        api.measure_from_arrays(*at_own, own).moslqo, rel=1e-12
    )


def test_dnsmos_asks_nothing_of_the_reference() -> None:
    loud = measured(dnsmos.DNSMOS, (SILENT, 10 * NOISY))
    assert loud == measured(dnsmos.DNSMOS, (CLIP, (10 * NOISY).clip(-1, 1)))
    assert all(estimate.value is not None for estimate in loud.values())


@pytest.mark.parametrize("seconds", [0.3, 1.6, 1.61, 2.37, 2.38, 9])
def test_embeddings_equal_resemblyzers(seconds: float) -> None:
    package = pytest.importorskip("resemblyzer", exc_type=ImportError)
    encoder = package.VoiceEncoder("cpu", verbose=False)
    clip = LONG[: round(seconds * RATE)]
    np.testing.assert_allclose(speaker.embed(clip), encoder.embed_utterance(clip), atol=1e-6)
    quiet = clip / 50
    np.testing.assert_allclose(
        speaker.louder(quiet), package.normalize_volume(quiet, -30, increase_only=True), rtol=1e-5
    )
    assert speaker.louder(LONG) is LONG, "loud enough already"


@pytest.mark.parametrize("kind", [kind for kind in ALL if issubclass(kind, pairs.PackageMetric)])
def test_the_protocol_says_what_is_installed(kind: type[pairs.PackageMetric]) -> None:
    settled = kind.settle(kind.Settings())
    name, version, *weights = getattr(settled, "revision", "").split()
    assert name == kind.distribution
    assert version[0].isdigit()
    assert [len(digits) for digits in weights] == [pairs.DIGITS] * bool(kind.files)
    assert kind.settle(settled) == settled
    with pytest.raises(Unavailable, match=f"{version}.* is installed, but the settings state {name} 0"):
        kind.settle(kind.Settings(revision=f"{name} 0"))


@pytest.mark.parametrize(
    ("kind", "missing", "remedy"),
    [(pesq.PESQWide, "pesq", "[audio]"), (visqol.ViSQOL, "ai_edge_litert", "set the mapping")],
)
def test_a_missing_package_is_named(
    kind: type[pairs.PackageMetric], missing: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(Unavailable) as error:
        kind.settle(kind.Settings())
    assert remedy in str(error.value)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (spectral.STFTDistance, {"windows": [510]}, "multiple of 4"),
        (spectral.MelDistance, {"mels": [80]}, "1 numbers of mel bands for 2 windows"),
    ],
)
def test_settings_that_do_not_fit(kind: type[ClipMetric], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(settings)


def test_mel_bands_above_the_spectrum() -> None:
    with pytest.raises(BenchError, match="need a sample rate of 24000 Hz"):
        spectral.mel_filters(RATE, 512, 80, 0.0, 12_000.0)
