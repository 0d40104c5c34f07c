"""aMUSEd (Patil et al. 2024, arXiv 2401.01808), by diffusers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from bench.backbones.base import Structure
from bench.backbones.masked import masks_of_all_sizes
from bench.backbones.pretrained.base import PretrainedBackbone, cost
from bench.backbones.pretrained.files import Files, text_part, whole
from bench.backbones.sampling import Sampling, guided, probabilities
from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.image.tokenizers.diffusers_autoencoders import load_diffusers
from bench.modalities.image.tokenizers.diffusers_vq import VQModel
from bench.tokenizers.transformers_models import load_transformers

AESTHETIC_SCORE = 6
MASKS = 32


class Amused(PretrainedBackbone):
    """aMUSEd: masked codes of a VQGAN, predicted in parallel after a text read by CLIP (MUSE's architecture).

    Samples are made as diffusers' AmusedPipeline makes them, with its scheduler's steps: 12, cosine schedule, noise
    of the confidence falling from 2 to 0; CFG 10, temperature 1. Each sample has a generator of its own, with
    which the scheduler is asked sample by sample. Without a text the empty one is used, as in the pipeline's guidance.

    The likelihood is bounded as that of ``bench.backbones.masked.Masked``.

    Args:
        path, repo, revision, offline: see ``bench.tokenizers.checkpoint.locate``; the folder is the whole pipeline's.
        steps: number of decoding steps.
        subfolder: folder of the masked transformer in the pipeline.
    """

    packages = ("diffusers",)
    modality: ClassVar[str] = "image"
    wants: ClassVar[str] = "text"
    unconditional: ClassVar[bool] = True
    bound: ClassVar[str] = (
        f"upper bound of the negative log-likelihood: mean over random orders, estimated by {MASKS} masks"
    )
    recommended: ClassVar[Sampling] = Sampling(guidance=10)
    files: ClassVar[Files] = Files(
        parts=("transformer", "text_encoder", "vqvae"),
        beside=("model_index.json", "tokenizer/*", "scheduler/*.json"),
        needed=(
            ("tokenizer/tokenizer_config.json",),
            ("tokenizer/tokenizer.json", "tokenizer/vocab.json"),
            ("scheduler/scheduler_config.json",),
        ),
        remedy="save the whole pipeline there (AmusedPipeline.save_pretrained)",
    )

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        revision: str | None = None,
        steps: int = 12,
        subfolder: str = "transformer",
        offline: bool = False,
    ) -> None:
        if steps < 1:
            raise BenchError(f"steps={steps}: give at least 1")
        root, parts = self.files.located(path, repo, revision, offline)
        where = (revision, offline)
        _, transformer = load_diffusers("UVit2DModel", path, repo, subfolder, *where)
        _, self.reader = load_transformers("CLIPTextModelWithProjection", path, repo, "text_encoder", *where)
        self.reader.eval().requires_grad_(False)
        self.words = text_part("transformers", "AutoTokenizer", root / "tokenizer", self.files.remedy)
        self.scheduler = text_part("diffusers", "AmusedScheduler", root / "scheduler", self.files.remedy)
        tokenizer = VQModel(path, repo, "vqvae", *where)
        tokenizer.weights = whole(parts)
        tokenizer.revision = parts["transformer"].revision
        (book,) = tokenizer.codebooks
        self.mask = int(self.scheduler.config.mask_token_id)
        config = transformer.config
        if config.codebook_size != book.size or not book.size <= self.mask < config.vocab_size:
            raise BenchError(
                f"{root}: codebook of {book.size}, transformer of {config.codebook_size} codes and {config.vocab_size} "
                f"tokens, mask {self.mask}: parts of several pipelines; {self.files.remedy}"
            )
        self.steps, side = steps, int(config.sample_size)
        structure = Structure((book.size,), ((side, side),), (3, side * tokenizer.factor, side * tokenizer.factor))
        model = torch.nn.ModuleList([transformer, self.reader])
        super().__init__(model, tokenizer, structure, "amused-vq")
        self.transformer = transformer

    def draw(self, n: int, seed: int, first: int, conditions: Sequence[str] | None, sampling: Sampling) -> Tokens:
        texts = list(conditions) if conditions is not None else [""] * n
        copies = 2 if sampling.guidance != 1 else 1
        pooled, states = self._read(texts + [""] * n * (copies - 1))
        generators = [_generator(seed, index) for index in range(first, first + n)]
        codes = torch.full((n, *self.structure.grids[0]), self.mask, device=self.device)
        self.scheduler.set_timesteps(self.steps, device=self.device)
        for moment in self.scheduler.timesteps:
            logits = self._logits(codes.repeat(copies, 1, 1), pooled, states)
            if copies > 1:
                logits = guided(logits, sampling.guidance)
            logits = _shaped(logits, sampling)
            codes = torch.cat(
                [
                    self.scheduler.step(logits_of_one[None], moment, code[None], generator=generator).prev_sample
                    for logits_of_one, code, generator in zip(logits, codes, generators, strict=True)
                ]
            )
            self.stepped()
        return self.structure.tokens([codes.flatten(1)])

    def nats(self, tokens: Tokens, conditions: Sequence[str] | None) -> torch.Tensor:
        codes = tokens.codes[0].to(self.device)
        batch, grid = len(codes), codes.shape[1:]
        pooled, states = self._read(list(conditions) if conditions is not None else [""] * batch)
        total = torch.zeros(batch, dtype=torch.float64, device=self.device)
        for hidden in masks_of_all_sizes(grid.numel(), MASKS):
            chosen = hidden.to(self.device).view(grid)
            logits = self._logits(codes.masked_fill(chosen, self.mask), pooled, states).movedim(1, -1)
            weight = grid.numel() / int(hidden.sum()) / MASKS
            total += cost(logits[:, chosen], codes[:, chosen]).sum(1) * weight
        return total

    def _logits(self, codes: torch.Tensor, pooled: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Logits ``[batch, codes, height, width]`` over all positions of codes and masks."""
        _, height, width = self.structure.signal_shape
        # Width before height, and the corner of the crop, as the pipeline has them.
        conditions = torch.tensor([width, height, 0, 0, AESTHETIC_SCORE], device=self.device, dtype=self.dtype)
        logits: torch.Tensor = self.transformer(
            codes,
            encoder_hidden_states=states,
            pooled_text_emb=pooled,
            micro_conds=conditions.expand(len(codes), -1),
        )
        return logits

    def _read(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """CLIP's embeddings of texts: pooled ``[n, width]``, and ``[n, length, width]`` of its last layer but one."""
        ids = self.words(
            texts,
            padding="max_length",
            truncation=True,
            max_length=self.words.model_max_length,
            return_tensors="pt",
        ).input_ids.to(self.device)
        output = self.reader(ids, output_hidden_states=True)
        return output.text_embeds, output.hidden_states[-2]


def _generator(seed: int, index: int) -> torch.Generator:
    """The generator of one sample, on the processor, so that it gives the same numbers on every device."""
    (state,) = np.random.SeedSequence([seed, index]).generate_state(1, np.uint64).tolist()
    return torch.Generator().manual_seed(state >> 1)


def _shaped(logits: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Logits ``[batch, codes, h, w]`` of the distribution that temperature, top-k and top-p make of them."""
    if sampling.temperature == 1 and not sampling.top_k and sampling.top_p == 1:
        return logits
    return probabilities(logits.movedim(1, -1), sampling).log().movedim(-1, 1).float()
