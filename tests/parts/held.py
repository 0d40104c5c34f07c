"""Tokenizers that hold their tensors in several ways, and do not define ``to``."""

from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook, Tokens
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.tokenizers.base import AudioTokenizer
from bench.tokenizers.base import Tokenizer

SEEN: dict[str, set[torch.dtype]] = {"in": set(), "out": set()}


class Part:
    def __init__(self, held: Any) -> None:
        self.held = held


class Net(nn.Module):
    """The identity, with a tensor that is not registered as a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3, bias=False)
        nn.init.eye_(self.linear.weight)
        self.offset = torch.zeros(3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        SEEN["in"].add(batch.dtype)
        out: torch.Tensor = self.linear(batch.movedim(1, -1)) + self.offset
        SEEN["out"].add(out.dtype)
        return out.movedim(-1, 1)


class Plain(Tokenizer):
    """The mean level of an image, by arithmetic alone."""

    codebooks = (Codebook(256, "an image"),)

    def encode(self, batch: torch.Tensor) -> Tokens:
        codes = torch.round(batch.mean((1, 2, 3)) * 255).long()[:, None]
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        return (tokens.codes[0].float() / 255)[..., None, None].expand(-1, *tokens.signal_shape)


class Held(Tokenizer):
    """The mean level of each channel.

    Args:
        how: where the network is: ``attribute``, ``list``, ``tuple``, ``dict``, ``object``.
    """

    codebooks = (Codebook(256, "an image"),)

    def __init__(self, how: str = "attribute") -> None:
        net = Net()
        self.how = how
        self.held: Any = {"list": [net], "tuple": (net,), "dict": {"net": net}, "object": Part(Part(net))}.get(how, net)
        self.levels = torch.arange(256) / 255

    @property
    def net(self) -> Any:
        held = self.held
        return {
            "list": lambda: held[0],
            "tuple": lambda: held[0],
            "dict": lambda: held["net"],
            "object": lambda: held.held.held,
        }.get(self.how, lambda: held)()

    def encode(self, batch: torch.Tensor) -> Tokens:
        means = self.net(batch).mean((2, 3))
        codes = (means[..., None] - self.levels).abs().argmin(-1)
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        levels: torch.Tensor = self.levels[tokens.codes[0]][..., None, None]
        return levels.expand(-1, *tokens.signal_shape)


class Itself(Held, nn.Module):  # type: ignore[misc]
    """A module itself."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        super().__init__()


class Waves(AudioTokenizer):
    """Every sample in 256 levels of a table."""

    codebooks = (Codebook(256, "1/8000 s", rate=8000),)
    rate = 8000

    def __init__(self) -> None:
        self.levels = torch.linspace(-1, 1, 256)

    def encode_waves(self, waves: Audio) -> Tokens:
        SEEN["in"].add(waves.samples.dtype)
        codes = (waves.samples[:, 0, :, None] - self.levels).abs().argmin(-1)
        return Tokens(codes=(codes,), lengths=(waves.lengths,))

    def decode_waves(self, tokens: Tokens) -> torch.Tensor:
        out = self.levels[tokens.codes[0]][:, None]
        SEEN["out"].add(out.dtype)
        return out
