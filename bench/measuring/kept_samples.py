"""A few samples of a cell, kept for people to look at or listen to; no number depends on them."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from bench.contracts.kept import Kept
from bench.machine.faults import summary_of
from bench.metrics.base import Batch
from bench.modalities.signal import Signal

if TYPE_CHECKING:
    from bench.machine.ranks import Ranks


def chosen(n: int, keep: int) -> frozenset[int]:
    """The indices of the ``keep`` samples of ``n`` that are kept: evenly spaced, so the same for every system.

    Samples of one group (photograph, speaker) are adjacent in a data set, so even spacing spreads over the groups.
    """
    keep = min(keep, n)
    return frozenset((2 * i + 1) * n // (2 * keep) for i in range(keep))


class Keeper:
    """Observes the same batches as the metrics, and keeps the chosen samples.

    One that could not be measured is not replaced.

    Args:
        signals: encodes samples as files.
        n: samples in the data set.
        keep: how many to keep.

    Attributes:
        samples: the samples that were kept.
        warnings: a sentence on each that could not be stored, which does not fail the cell.
    """

    def __init__(self, signals: Signal, n: int, keep: int) -> None:
        self.signals = signals
        self.wanted = chosen(n, keep)
        self.samples: list[Kept] = []
        self.warnings: list[str] = []

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on from here."""
        return {"samples": [vars(sample) for sample in self.samples], "warnings": self.warnings}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on where another process was, which may have been asked to keep other samples."""
        self.samples = [Kept(**sample) for sample in state["samples"] if sample["index"] in self.wanted]
        self.warnings = state["warnings"]

    def reduce(self, ranks: Ranks) -> None:
        """Bring the samples of all ranks together, in the order of the data set."""
        self.samples = sorted(chain(*ranks.exchange(self.samples)), key=lambda sample: sample.index)
        self.warnings = list(chain(*ranks.exchange(self.warnings)))

    def update(self, batch: Batch) -> None:
        """Keep the samples of a batch that are among the chosen ones; none where nothing is reconstructed."""
        if batch.reconstruction is None:
            return
        for position, index in enumerate(batch.index.tolist()):
            if index in self.wanted:
                try:
                    sides = [self.signals.encoded(side, position) for side in (batch.reference, batch.reconstruction)]
                except Exception as error:  # the code of a modality may be a plug-in's
                    self.warnings.append(f"{batch.ids[position]} is not kept: {summary_of(error)}")
                    continue
                self.samples.append(Kept(index, batch.ids[position], self.signals.suffix, *sides))
