"""Images drawn from a backbone and decoded by the tokenizer of its tokens, as a set of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from bench.contracts.tokens import Tokens
from bench.learning.sampling_costs import Stopwatch
from bench.modalities.image.generation.sources import ImageSource
from bench.modalities.image.levels import to_uint8


class DrawnImages(ImageSource):
    """Images that are generated on demand, the same each time.

    Args:
        n: number of images.
        batch: images drawn at a time; None draws as many as the reader asks for.
        draw: function from ``(n, first)`` to tokens of samples ``first`` to ``first + n - 1``.
        decode: function from tokens to images ``[n, 3, height, width]`` in [0, 1].
        watch: records the cost of both.
    """

    def __init__(
        self,
        name: str,
        n: int,
        batch: int | None,
        draw: Callable[[int, int], Tokens],
        decode: Callable[[Tokens], torch.Tensor],
        watch: Stopwatch,
    ) -> None:
        super().__init__()
        self.name, self.n, self.batch, self.draw, self.decode, self.watch = name, n, batch, draw, decode, watch

    def __len__(self) -> int:
        return self.n

    @property
    def fingerprint(self) -> str:
        return self.name

    def id(self, index: int) -> str:
        return str(index)

    def batches(self, size: int, workers: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        step = self.batch or size
        for first in range(0, self.n, step):
            count = min(step, self.n - first)
            with torch.inference_mode():
                _, images = self.watch(lambda: self.draw(count, first), self.decode)  # noqa: B023 - called at once
            yield torch.arange(first, first + count), to_uint8(images).cpu()
