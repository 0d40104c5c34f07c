"""Registry lines of pretrained backbones of images: one per model family, for NAME=PATH, and the checkpoints."""

from __future__ import annotations

from typing import Any

from bench.registry import Entry

_EMU3 = "bench.modalities.image.backbones.emu3:Emu3"
_JANUS = "bench.modalities.image.backbones.janus:Janus"
_AMUSED = "bench.modalities.image.backbones.amused:Amused"

_FROM_EMU3 = "Wang et al. 2024, arXiv 2409.18869; github.com/baaivision/Emu3"
_FROM_JANUS = "Chen et al. 2025, arXiv 2501.17811; github.com/deepseek-ai/Janus"
_FROM_AMUSED = "Patil et al. 2024, arXiv 2401.01808"


def _entry(name: str, target: str, summary: str, source: str, license: str, **rest: Any) -> Entry:
    return Entry(
        name,
        target,
        summary,
        modality="image",
        tokens="discrete",
        source=source,
        license=license,
        extra="hf" if target == _AMUSED else None,
        local=True,
        **rest,
    )


def _class(name: str, target: str, summary: str, source: str) -> Entry:
    """A model family; the license is that of the checkpoint it is given."""
    return _entry(name, target, f"{summary}; {name}=PATH", source, "the checkpoint's")


def _checkpoint(
    name: str, target: str, repo: str, summary: str, source: str, license: str, *parts: str, **arguments: Any
) -> Entry:
    """A checkpoint on the hub.

    Args:
        parts: folders of its weights, if they do not lie beside the configuration.
    """
    weights = tuple(f"hf:{repo}/{part}" for part in parts) or (f"hf:{repo}",)
    args = {"repo": repo, **arguments}
    return _entry(name, target, summary, f"{source}; huggingface.co/{repo}", license, args=args, weights=weights)


ENTRIES: tuple[Entry, ...] = (
    _class("emu3", _EMU3, "transformers Emu3ForConditionalGeneration, images from text", _FROM_EMU3),
    _class("janus", _JANUS, "transformers JanusForConditionalGeneration, images from text", _FROM_JANUS),
    _class("amused", _AMUSED, "diffusers AmusedPipeline, masked decoding of images from text", _FROM_AMUSED),
    _checkpoint(
        "emu3-gen",
        _EMU3,
        "BAAI/Emu3-Gen-hf",
        "Emu3-Gen 8B, 720x720 in 90x90 codes; @area=PIXELS,ratio=W:H",
        _FROM_EMU3,
        "Apache-2.0",
    ),
    *(
        _checkpoint(
            f"janus-pro-{size.lower()}",
            _JANUS,
            f"deepseek-community/Janus-Pro-{size}",
            f"Janus-Pro {size}, 384x384 in 24x24 codes",
            _FROM_JANUS,
            "DeepSeek Model License",
        )
        for size in ("1B", "7B")
    ),
    *(
        _checkpoint(
            f"amused-{side}",
            _AMUSED,
            f"amused/amused-{side}",
            f"aMUSEd {side}x{side}, {side // 16}x{side // 16} codes in 12 steps; @steps=N",
            _FROM_AMUSED,
            "CreativeML Open RAIL++-M",
            "transformer",
            "text_encoder",
            "vqvae",
            subfolder="transformer",
        )
        for side in (256, 512)
    ),
)
