"""Images drawn from a backbone and decoded by the tokenizer of its tokens, as a set of samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import torch

from bench.contracts.tokens import Tokens
from bench.learning.sampling_costs import Stopwatch, Timing
from bench.machine.ranks import Ranks
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

    def block(self, size: int) -> int:
        return self.batch or size

    def state(self) -> dict[str, Any]:
        return {"timings": [vars(timing) for timing in self.watch.timings]}

    def restore(self, state: dict[str, Any]) -> None:
        self.watch.timings[:] = [Timing(**timing) for timing in state["timings"]]

    def reduce(self, ranks: Ranks) -> None:
        self.watch.timings[:] = chain(*ranks.exchange(self.watch.timings))

    def batches(
        self, size: int, workers: int, start: int = 0, step: int = 1
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        size = self.batch or size
        for first in range(start * size, self.n, step * size):
            count = min(size, self.n - first)
            with torch.inference_mode():
                _, images = self.watch(lambda: self.draw(count, first), self.decode)  # noqa: B023 - called at once
            yield torch.arange(first, first + count), to_uint8(images).cpu()
