"""WavTokenizer, one codebook at 40 or 75 Hz."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.wavtokenizer:WavTokenizer",
    "Ji et al. 2024, arXiv 2408.16532; github.com/jishengpeng/WavTokenizer",
    "audio",
    extra="audio",
)


def config(strides: list[int], window: int, hop: int) -> dict[str, Any]:
    """What decides the network in the publisher's YAML files, which differ in the rate alone."""
    return {
        "sample_rate": 24000,
        "feature_extractor": {"dowmsamples": strides, "vq_bins": 4096},
        "backbone": {
            "input_channels": 512,
            "dim": 768,
            "intermediate_dim": 2304,
            "num_layers": 12,
            "adanorm_num_embeddings": 4,
        },
        "head": {"dim": 768, "n_fft": window, "hop_length": hop},
    }


RATES = {40: config([6, 5, 5, 4], 2400, 600), 75: config([8, 5, 4, 2], 1280, 320)}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"wavtokenizer-{name}",
        f"novateur/WavTokenizer{repo}",
        f"WavTokenizer 24 kHz, {rate} Hz x 4096 entries, one book, {trained}",
        "MIT",
        file=file,
        config=RATES[rate],
    )
    for name, rate, repo, file, trained in (
        ("small-40", 40, "", "WavTokenizer_small_600_24k_4096.ckpt", "trained on LibriTTS"),
        ("small-75", 75, "", "WavTokenizer_small_320_24k_4096.ckpt", "trained on LibriTTS"),
        (
            "medium-speech-75",
            75,
            "-medium-speech-75token",
            "wavtokenizer_medium_speech_320_24k_v2.ckpt",
            "trained on 10,000 hours of speech",
        ),
        (
            "medium-music-audio-75",
            75,
            "-medium-music-audio-75token",
            "wavtokenizer_medium_music_audio_320_24k_v2.ckpt",
            "trained on 10,000 hours of music and audio",
        ),
        (
            "large-speech-75",
            75,
            "-large-speech-75token",
            "wavtokenizer_large_speech_320_v2.ckpt",
            "trained on 80,000 hours",
        ),
        (
            "large-unify-40",
            40,
            "-large-unify-40token",
            "wavtokenizer_large_unify_600_24k.ckpt",
            "trained on 80,000 hours",
        ),
    )
)
