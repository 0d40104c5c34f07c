"""Emu3 (Wang et al. 2024, arXiv 2409.18869), by transformers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch.nn import functional as F

from bench.backbones.base import Structure
from bench.backbones.pretrained.files import Files, text_part
from bench.backbones.sampling import Sampling
from bench.errors import BenchError
from bench.modalities.image.backbones.autoregressive import AutoregressiveImages
from bench.modalities.image.tokenizers.transformers_vq import Emu3VQ
from bench.tokenizers.transformers_models import load_transformers

QUALITY = " masterpiece, film grained, best quality."
AGAINST = (
    "lowres, bad anatomy, bad hands, text, error, missing fingers, extra digit, fewer digits, cropped, worst quality, "
    "low quality, normal quality, jpeg artifacts, signature, watermark, username, blurry."
)


class Emu3(AutoregressiveImages):
    """Emu3-Gen: text, the size in codes, then the codes row by row, each row ended by a token of its own.

    The vocabulary holds text and 32768 image codes; the end of a row is where it must be. As in the publisher's
    quick start guidance leads away from a list of flaws, a text praising quality is appended to every prompt,
    for the likelihood too; CFG 3, top-k 2048, temperature 1.

    Args:
        path, repo, revision, offline: see ``bench.tokenizers.checkpoint.locate``.
        area: approximate pixels of an image; the processor rounds its sides to whole codes.
        ratio: width to height, ``W:H``.
        quality: text appended to every prompt; "" for none.
        against: text that guidance leads away from.
    """

    recommended: ClassVar[Sampling] = Sampling(top_k=2048, guidance=3)
    files: ClassVar[Files] = Files(
        needed=(
            ("processor_config.json", "preprocessor_config.json"),
            ("tokenizer_config.json",),
            ("tokenizer.json", "vocab.json"),
        )
    )

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        revision: str | None = None,
        area: int = 720 * 720,
        ratio: str = "1:1",
        quality: str = QUALITY,
        against: str = AGAINST,
        offline: bool = False,
    ) -> None:
        root, _ = self.files.located(path, repo, revision, offline)
        checkpoint, model = load_transformers(
            "Emu3ForConditionalGeneration", path, repo, None, revision, offline, dtype="auto"
        )
        self.processor = text_part("transformers", "Emu3Processor", root, self.files.remedy)
        self.ratio, self.area, self.quality, self.against = ratio, area, quality, against
        tokenizer = Emu3VQ.of(checkpoint, model.model.vqmodel)
        grid = self._grid(tokenizer.factor)
        (book,) = tokenizer.codebooks
        words = model.vocabulary_mapping.img2bpe
        if sorted(words) != list(range(book.size)) or model.vocabulary_mapping.eol_token_id is None:
            raise BenchError(
                f"{root}: the vocabulary has {len(words)} image codes, or no end of a row, for a codebook of "
                f"{book.size}; save config.vocabulary_map whole"
            )
        self.words = torch.tensor([words[code] for code in range(book.size)])
        # The codes lie side by side in the vocabulary, so that this takes a view of the head, not a copy.
        self.low, self.high = min(words.values()), max(words.values()) + 1
        self.end = int(model.vocabulary_mapping.eol_token_id)
        height, width = (side * tokenizer.factor for side in grid)
        structure = Structure((book.size,), (grid,), (3, height, width))
        super().__init__(model, tokenizer, structure, "emu3-vision-tokenizer")

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        self.words = self.words.to(device)
        return super().to(device, dtype)

    @property
    def language_model(self) -> Any:
        return self.model.model.text_model

    def prompt(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        return self._words(text + self.quality), self._words(self.against)

    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.model.get_input_embeddings()(self.words[codes])
        return embedded

    def after_row(self) -> torch.Tensor:
        embedded: torch.Tensor = self.model.get_input_embeddings()(torch.tensor(self.end, device=self.device))
        return embedded

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        everything = F.linear(hidden, self.model.lm_head.weight[self.low : self.high])
        return everything[..., self.words - self.low]

    def _words(self, text: str) -> torch.Tensor:
        encoded = self.processor(
            text=[text], return_for_image_generation=True, ratio=self.ratio, image_area=self.area, return_tensors="pt"
        )
        ids: torch.Tensor = encoded["input_ids"][0]
        return ids

    def _grid(self, factor: int) -> tuple[int, int]:
        """Height and width in codes, as the processor computes them."""
        try:
            height, width = self.processor.calculate_generate_size(self.ratio, self.area, factor)
        except (ValueError, AttributeError, TypeError, ZeroDivisionError) as error:
            raise BenchError(
                f"ratio={self.ratio}, area={self.area}: give a ratio such as 16:9, and an area in pixels"
            ) from error
        if min(height, width) < 1:
            raise BenchError(f"ratio={self.ratio}, area={self.area}: less than one code of {factor}x{factor} pixels")
        return height, width
