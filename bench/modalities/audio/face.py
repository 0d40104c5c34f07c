"""The face of the modality: audio."""

from __future__ import annotations

from bench.modalities.base import Bits, Modality
from bench.values import FROM_ZERO, PlotPart, Value

_RATES = ("tokens_per_second", "bitrate", "bitrate_entropy")

AUDIO = Modality(
    name="audio",
    signals="audio",
    signal="bench.modalities.audio.signal:AudioSignal",
    finish="bench.modalities.audio.signal:AudioFinish",
    preprocessing="bench.modalities.audio.datasets.audio:AudioPreprocessing",
    lines={
        kind: f"bench.modalities.audio.lines.{kind}:ENTRIES"
        for kind in ("tokenizers", "backbones", "datasets", "metrics", "recognizers")
    }
    | {"values": "bench.modalities.audio.lines.values:VALUES"},
    metrics={
        "reconstruction": (
            *("pesq_wb", "pesq_nb", "stoi", "si_sdr", "si_sdr_aligned", "delay", "stft_distance", "mel_distance"),
            *("visqol", "dnsmos", "speaker_similarity", "word_errors", "codebook"),
            *_RATES,
            *("bitrate_file", "real_time_factor", "peak_memory"),
        ),
        "tokens": ("codebook", *_RATES),
        "bottleneck": ("si_sdr", "mel_distance", "stoi", "codebook", *_RATES),
    },
    bits=Bits(
        Value(
            "bitrate_model",
            "kbit/s (model)",
            "kbit/s",
            False,
            FROM_ZERO,
            shown_unit="",
            plots=(PlotPart("modelled"),),
        ),
        per_unit=1000.0,
    ),
    folder="audio-folder",
    autoencoder="bench.modalities.audio.autoencoder:AudioAutoencoder",
    drawing="bench.modalities.audio.continuations:Continuations",
    choices={"ntp-probe": "bench.modalities.audio.continuations:ProbeChoices"},
    extra="audio",
    doctor="bench.modalities.audio.doctor:report",
    view="bench.modalities.audio.view:AudioView",
)
