"""Whether tokens tell nodes apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch

from bench.contracts.stats import MAX_BLOCKS, Estimate, block_jackknife
from bench.contracts.tokens import TokenKind, Tokens
from bench.metrics.base import Batch
from bench.metrics.counts import TokenMetric, blocks_of


class NodeUniqueness(TokenMetric, line="node_uniqueness"):
    """How many nodes have tokens that no other node has, all codes of all levels taken together.

    - ``node_uniqueness``: share of the nodes whose tokens are theirs alone, in [0, 1].
    - ``node_collisions``: nodes that share theirs with another.
    - ``node_pairs``: pairs of nodes with equal tokens. Its note has the number that is expected of tokens drawn
      uniformly, n(n-1)/2 divided by the number of possible tokens.

    They are numbers of the measured set: a larger set has more collisions. The interval of the first is a jackknife
    over nodes; counts have none.
    """

    undefined: ClassVar[Mapping[TokenKind, str]] = {
        "continuous": "continuous tokens are not compared for equality",
        "hybrid": "the latents of hybrid tokens are not compared for equality",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("keys", default=[], dist_reduce_fx="cat")
        self.add_state("bits", default=[], dist_reduce_fx="cat")

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        if not self.why_undefined:
            self.keep("keys", keys_of(batch.tokens))
            bits = batch.tokens.nominal_bits(self.codebooks)
            self.keep("bits", torch.zeros(0) if bits is None else bits)

    def compute(self) -> dict[str, Estimate]:
        if reason := self.why_undefined:
            return {name: self.unavailable(name, reason) for name in self.outputs}
        order = self.order()
        keys, bits = self.stacked("keys")[order], self.stacked("bits")[order]
        tuples = np.unique(keys, axis=0, return_inverse=True)[1].ravel()
        blocks = blocks_of(torch.from_numpy(self.stacked("groups")[order])).numpy()
        sizes = np.bincount(blocks, minlength=MAX_BLOCKS)
        filled = np.flatnonzero(sizes)
        share = block_jackknife(
            unique_share(tuples), sizes[filled], lambda block: unique_share(tuples[blocks != filled[block]])
        )
        n, counts = len(tuples), np.bincount(tuples)
        # The harmonic mean of the possible tokens, which are equally many for all nodes but where lengths differ.
        expected = n * (n - 1) / 2 * float(np.exp2(-bits).mean())
        colliding, pairs = float(counts[counts > 1].sum()), float((counts * (counts - 1) // 2).sum())
        note = f"{expected:.3g} pairs are expected of tokens drawn uniformly"
        return {
            "node_uniqueness": self.describe("node_uniqueness", share),
            "node_collisions": self.describe("node_collisions", _counted(colliding, n)),
            "node_pairs": self.describe("node_pairs", _counted(pairs, n), note),
        }


def _counted(value: float, n: int) -> Estimate:
    return Estimate(value=value, n=n, method="no interval: a count of the measured nodes")


def unique_share(tuples: np.ndarray) -> float:
    """Share of the numbers of tuples ``[n]`` that occur once."""
    return float((np.bincount(tuples) == 1).sum() / max(1, len(tuples)))


def keys_of(tokens: Tokens) -> torch.Tensor:
    """A hash of 128 bits of each sample's codes or bytes, int64 ``[batch, 2]``: equal where all are, in order."""
    if tokens.payload:
        digests = [hashlib.blake2b(data, digest_size=16).digest() for data in tokens.payload]
        return torch.from_numpy(np.frombuffer(b"".join(digests), np.int64).reshape(-1, 2).copy())
    levels = [tokens.rows(level) for level in range(len(tokens.codes))]
    keys = np.empty((tokens.batch_size, 2), np.int64)
    for sample, rows in enumerate(zip(*levels, strict=True)):
        hasher = hashlib.blake2b(digest_size=16)
        for codes in rows:
            hasher.update(len(codes).to_bytes(8, "little"))
            hasher.update(codes.cpu().contiguous().numpy().data)
        keys[sample] = np.frombuffer(hasher.digest(), np.int64)
    return torch.from_numpy(keys)
