"""X-Codec, X-codec2 and NeuCodec, which code semantic features along with the sound, of transformers' classes."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FIRST = Family(
    "bench.modalities.audio.tokenizers.transformers_audio:Xcodec",
    "Ye et al. 2024, arXiv 2408.17175; github.com/zhenye234/xcodec",
    "audio",
    extra="audio",
    positional="bandwidth",
)
SECOND = Family(
    "bench.modalities.audio.tokenizers.xcodec2:Xcodec2",
    "Ye et al. 2025, arXiv 2502.04128; github.com/zhenye234/X-Codec-2.0",
    "audio",
    extra="audio",
)
NEUCODEC = Family(
    "bench.modalities.audio.tokenizers.xcodec2:NeuCodec",
    "arXiv 2509.09550; github.com/neuphonic/neucodec",
    "audio",
    extra="audio",
)

ENTRIES: tuple[Entry, ...] = (
    FIRST.files("xcodec", "transformers XcodecModel"),
    *(
        FIRST.checkpoint(
            f"xcodec-{name}",
            f"hf-audio/xcodec-{name}",
            f"X-Codec 16 kHz, {features}; @KBPS of 0.5, 1, 1.5, 2, 4",
            "not stated; the code is MIT",
        )
        for name, features in (
            ("hubert-librispeech", "HuBERT, trained on LibriSpeech"),
            ("hubert-general", "HuBERT, trained on general audio"),
            ("hubert-general-balanced", "HuBERT, trained on balanced general audio"),
            ("wavlm-mls", "WavLM, trained on MLS English"),
            ("wavlm-more-data", "WavLM, trained on MLS English and internal data"),
        )
    ),
    SECOND.checkpoint(
        "xcodec2",
        "HKUSTAudio/xcodec2-hf",
        "X-codec2 16 kHz, 50 Hz x 65536 entries, one book",
        "CC-BY-NC-4.0",
    ),
    NEUCODEC.checkpoint(
        "neucodec",
        "neuphonic/neucodec",
        "NeuCodec, 16 kHz in and 24 kHz out, 50 Hz x 65536 entries, one book",
        "Apache-2.0",
    ),
)
