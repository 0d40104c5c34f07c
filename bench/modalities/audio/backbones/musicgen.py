"""MusicGen (Copet et al. 2023, arXiv 2306.05284), by transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from bench.backbones.base import Structure
from bench.backbones.layers import inside
from bench.backbones.pretrained.base import CHUNK, PretrainedBackbone, cost
from bench.backbones.pretrained.files import Files, text_part
from bench.backbones.sampling import Noise, Sampling, sample
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError
from bench.modalities.audio.tokenizers.transformers_audio import Encodec
from bench.tokenizers.checkpoint_files import require
from bench.tokenizers.transformers_models import load_transformers


class Musicgen(PretrainedBackbone):
    """MusicGen: four codebooks of EnCodec at 32 kHz in the delay pattern, after a text read by T5.

    Level k of a frame is predicted k steps after level 0, all levels of a step at once and independent of each
    other given the steps before, so that the likelihood is exact (§2.2). Without text the cross-attention sees
    nothing, as in training. Reported: CFG 3, top-k 250, temperature 1.

    Args:
        path, repo, revision, offline: see ``bench.tokenizers.checkpoint.locate``.
        seconds: length of generated clips; 30 as in training.

    Attributes:
        cached: whether keys and values are kept while sampling.
    """

    modality: ClassVar[str] = "audio"
    wants: ClassVar[str] = "text"
    unconditional: ClassVar[bool] = True
    recommended: ClassVar[Sampling] = Sampling(top_k=250, guidance=3)
    files: ClassVar[Files] = Files(
        needed=(("tokenizer.json", "spiece.model"), ("tokenizer_config.json",)),
        remedy="save the text's tokenizer there too (tokenizer.save_pretrained)",
    )
    cached = True

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        revision: str | None = None,
        seconds: float = 30,
        offline: bool = False,
    ) -> None:
        root, _ = self.files.located(path, repo, revision, offline)
        checkpoint, model = load_transformers(
            "MusicgenForConditionalGeneration", path, repo, None, revision, offline, dtype="auto"
        )
        decoder = model.config.decoder
        if decoder.audio_channels != 1:
            raise BenchError(
                f"{root}: a checkpoint of {decoder.audio_channels} channels, whose codes of left and right are "
                "interleaved; use a mono checkpoint"
            )
        self.words = text_part("transformers", "AutoTokenizer", root, self.files.remedy)
        tokenizer = Encodec.of(checkpoint, model.audio_encoder)
        sizes = tuple(book.size for book in tokenizer.codebooks)
        if sizes != (decoder.vocab_size,) * decoder.num_codebooks:
            raise BenchError(
                f"{root}: its codec has codebooks of {sizes}, its decoder {decoder.num_codebooks} of "
                f"{decoder.vocab_size}; save the whole model again"
            )
        samples = round(seconds * tokenizer.structure.rate)
        if samples < 1:
            raise BenchError(f"seconds={seconds}: give a positive length")
        self.seconds, self.special = seconds, int(decoder.pad_token_id)
        frames = tokenizer.positions(samples)[0]
        structure = Structure(sizes, ((frames,),) * len(sizes), (1, samples), tokenizer.structure.rate)
        super().__init__(model, tokenizer, structure, "encodec at 32 kHz of the same checkpoint")

    def check_size(self, tokens: Tokens) -> None:
        if len({code.shape for code in tokens.codes}) != 1 or tokens.codes[0].ndim != 2:
            raise TokenError(f"{type(self).__name__} models levels of one length, one sequence each")

    def draw(self, n: int, seed: int, first: int, conditions: Sequence[str] | None, sampling: Sampling) -> Tokens:
        levels, (frames,) = len(self.structure.sizes), self.structure.grids[0]
        steps = frames + levels - 1
        uniform = Noise(seed, first, n, self.device).uniform(steps, levels)
        text, mask = self._text(n, conditions)
        copies = 1
        if sampling.guidance != 1:
            text, mask, copies = torch.cat([text, torch.zeros_like(text)]), torch.cat([mask, 0 * mask]), 2
        codes = torch.full((n, levels, 1), self.special, device=self.device)
        cache = None
        for step in range(steps):
            shown = codes[..., -1:] if self.cached else codes
            output = self._model(shown.repeat(copies, 1, 1), text, mask, cache, self.cached)
            cache = output.past_key_values if self.cached else None
            logits = output.logits[:, -1].unflatten(0, (n * copies, levels))
            drawn = sample(logits, sampling, uniform[:, step])
            level = torch.arange(levels, device=self.device)
            inside_clip = (step >= level) & (step - level < frames)
            codes = torch.cat([codes, torch.where(inside_clip, drawn, self.special)[..., None]], dim=2)
            self.stepped()
        return self.structure.tokens([codes[:, k, 1 + k : 1 + k + frames] for k in range(levels)])

    def nats(self, tokens: Tokens, conditions: Sequence[str] | None) -> torch.Tensor:
        codes = torch.stack([code.to(self.device) for code in tokens.codes], dim=1)
        batch, levels, frames = codes.shape
        unpadded = torch.stack([inside(tokens.positions(k).to(self.device), frames) for k in range(levels)], dim=1)
        # Beyond its own length a clip has the special code: what padding holds must not reach the upper levels.
        plain = codes.masked_fill(~unpadded, self.special)
        delayed = torch.stack(
            [F.pad(plain[:, k], (1 + k, levels - 1 - k), value=self.special) for k in range(levels)], dim=1
        )
        text, mask = self._text(batch, conditions)
        logits = self._model(delayed[..., :-1], text, mask, None, False).logits.unflatten(0, (batch, levels))
        total = torch.zeros(batch, dtype=torch.float64, device=self.device)
        for k in range(levels):
            for start in range(0, frames, CHUNK):
                end = min(start + CHUNK, frames)
                nats = cost(logits[:, k, k + start : k + end], codes[:, k, start:end])
                total += (nats * unpadded[:, k, start:end]).sum(1)
        return total

    def _model(self, codes: torch.Tensor, text: torch.Tensor, mask: torch.Tensor, cache: Any, keep: bool) -> Any:
        """The output for delayed codes ``[batch, levels, steps]``, with logits ``[batch · levels, steps, codes]``."""
        output = require("transformers.modeling_outputs").BaseModelOutput
        return self.model(
            decoder_input_ids=codes.flatten(0, 1),
            encoder_outputs=output(last_hidden_state=text),
            attention_mask=mask,
            past_key_values=cache,
            use_cache=keep,
        )

    def _text(self, n: int, conditions: Sequence[str] | None) -> tuple[torch.Tensor, torch.Tensor]:
        """T5's states of the texts ``[n, length, width]`` and which of them are seen ``[n, length]``."""
        if conditions is None:
            width = self.model.config.text_encoder.hidden_size
            mask = torch.zeros(n, 1, dtype=torch.int64, device=self.device)
            return torch.zeros(n, 1, width, dtype=self.dtype, device=self.device), mask
        encoded = self.words(list(conditions), padding=True, padding_side="right", return_tensors="pt")
        ids, mask = encoded["input_ids"].to(self.device), encoded["attention_mask"].to(self.device)
        return self.model.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state, mask
