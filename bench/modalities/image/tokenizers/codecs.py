"""Image codecs as baselines: bytes instead of tokens, through Pillow."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image, features

from bench.contracts.tokens import Tokens
from bench.errors import Unavailable, whole_number
from bench.tokenizers.base import Tokenizer

# Options that Pillow would otherwise leave to the library's version; one thread, so that speeds compare.
OPTIONS: dict[str, dict[str, object]] = {
    "JPEG": {"subsampling": "4:2:0", "optimize": True},
    "WEBP": {"method": 4},
    "AVIF": {"subsampling": "4:2:0", "speed": 6, "max_threads": 1},
}


class Codec(Tokenizer):
    """JPEG, WebP or AVIF at a quality of 0 to 100; the bytes of the whole file count.

    Args:
        format: ``JPEG``, ``WEBP`` or ``AVIF``.
        quality: the encoder's own scale; equal numbers mean nothing across formats.
    """

    casts = False

    def __init__(self, format: str, quality: int) -> None:
        module = {"WEBP": "webp", "AVIF": "avif"}.get(format)
        if module and not features.check(module):
            raise Unavailable(f"this Pillow has no {format}", "run: pip install --upgrade pillow")
        self.format, self.quality = format, whole_number(f"{format}: quality", quality, 0, 100)

    def encode(self, batch: torch.Tensor) -> Tokens:
        levels = torch.round(batch.float().clamp(0, 1) * 255).to(torch.uint8)
        pixels = levels.permute(0, 2, 3, 1).cpu().numpy()
        return Tokens(payload=tuple(self._write(image) for image in pixels), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        images = [np.asarray(Image.open(io.BytesIO(data)).convert("RGB")) for data in tokens.payload]
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255

    def _write(self, pixels: np.ndarray) -> bytes:
        sink = io.BytesIO()
        Image.fromarray(pixels).save(sink, self.format, quality=self.quality, **OPTIONS[self.format])
        return sink.getvalue()
