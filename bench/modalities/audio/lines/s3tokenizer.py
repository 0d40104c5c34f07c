"""Registry lines of S3Tokenizer, the semantic tokens of CosyVoice 1, 2 and 3, which only encode."""

from __future__ import annotations

from bench.registry import Entry


def _entry(name: str, cosyvoice: str, arxiv: str, model: str, hertz: int, entries: int) -> Entry:
    return Entry(
        name,
        "bench.modalities.audio.tokenizers.s3tokenizer:S3Tokenizer",
        f"the semantic tokens of {cosyvoice}, 16 kHz, {hertz} Hz x {entries} entries, encodes only; {name}=PATH",
        args={"name": f"{name}-model", "hertz": hertz, "entries": entries},
        modality="audio",
        tokens="discrete",
        source=f"Du et al., arXiv {arxiv}; github.com/FunAudioLLM/CosyVoice; modelscope.cn/models/{model}",
        license="Apache-2.0",
        weights=(f"{name}-model",),
        extra="audio",
        local=True,
    )


S3TOKENIZERS: tuple[Entry, ...] = (
    _entry("s3tokenizer-v1", "CosyVoice", "2407.05407", "iic/cosyvoice-300m", 50, 4096),
    _entry("s3tokenizer-v1-25hz", "CosyVoice at 25 Hz", "2407.05407", "iic/CosyVoice-300M-25Hz", 25, 4096),
    _entry("s3tokenizer-v2-25hz", "CosyVoice 2", "2412.10117", "iic/CosyVoice2-0.5B", 25, 3**8),
    _entry("s3tokenizer-v3-25hz", "CosyVoice 3", "2505.17589", "FunAudioLLM/Fun-CosyVoice3-0.5B-2512", 25, 3**8),
)
