"""More bits sound better, measured on the default data set; rates are those of the publications."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import pytest

from bench import registry
from bench.contracts.stats import Estimate, clustered_mean
from bench.contracts.system import parse
from bench.datasets.base import Limited
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.datasets.asterisk_prompts import AsteriskPrompts
from bench.modalities.audio.metrics.pesq import PESQWide
from bench.modalities.audio.metrics.signal_pairs import PackageSettings
from bench.modalities.audio.metrics.spectral import MelDistance, MelSettings
from bench.modalities.audio.metrics.stoi import stoi

FITTED_ON = 30
"""Prompts; the command fits on all."""


@cache
def prompts() -> tuple[Audio, list[int]]:
    """All clips that the default suite measures, and the group of each."""
    samples = list(AsteriskPrompts())
    return Audio.of([sample.signal for sample in samples], samples[0].rate), [sample.group for sample in samples]


def measured(system: str) -> dict[str, Estimate]:
    """PESQ, STOI and mel distance of a system on the prompts."""
    originals, groups = prompts()
    fit = AsteriskPrompts().fit_split()
    assert fit is not None
    tokenizer: Any = parse(system).build()
    tokenizer.fit(Limited(fit, FITTED_ON), seed=0)
    decoded = tokenizer.decode(tokenizer.encode(originals))
    values: dict[str, list[float]] = {"pesq_wb": [], "stoi": [], "mel_distance": []}
    for original, clip in zip(originals.clips(), decoded.clips(), strict=True):
        pair = original.numpy(), clip.numpy()
        values["pesq_wb"] += PESQWide.score_clip(PackageSettings(), *pair, originals.rate).values()
        values["stoi"].append(stoi(pair[0][0], pair[1][0], originals.rate, extended=False))
        values["mel_distance"] += MelDistance.score_clip(MelSettings(), *pair, originals.rate).values()
    return {name: clustered_mean(found, groups) for name, found in values.items()}


@pytest.mark.parametrize(
    "systems",
    [
        [f"opus@{kbps}" for kbps in (6, 12, 24)],
        *(
            pytest.param(systems, marks=pytest.mark.evidence)
            for systems in (
                [f"mp3@{kbps}" for kbps in (8, 16, 32)],
                [f"aac@{kbps}" for kbps in (8, 16, 32)],
                [f"g726@{kbps}" for kbps in (16, 24, 32, 40)],
                [f"amr-nb@{kbps}" for kbps in (4.75, 12.2)],
                ["codec2@700C", "codec2@3200"],
                [f"mdct-vq@{kbps}" for kbps in (2, 4, 8)],
                [f"mdct-rvq@{kbps}" for kbps in (2, 4, 8)],
            )
        ),
    ],
    ids=lambda systems: systems[0].partition("@")[0],
)
def test_more_bits_sound_better(systems: list[str]) -> None:
    """Every rate is in its place, and the intervals of the lowest and the highest do not touch."""
    by_rate = [measured(system) for system in systems]
    for name, sign in {"pesq_wb": 1, "stoi": 1, "mel_distance": -1}.items():
        values = [sign * (estimates[name].value or math.nan) for estimates in by_rate]
        assert values == sorted(set(values)), name
        lowest, highest = (sorted(sign * end for end in by_rate[at][name].interval or ()) for at in (0, -1))
        assert lowest[1] < highest[0], name


@pytest.mark.parametrize(
    ("system", "kbps"),
    [
        ("mulaw", 128),
        ("alaw", 128),
        ("mulaw@8000", 64),  # G.711
        *((f"mdct-{family}", 6) for family in ("vq", "rvq", "pq", "aq", "fsq", "lfq", "bsq")),
        ("pcm", 256),
        ("g722", 64),
        ("g726@40", 40),
        ("g723.1", 6.3),
        ("amr-nb", 12.2),
        ("opus@6", 6),
        ("mp3@8", 8),
        ("aac@8", 8),
        ("codec2@700C", 0.7),
        ("codec2@3200", 3.2),
    ],
)
def test_nominal_rate(system: str, kbps: float) -> None:
    """Rate × books × bits of tokens, what the standard says of a codec; the bytes it writes are tested elsewhere."""
    tokenizer: Any = parse(system).build()
    bits = sum(book.rate * book.bits for book in tokenizer.codebooks) or tokenizer.bitrate
    assert bits == 1000 * kbps


@pytest.mark.parametrize(
    ("name", "argument"), [("encodec-24khz", {"bandwidth": 6}), ("mimi", {"books": 8}), ("speechtokenizer", {})]
)
def test_default_rate_of_published_tokenizers(name: str, argument: dict[str, float]) -> None:
    """Without ``@VALUE``: EnCodec 6 kbit/s, Mimi the 8 books of Moshi; elsewhere every book there is."""
    entry = registry.get("tokenizers", name)
    assert {key: value for key, value in entry.args.items() if key == entry.positional} == argument
