"""Systems that fail on black images alone."""

from typing import Any

import torch
from broken import Mean

from bench.contracts.tokens import Tokens
from bench.modalities.image.backbones.amused import Amused


def refuse_black(batch: torch.Tensor) -> None:
    if bool((batch.flatten(1).amax(1) == 0).any()):
        raise RuntimeError("nothing to be seen")


class Tokenizer(Mean):
    def encode(self, batch: torch.Tensor) -> Tokens:
        refuse_black(batch)
        return super().encode(batch)


class Backbone(Amused):
    def encode(self, batch: Any) -> Tokens:
        refuse_black(batch)
        return super().encode(batch)
