"""Implicit neural codebooks, searched along several paths."""

from __future__ import annotations

from bench.quantizers.beam import BEAM
from bench.quantizers.qinco import CANDIDATES, ImplicitQuantizer


class BeamImplicitQuantizer(ImplicitQuantizer):
    """QINCo2 (Vallaeys et al. 2025; survey §2.2.3), trained small: ``qinco`` searched along several paths.

    The sixteen best sums of each level go on to the next, and sixteen codes are tried with each of them, preselected by
    fixed codewords that are learned beside the networks. The networks are those of ``qinco``, trained along one path;
    QINCo2 trains along several, and its networks work in another dimension than the vectors.
    """

    paths = BEAM
    candidates = CANDIDATES
