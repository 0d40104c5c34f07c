"""No quantizer: the latents alone, what the network itself loses."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bench.errors import BenchError
from bench.quantizers.trained.base import Bottleneck, Coded


class Continuous(Bottleneck):
    """Latents as they are: the ceiling of all bottlenecks."""

    def forward(self, latents: torch.Tensor, generator: torch.Generator) -> Coded:
        zero = latents.new_zeros(())
        return Coded(latents, (), zero, zero)

    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return ()

    def decode(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        """Raise BenchError, since there are no codes."""
        raise BenchError("latents without a quantizer have no codes")
