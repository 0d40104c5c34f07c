"""The records of a measured system and of its data, for results."""

from __future__ import annotations

from bench.contracts.protocol import Protocol
from bench.contracts.results import DatasetRecord, SystemRecord
from bench.contracts.task import Job
from bench.datasets.base import Dataset
from bench.measuring.elsewhere import Pairs
from bench.measuring.seen import Seen
from bench.tokenizers.base import Tokenizer


def system_record(job: Job, tokenizer: Tokenizer | Pairs, seen: Seen) -> SystemRecord:
    """The record of a tokenizer that was measured, or of reconstructions made elsewhere."""
    return job.system.record(
        modality=tokenizer.modality, tokens=seen.tokens, weights=tokenizer.weights, revision=tokenizer.revision
    )


def dataset_record(protocol: Protocol, dataset: Dataset, seen: Seen) -> DatasetRecord:
    """The record of a data set: what was read of it, and what was not."""
    return DatasetRecord(
        name=protocol.dataset.name,
        split=dataset.split,
        fingerprint=dataset.fingerprint,
        n=len(seen.ids),
        groups=len(set(seen.groups)),
        skipped=seen.skipped,
        failed=seen.failed,
        converted=dict(seen.converted),
        stored=dict(seen.stored),
    )
