"""Token stability: whether a reconstruction is encoded into the tokens that it was decoded from."""

from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from bench.contracts.results import CodebookRecord
from bench.contracts.stats import clustered_mean
from bench.contracts.task import Job, Measurement, Report
from bench.learning.tokenized import Tokenized
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.records import dataset_record, system_record
from bench.metrics.guarded import MetricSet
from bench.values import Value

STABILITY = Value("token_stability", "Stability", higher_is_better=True, bounds=(0, 1))


class Nothing(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Settings(DatasetSettings):
    """Every choice of the task."""

    reconstruction: Nothing = Nothing()


class Stability(DatasetTask):
    """Encode, decode, encode again, and count the codes that stay."""

    kind = "stability"
    version = 1
    base = Settings

    def default_metrics(self) -> list[str]:
        return []

    def measure(self, job: Job, report: Report) -> Measurement:
        settings = self.choices(**job.protocol.settings)
        dataset = self.opened(job, settings)
        tokenizer = self.tokenizer(job, settings, dataset)
        tokens = Tokenized(job, dataset, self.signals(settings), MetricSet(()), report)

        def encode(signal: Any, indices: list[int]) -> Any:
            first = tokenizer.encode(signal)
            return first, tokenizer.encode(tokenizer.decode(first))

        stays = [
            torch.cat([(one == other).flatten(1) for one, other in zip(first.codes, again.codes, strict=True)], 1)
            for _, first, again in tokens.stream("measuring", tokenizer, tokenizer.equal_lengths, encode)
        ]
        values = torch.cat([part.double().mean(1) for part in stays]).numpy()
        estimate = clustered_mean(values, tokens.seen.groups)
        return Measurement(
            system=system_record(job, tokenizer, tokens.seen),
            codebooks=[CodebookRecord(**vars(book)) for book in tokenizer.codebooks],
            dataset=dataset_record(job.protocol, dataset, tokens.seen),
            metrics={"token_stability": estimate.described_by(STABILITY)},
            samples={"id": tokens.seen.ids, "group": tokens.seen.groups, "token_stability": values.tolist()},
        )
