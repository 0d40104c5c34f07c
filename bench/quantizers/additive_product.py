"""Additive product quantization: parts of the rotated vector, each a sum of two codewords chosen together."""

from __future__ import annotations

import torch

from bench.quantizers.base import Quantizer
from bench.quantizers.parts import PartwiseQuantizer, two_stages
from bench.quantizers.refined import RefinedResidualQuantizer
from bench.quantizers.rotated import learned_rotation


class AdditiveProductQuantizer(PartwiseQuantizer):
    """APQ (Babenko & Lempitsky 2014; survey §2.4): the rotation of ``opq``, then additive quantization of each part.

    As there, the codes of a part are found by beam search and its codewords by least squares; the search begins at
    the larger codebook, as that of ``ervq`` does. A token has twice as many codes as there are parts, and the two
    codebooks of a part share its bits.
    """

    most_bits = 2 * RefinedResidualQuantizer.most_bits

    def part(self, bits: int) -> Quantizer:
        return RefinedResidualQuantizer(two_stages(bits))

    def rotated(self, vectors: torch.Tensor, seed: int) -> torch.Tensor:
        return learned_rotation(vectors, self.parts, max(self.sizes), seed)
