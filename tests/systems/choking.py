"""Systems that fail only on black images."""

from typing import Any

import torch
from broken import Mean

from bench.contracts.tokens import Tokens
from bench.modalities.image.backbones.amused import Amused


def reject_black(batch: torch.Tensor) -> None:
    if bool((batch.flatten(1).amax(1) == 0).any()):
        raise RuntimeError("nothing to be seen")


class Tokenizer(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        reject_black(batch)
        return super().encode(batch)


class Backbone(Amused):
    def encode(self, batch: Any) -> Tokens:
        reject_black(batch)
        return super().encode(batch)
