"""The task of link prediction: what tokens of nodes cost, and what a model that sees them alone knows of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from bench.contracts.results import CodebookRecord
from bench.contracts.stats import Estimate
from bench.contracts.task import Job, Measurement, Report
from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.learning.probe import per_unit
from bench.learning.study import NoReconstruction
from bench.learning.tokenized import Tokenized
from bench.learning.training import Checkpoint, train
from bench.machine.canonical import digest
from bench.machine.weights import cache_dir
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.keys import cell_key
from bench.measuring.metric_sets import build_metrics
from bench.measuring.planning import learned_from
from bench.measuring.records import dataset_record, system_record
from bench.metrics.guarded import MetricSet
from bench.modalities.graph.datasets.knowledge_graph import graph_of
from bench.modalities.graph.lines.values import MRR, WEIGHTS
from bench.modalities.graph.triples import KnowledgeGraph
from bench.tokenizers.base import Tokenizer

from .model import LinkModel, LinkSettings
from .ranks import Filter, Ranking, queries_of, realistic_ranks
from .totals import Total, totals_of


class Settings(DatasetSettings):
    """Every choice of the task."""

    reconstruction: NoReconstruction = NoReconstruction()
    links: LinkSettings = LinkSettings()


class LinkPrediction(DatasetTask):
    """Tokenize the nodes of a graph, train a model on its training triples, and rank the answers of held-out ones.

    A held-out triple is two queries, for its tail and for its head. Each belongs to the node that it asks for, which is
    the sample: so a node's value is how well it is found, and intervals are over nodes.
    """

    kind = "link-prediction"
    version = 1
    base: ClassVar[type[DatasetSettings]] = Settings

    def default_metrics(self) -> list[str]:
        return list(self.face.metrics["tokens"])

    def measure(self, job: Job, report: Report) -> Measurement:
        settings = self.choices(**job.protocol.settings)
        assert isinstance(settings, Settings)
        device = torch.device(job.options.device)
        dataset = self.opened(job, settings)
        graph = graph_of(dataset)
        report("preparing", 0, len(dataset))
        tokenizer = self.tokenizer(job, settings, dataset).to(device, getattr(torch, job.protocol.dtype))
        metrics = build_metrics(job, job.protocol.sections, tokenizer.codebooks, device)
        evaluated = Tokenized(job, dataset, self.signals(settings), metrics, report)
        _codes(evaluated, tokenizer)
        everything = Tokenized(job, learned_from(job.system, dataset), self.signals(settings), MetricSet(()), report)
        codes = _codes(everything, tokenizer)
        if len(everything.indices) < len(graph.nodes):
            name, reason = next(iter((everything.seen.failed | everything.seen.skipped).items()))
            raise BenchError(f"links need the tokens of all nodes, but {name} has none: {reason}")
        training = LinkTraining(settings.links, graph, tokenizer, codes, job, device, report)
        rankings = training.rankings(evaluated.indices)
        totals = totals_of(rankings, np.array(evaluated.indices))
        groups, seen = np.array(evaluated.seen.groups), evaluated.seen
        links = {
            name: _ratio(total, groups).described_by(total.line, training.note if total.line is MRR else "")
            for name, total in totals.items()
        }
        count = float(training.weights)
        weights = Estimate(value=count, stderr=0.0, interval=(count, count), n=1, method="exact")
        training.finish()
        return Measurement(
            system=system_record(job, tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in tokenizer.codebooks],
            dataset=dataset_record(job.protocol, dataset, seen),
            metrics={**metrics.estimates(), **links, WEIGHTS.name: weights.described_by(WEIGHTS)},
            samples={
                "id": seen.ids,
                "group": seen.groups,
                **{f"{name}_total": total.values.mean(0).tolist() for name, total in totals.items()},
                **{f"{name}_amount": total.amounts.tolist() for name, total in totals.items()},
            },
            warnings=seen.warnings(),
        )


def _ratio(total: Total, groups: np.ndarray) -> Estimate:
    """A total as an estimate; without a value where chance leaves nothing to gain."""
    if not total.amounts.any():
        return Estimate(value=None, unavailable="each query has a single candidate, so chance ranks it first, too")
    return per_unit(total.values, total.amounts, groups)


def _codes(tokenized: Tokenized, tokenizer: Tokenizer) -> list[torch.Tensor]:
    """The codes of each level, one row per sample in the order of the data set, int64 ``[samples, positions]``.

    Raises:
        BenchError: the tokens are not codes, or not equally many for each node.
    """

    def encoded(signal: Any, _: list[int]) -> tuple[Tokens, None]:
        tokens = tokenizer.encode(signal)
        if tokens.kind != "discrete" or tokens.lengths:
            raise BenchError(
                f"links are predicted from codes, equally many for each node, not from {tokens.kind} tokens"
                + (" of several lengths" if tokens.lengths else "")
            )
        tokens.check(tokenizer.codebooks)
        return tokens, None

    batches = [tokens.codes for _, tokens, _ in tokenized.stream("tokenizing", tokenizer, False, encoded)]
    return [torch.cat([code.flatten(1).cpu() for code in level]) for level in zip(*batches, strict=True)]


class LinkTraining:
    """Trains link predictors on a graph's training triples, and ranks the answers of its test triples.

    Attributes:
        weights: number of trained weights of a predictor.
        note: what the predictor was.
    """

    def __init__(
        self,
        settings: LinkSettings,
        graph: KnowledgeGraph,
        tokenizer: Tokenizer,
        codes: Sequence[torch.Tensor],
        job: Job,
        device: torch.device,
        report: Report,
    ) -> None:
        self.settings, self.graph, self.device, self.report = settings, graph, device, report
        self.sizes = [book.size for book in tokenizer.codebooks]
        self.codes, self.seed, self.key = codes, job.protocol.seed, cell_key(job)
        self.weights, self.note = 0, ""
        self._checkpoints: list[Checkpoint] = []

    def rankings(self, nodes: Sequence[int]) -> list[Ranking]:
        """The ranking of every training, on the queries that ask for one of the nodes.

        Raises:
            BenchError: no held-out triple asks for one of them.
        """
        queries = queries_of(self.graph.test, len(self.graph.relations))
        queries = queries[np.isin(queries[:, 2], nodes)]
        if not len(queries):
            raise BenchError("no held-out triple has one of the measured nodes", "leave out --limit, or raise it")
        known = Filter(self.graph)
        return [self._ranking(self._trained(repeat), queries, known) for repeat in range(self.settings.repeats)]

    def finish(self) -> None:
        """Remove the checkpoints, once nothing more is done with the cell."""
        for checkpoint in self._checkpoints:
            checkpoint.remove()

    def _trained(self, repeat: int) -> LinkModel:
        seed, budget = self.seed + repeat, self.settings.budget
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            model = LinkModel(self.sizes, self.codes, len(self.graph.relations), self.settings).to(self.device)
        self.weights = sum(parameter.numel() for parameter in model.parameters())
        self.note = (
            f"{self.settings.scorer} on tokens, {self.weights} weights, {budget.steps} steps of {budget.queries} "
            f"queries from {len(self.graph.train)} triples"
        )
        queries = torch.from_numpy(queries_of(self.graph.train, len(self.graph.relations)))

        def loss(generator: torch.Generator) -> torch.Tensor:
            drawn = torch.randint(len(queries), (budget.queries,), generator=generator)
            return model.loss(queries[drawn].to(self.device))

        name = digest([self.key, repeat])
        self._checkpoints.append(Checkpoint(cache_dir() / "training" / f"{name[:32]}.pt", name))
        train(model, loss, budget, seed, self._checkpoints[-1], self.report)
        return model

    def _ranking(self, model: LinkModel, queries: np.ndarray, known: Filter) -> Ranking:
        count = self.settings.budget.queries
        ranks, candidates = [], []
        for begin in range(0, len(queries), count):
            part = queries[begin : begin + count]
            with torch.inference_mode():
                asked = torch.from_numpy(part).to(self.device)
                found = realistic_ranks(model.scores(asked), asked[:, 2], *known.others(part))
            ranks.append(found[0])
            candidates.append(found[1])
            self.report("measuring", begin + len(part), len(queries))
        return Ranking(queries[:, 2], np.concatenate(ranks), np.concatenate(candidates))
