"""A tokenizer whose numbers depend on files, each read in a different way."""

import os
from pathlib import Path

import torch
from parts.shift import shift  # type: ignore[import-not-found]
from safetensors.torch import load_file

from bench.contracts.tokens import Codebook, Tokens
from bench.tokenizers.base import Tokenizer

HERE = Path(__file__).parent


class Reads(Tokenizer):
    """The mean level of each channel, shifted by what the files say."""

    codebooks = (Codebook(256, "an image"),)

    def __init__(self) -> None:
        self.levels = [
            torch.load(HERE / "w.pt"),
            load_file(HERE / f"{'w'}.safetensors")["level"],
            torch.jit.load(HERE / f"{'w'}.script.pt")(),
            torch.load(sorted(Path(os.environ["ELSEWHERE"]).glob("*.ckpt"))[-1]),
        ]
        self.native = "named.onnx"  # as what a compiled library opens by itself
        self.lazy: torch.Tensor | None = None
        for name in ("made.txt", "own.log"):
            with (HERE / name).open("a") as stream:
                stream.write("what it writes is no input\n")

    def encode(self, batch: torch.Tensor) -> Tokens:
        if self.lazy is None:
            self.lazy = torch.load(HERE / "lazy.pt")
        codes = torch.round(batch.mean((2, 3)) * 255).long()
        return Tokens(codes=(codes,), signal_shape=tuple(batch.shape[1:]))

    def decode(self, tokens: Tokens) -> torch.Tensor:
        level = (tokens.codes[0].float() / 255)[:, :, None, None]
        return level.expand(-1, *tokens.signal_shape) + sum(self.levels) + self.lazy + shift()  # type: ignore[no-any-return]
