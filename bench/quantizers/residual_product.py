"""Residual product quantization: parts of the vector, each residually quantized."""

from __future__ import annotations

from bench.quantizers.base import Quantizer
from bench.quantizers.beam import BeamResidualQuantizer
from bench.quantizers.parts import PartwiseQuantizer, two_stages


class ResidualProductQuantizer(PartwiseQuantizer):
    """RVPQ (Niu et al. 2023; survey §2.3.2): the parts of ``pq``, each with two codebooks encoded by beam search.

    A token has twice as many codes as there are parts, and the two codebooks of a part share its bits. Of each part it
    is what ``faiss.ProductResidualQuantizer`` computes, which wants all codebooks to be equal in size. RVPQ refines the
    codebooks of a part jointly; here they are those of ``rvq-beam``.
    """

    most_bits = 2 * BeamResidualQuantizer.most_bits

    def part(self, bits: int) -> Quantizer:
        return BeamResidualQuantizer(two_stages(bits))
