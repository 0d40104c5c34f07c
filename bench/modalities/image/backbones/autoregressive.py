"""Images in raster order from a decoder-only language model with a text before them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from bench.backbones.pretrained.base import CHUNK, PretrainedBackbone, cost
from bench.backbones.sampling import Noise, Sampling, sample
from bench.contracts.tokens import Tokens


@dataclass
class Stream:
    """The sequence that a language model has read.

    Attributes:
        embedded: embeddings of everything, or of what it has yet to read where keys and values are kept,
            ``[batch, length, width]``.
        mask: which positions of everything are not padding, int64 ``[batch, all]``; padding is on the left.
    """

    embedded: torch.Tensor
    mask: torch.Tensor

    @property
    def positions(self) -> torch.Tensor:
        """The number of each position of ``embedded`` in its own sequence."""
        return (self.mask.cumsum(-1) - 1).clamp(min=0)[:, -self.embedded.shape[1] :]

    def extended(self, embedded: torch.Tensor, keep: bool) -> Stream:
        """The stream with further embeddings ``[batch, count, width]``, after earlier ones or in their place."""
        mask = torch.cat([self.mask, self.mask.new_ones(embedded.shape[:2])], dim=1)
        return Stream(torch.cat([self.embedded, embedded], dim=1) if keep else embedded, mask)


class AutoregressiveImages(PretrainedBackbone):
    """p(codes | text) = Π p(code | text, codes before it), in raster order.

    The model predicts image codes alone: where they are a part of its vocabulary, their probabilities are
    renormalized over them, for samples and likelihoods alike.

    Samples of a batch are computed together, prompts padded on the left and masked. Beyond their own random numbers
    they are independent of each other up to the rounding of the model, which may depend on the shape of a batch.

    Attributes:
        cached: whether keys and values are kept while sampling.
    """

    modality: ClassVar[str] = "image"
    wants: ClassVar[str] = "text"
    unconditional: ClassVar[bool] = False
    cached = True

    @abstractmethod
    def prompt(self, text: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens that precede an image of a text, and those that precede one without text, int64 ``[length]`` each."""

    @abstractmethod
    def embed_codes(self, codes: torch.Tensor) -> torch.Tensor:
        """Embeddings ``[batch, count, width]`` that the language model reads for codes ``[batch, count]``."""

    @abstractmethod
    def logits(self, hidden: torch.Tensor) -> torch.Tensor:
        """Logits over the codebook ``[..., codes]`` of hidden states ``[..., width]``."""

    @property
    @abstractmethod
    def language_model(self) -> torch.nn.Module:
        """The transformer, without its head."""

    def after_row(self) -> torch.Tensor | None:
        """The embedding ``[width]`` that the language model reads after each row of codes; None if there is none."""
        return None

    def draw(self, n: int, seed: int, first: int, conditions: Sequence[str] | None, sampling: Sampling) -> Tokens:
        assert conditions is not None
        prompts = [self.prompt(text) for text in conditions]
        rows = [tokens for tokens, _ in prompts]
        if sampling.guidance != 1:
            rows += [without for _, without in prompts]
        stream, copies = self._read(rows), len(rows) // n
        ((height, width),) = self.structure.grids
        uniform = Noise(seed, first, n, self.device).uniform(height * width)
        cache, end, codes = None, self.after_row(), []
        for index, numbers in enumerate(uniform.unbind(1)):
            output = self.language_model(
                inputs_embeds=stream.embedded,
                attention_mask=stream.mask,
                position_ids=stream.positions,
                past_key_values=cache,
                use_cache=self.cached,
            )
            cache = output.past_key_values if self.cached else None
            codes.append(sample(self.logits(output.last_hidden_state[:, -1]), sampling, numbers))
            self.stepped()
            embedded = self.embed_codes(codes[-1][:, None].repeat(copies, 1))
            if end is not None and (index + 1) % width == 0:
                embedded = torch.cat([embedded, end.expand(len(rows), 1, -1)], dim=1)
            stream = stream.extended(embedded, keep=not self.cached)
        return self.structure.tokens([torch.stack(codes, dim=1)])

    def nats(self, tokens: Tokens, conditions: Sequence[str] | None) -> torch.Tensor:
        assert conditions is not None
        codes = tokens.codes[0].to(self.device)
        batch, height, width = codes.shape
        embedded, end = self.embed_codes(codes.flatten(1)), self.after_row()
        if end is not None:
            grid = embedded.unflatten(1, (height, width))
            embedded = torch.cat([grid, end.expand(batch, height, 1, -1)], dim=2).flatten(1, 2)
        prompts = self._read([self.prompt(text)[0] for text in conditions])
        stream = prompts.extended(embedded, keep=True)
        hidden = self.language_model(
            inputs_embeds=stream.embedded,
            attention_mask=stream.mask,
            position_ids=stream.positions,
            use_cache=False,
        ).last_hidden_state[:, prompts.embedded.shape[1] - 1 : -1]
        if end is not None:
            # What precedes the end of a row predicts that, which is certain and costs nothing.
            hidden = hidden.unflatten(1, (height, width + 1))[:, :, :width].flatten(1, 2)
        total = torch.zeros(batch, dtype=torch.float64, device=self.device)
        for states, targets in zip(hidden.split(CHUNK, 1), codes.flatten(1).split(CHUNK, 1), strict=True):
            total += cost(self.logits(states), targets).sum(1)
        return total

    def _read(self, rows: list[torch.Tensor]) -> Stream:
        """Prompts as a stream, padded on the left."""
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_side="left").to(self.device)
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        places = torch.arange(ids.shape[1], device=self.device)
        mask = (places >= ids.shape[1] - lengths[:, None]).long()
        return Stream(self.model.get_input_embeddings()(ids), mask)
