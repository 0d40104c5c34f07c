"""The classes that a probe is conditioned on, if it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bench.datasets.base import Dataset
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.learning.probe import ProbeSettings


def probe_classes(settings: ProbeSettings, dataset: Dataset, fit_split: Dataset | None) -> tuple[str, ...]:
    """The names of the classes that a probe is conditioned on; empty if it is not conditioned.

    Raises:
        BenchError: it is to be conditioned, but a split has no classes, or the two splits have different ones.
    """
    if settings.conditions == "none":
        return ()
    for split in filter(None, (dataset, fit_split)):
        if not split.classes:
            raise BenchError(
                f"probe.conditions: class, but {split.name}/{split.split} has no classes; choose --dataset "
                "image-splits with every image of train/ and val/ in a folder of its class, or conditions: none"
            )
        if split.classes != dataset.classes:
            raise BenchError(
                f"{split.name}: {split.split} has other classes than {dataset.split}, so the probe cannot be "
                "conditioned on them; choose a data set whose splits share them, or conditions: none"
            )
    return dataset.classes


def require_learned_classes(classes: Sequence[str], labels: Sequence[int], learned: Dataset) -> None:
    """Require that every class has a sample to learn from.

    Args:
        classes: names of the classes.
        labels: class, by its number, of each sample of ``learned``.
        learned: the samples that the probe learns from.

    Raises:
        BenchError: a class has none.
    """
    unknown = sorted(set(range(len(classes))) - set(labels))
    if unknown:
        raise BenchError(
            f"{learned.name}: {len(unknown)} of {len(classes)} classes, such as {classes[unknown[0]]}, are not among "
            f"the {len(learned)} samples that the probe learns from; raise probe.fit_samples in the protocol, or "
            "leave these classes out of the data"
        )
