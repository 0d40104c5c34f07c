"""Registry lines of pretrained backbones of audio: a generic line for ``musicgen=PATH``, and the known checkpoints."""

from __future__ import annotations

from typing import Any

from bench.registry import Entry

_REPO = "facebook/musicgen"


def _musicgen(name: str, summary: str, source: str, license: str, **rest: Any) -> Entry:
    return Entry(
        name,
        "bench.modalities.audio.backbones.musicgen:Musicgen",
        summary,
        modality="audio",
        tokens="discrete",
        source=f"Copet et al. 2023, arXiv 2306.05284; github.com/facebookresearch/audiocraft{source}",
        license=license,
        extra="audio",
        local=True,
        **rest,
    )


ENTRIES: tuple[Entry, ...] = (
    _musicgen(
        "musicgen",
        "transformers MusicgenForConditionalGeneration, mono, from text; musicgen=PATH",
        "",
        "the checkpoint's",
    ),
    *(
        _musicgen(
            f"musicgen-{size}",
            f"MusicGen {parameters}, mono 32 kHz, 50 Hz x 4 books of EnCodec; @seconds=S",
            f"; huggingface.co/{_REPO}-{size}",
            "CC-BY-NC-4.0",
            args={"repo": f"{_REPO}-{size}"},
            weights=(f"hf:{_REPO}-{size}",),
        )
        for size, parameters in (("small", "300M"), ("medium", "1.5B"), ("large", "3.3B"))
    ),
)
