"""Registry lines of the tokenizers that serve every modality: quantizers in the space of another tokenizer."""

from __future__ import annotations

from bench.lines.quantizers import ENTRIES as QUANTIZERS
from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = tuple(
    Entry(
        f"latent-{quantizer.name}",
        "bench.tokenizers.latent:LatentTokenizer",
        f"Latents of a continuous tokenizer, then {quantizer.name}; latent-{quantizer.name}@of=NAME,bits=12",
        args={"quantizer": quantizer.name},
        positional="of",
        modality=("image",) if quantizer.name == "msvq" else ("image", "audio"),
        tokens="discrete",
        source=quantizer.source,
        license="Apache-2.0, and that of the tokenizer's weights",
    )
    for quantizer in QUANTIZERS
)
