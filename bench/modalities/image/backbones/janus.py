"""Janus and Janus-Pro (Chen et al. 2025, arXiv 2501.17811), by transformers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from bench.backbones.base import Structure
from bench.backbones.pretrained.files import Files, text_part
from bench.backbones.sampling import Sampling
from bench.errors import BenchError
from bench.modalities.image.backbones.autoregressive import AutoregressiveImages
from bench.modalities.image.tokenizers.transformers_vq import JanusVQ
from bench.tokenizers.transformers_models import load_transformers


class Janus(AutoregressiveImages):
    """Janus: a chat's question, then the codes of an image, from a head over the 16384 codes alone.

    Images have the model's size, 384x384 pixels in 576 codes. Without text, every token of the prompt but
    the beginning of the sequence and of the image is a padding token. Reported: CFG 5, temperature 1.

    Args:
        path, repo, revision, offline: see ``bench.tokenizers.checkpoint.locate``.
    """

    recommended: ClassVar[Sampling] = Sampling(guidance=5)
    files: ClassVar[Files] = Files(
        needed=(
            ("processor_config.json", "preprocessor_config.json"),
            ("tokenizer_config.json",),
            ("tokenizer.json",),
        )
    )

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        revision: str | None = None,
        offline: bool = False,
    ) -> None:
        root, _ = self.files.located(path, repo, revision, offline)
        checkpoint, model = load_transformers(
            "JanusForConditionalGeneration", path, repo, None, revision, offline, dtype="auto"
        )
        self.processor = text_part("transformers", "JanusProcessor", root, self.files.remedy)
        if not self.processor.chat_template:
            raise BenchError(f"{root}: its processor has no chat template for prompts; save the whole processor there")
        tokenizer = JanusVQ.of(checkpoint, model.model.vqmodel)
        side = int(model.config.vq_config.num_patches)
        (book,) = tokenizer.codebooks
        structure = Structure((book.size,), ((side, side),), (3, side * tokenizer.factor, side * tokenizer.factor))
        super().__init__(model, tokenizer, structure, "janus-pro-vq")

    @property
    def language_model(self) -> Any:
        return self.model.model.language_model

    def prompt(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        asked = self.processor.apply_chat_template(
            [{"role": "user", "content": [{"type": "text", "text": text}]}],
            add_generation_prompt=True,
            tokenize=False,
        )
        ids: torch.Tensor = self.processor(text=[asked], generation_mode="image", return_tensors="pt")["input_ids"][0]
        words = self.processor.tokenizer
        kept = torch.tensor([words.bos_token_id, words.convert_tokens_to_ids(self.processor.image_start_token)])
        return ids, ids.where(torch.isin(ids, kept), torch.tensor(words.pad_token_id))

    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        embedded: torch.Tensor = self.model.prepare_embeddings_for_image_generation(codes)
        return embedded

    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model.model.generation_head(hidden)
        return logits
