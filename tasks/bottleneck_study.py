"""The task of the bottleneck study: what is left of a codebook when it is trained, by quantizer, estimator, remedy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch

from bench import registry
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord
from bench.contracts.stats import Estimate
from bench.contracts.system import BottleneckSpec, SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request
from bench.contracts.trainings import Row, Trainings
from bench.datasets.base import Dataset, Spread
from bench.errors import BenchError
from bench.learning.autoencoder import Autoencoder, NetworkSettings, TrainedTokenizer
from bench.learning.bottleneck import Curves, Model, StudySettings
from bench.learning.gradients import gradient_estimates
from bench.learning.probe import over_trainings
from bench.learning.study import trained_on
from bench.learning.training import CHECKPOINT_SECONDS, Checkpoint, train
from bench.lines.bottleneck_values import COMMITMENT, DEAD_CODES, ENCODER_GRADIENT, QUANTIZATION_ERROR, STEPS_PER_SECOND
from bench.machine.canonical import digest
from bench.machine.memory import MemoryMeter
from bench.machine.threads import each_on_one_thread
from bench.machine.weights import cache_dir
from bench.measuring.dataset_task import DatasetSettings, DatasetTask
from bench.measuring.keys import subject_key
from bench.measuring.metric_sets import build_metrics
from bench.measuring.reconstruct import reconstruct
from bench.measuring.records import dataset_record, system_record
from bench.measuring.seen import Seen
from bench.modalities.signal import Signal
from bench.quantizers.one_thread import one_thread
from bench.quantizers.trained.checks import require_coding, require_levels

ONE_TRAINING = "one training: no interval includes the spread between trainings (study.repeats in a --protocol file)"
SEEN = {line.name: line for line in (QUANTIZATION_ERROR, COMMITMENT, DEAD_CODES, ENCODER_GRADIENT)}
"""The values that the last look at a training gives."""


class Choices(DatasetSettings):
    """Every setting of the task."""

    network: NetworkSettings
    study: StudySettings = StudySettings()


@dataclass(frozen=True)
class _Trained:
    """One training: its seed, the trained tokenizer, what was seen on the way, and its gradients at the end."""

    seed: int
    tokenizer: TrainedTokenizer
    curves: Curves
    gradients: Mapping[str, Estimate]


class BottleneckStudy(DatasetTask):
    """Train the same small autoencoder around each bottleneck, several times, and measure it on held-out data."""

    kind = "bottleneck-study"
    version = 1
    measures: ClassVar[tuple[str, ...]] = ("bottleneck",)
    wanted = "give some with --system; bench list bottlenecks"
    base: ClassVar[type[DatasetSettings]] = Choices

    def default_metrics(self) -> list[str]:
        return list(self.face.metrics["bottleneck"])

    @property
    def network(self) -> type[Autoencoder]:
        """The modality's autoencoder."""
        found: type[Autoencoder] = registry.load(self.face.autoencoder)
        return found

    def sections(self) -> dict[str, Any]:
        finish, network = registry.load(self.face.finish), self.network.Settings
        return {**super().sections(), "reconstruction": (finish, finish()), "network": (network, network())}

    def signals(self, settings: Any) -> Signal:
        signal: Signal = registry.load(self.face.signal)(settings.reconstruction)
        return signal

    def protocol(self, request: Request) -> Protocol:
        if request.options.dtype != "float32" or request.options.tf32:
            raise BenchError(f"{self.name} trains in float32; leave out --dtype and --tf32")
        return super().protocol(request)

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        assert isinstance(system, BottleneckSpec)
        if not system.is_own:  # what a user's class does when it is built is the cell's business
            settings = self.choices(**protocol.settings)
            assert isinstance(settings, Choices)
            try:
                system.bottleneck(settings.network.width)
            except BenchError:
                raise
            except Exception:  # as is what an estimator or a remedy of the user's does
                if not system.own_parts:
                    raise
        return protocol

    def unmeasurable(self, job: Job) -> str:
        try:
            trained_on(self.planned(job))
        except BenchError as reason:
            return f"{job.system.text}: {reason}"
        return ""

    def measure(self, job: Job, report: Report) -> Measurement:
        settings = self.choices(**job.protocol.settings)
        assert isinstance(settings, Choices)
        dataset = self.opened(job, settings)
        report("preparing", 0, len(dataset))
        training = _Training(self.network, settings, job, dataset, report)
        models = [training.new(repeat) for repeat in range(settings.study.repeats)]
        trained = each_on_one_thread(training.train, models)
        outcomes = [self._measured(job, settings, dataset, one, report) for one in trained]
        training.finish()
        tokenizer, (seen, _) = trained[0].tokenizer, outcomes[0]
        values = [{**metrics, **_of_training(one)} for one, (_, metrics) in zip(trained, outcomes, strict=True)]
        alone = [ONE_TRAINING] if len(trained) == 1 else []
        ends = {
            name: [value[name].value if name in value else None for value in values]
            for name in dict.fromkeys(name for value in values for name in value)
        }
        return Measurement(
            system=system_record(job, tokenizer, seen),
            codebooks=[CodebookRecord(**vars(book)) for book in tokenizer.codebooks],
            dataset=dataset_record(job.protocol, dataset, seen),
            metrics={name: _over_all(name, [value[name] for value in values]) for name in values[0]},
            samples={"id": seen.ids, "group": seen.groups},
            warnings=list(dict.fromkeys([*(warning for one, _ in outcomes for warning in one.warnings()), *alone])),
            trainings=Trainings(
                seeds=[one.seed for one in trained],
                steps=trained[0].curves.steps,
                curves={name: [_finite(one.curves.rows[name]) for one in trained] for name in trained[0].curves.rows},
                ends=ends,
            ),
        )

    def _measured(
        self, job: Job, settings: Choices, dataset: Dataset, trained: _Trained, report: Report
    ) -> tuple[Seen, dict[str, Estimate]]:
        """What was seen of held-out data, and the estimates of one training."""
        device = torch.device(job.options.device)
        metrics = build_metrics(job, job.protocol.sections, trained.tokenizer.codebooks, device)
        alone = replace(job, place=None)  # not all of the cell; where it is cut off here, its trainings are kept
        meter = MemoryMeter(device)
        seen = reconstruct(
            alone, settings, self.signals(settings), trained.tokenizer, dataset, metrics, [], meter, None, report
        )
        return seen, metrics.estimates()


class _Training:
    """Trains a bottleneck in the modality's network, once for each seed."""

    def __init__(
        self, network: type[Autoencoder], settings: Choices, job: Job, dataset: Dataset, report: Report
    ) -> None:
        assert isinstance(job.system, BottleneckSpec)
        self.network, self.settings, self.spec, self.job = network, settings, job.system, job
        fitting = Spread(trained_on(dataset), settings.study.fit_samples)
        self.examples = network.examples_of(fitting, settings.network)
        self.held_out = network.draw(
            network.examples_of(dataset, settings.network),
            settings.study.looked_at,
            settings.network,
            torch.Generator().manual_seed(job.protocol.seed),
        ).to(job.options.device)
        self.report, self.done = report, [0] * settings.study.repeats
        self.checkpoints = [
            Checkpoint(cache_dir() / "training" / f"{name[:32]}.pt", name)
            for name in (digest([subject_key(job), repeat]) for repeat in range(settings.study.repeats))
        ]

    def train(self, numbered: tuple[int, Model]) -> _Trained:
        """Train the model of a repeat, or go on where an interrupted training was."""
        repeat, model = numbered
        study, seed = self.settings.study, self.job.protocol.seed + repeat
        device = torch.device(self.job.options.device)
        curves = Curves(model, self.held_out, study.schedule, study.looks)
        train(
            model,
            lambda generator: model.loss(self._batch(generator).to(device), generator),
            study.schedule,
            seed,
            self.checkpoints[repeat] if self.job.options.checkpoint_every else None,
            partial(self._report, repeat),
            curves,
            seeded=False,
            every=min(CHECKPOINT_SECONDS, self.job.options.checkpoint_every),
        )
        model.progress(max(0, study.schedule.steps - 1) / max(1, study.schedule.steps))  # as in the last step
        with torch.no_grad():
            latents = model.network.encode(self.held_out)
        gradients = gradient_estimates(model.bottleneck, latents, seed)
        return _Trained(seed, self.network.tokenizer(model.network, model.bottleneck), curves, gradients)

    def finish(self) -> None:
        """Remove the checkpoints, which are kept until everything is measured."""
        for checkpoint in self.checkpoints:
            checkpoint.remove()

    def _batch(self, generator: torch.Generator) -> torch.Tensor:
        return self.network.draw(self.examples, self.settings.study.batch, self.settings.network, generator)

    @one_thread()
    def new(self, repeat: int) -> tuple[int, Model]:
        """The number of a repeat and its untrained model."""
        seed = self.job.protocol.seed + repeat
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = self.network(self.settings.network, self.examples)
            model = Model(network, self.spec.bottleneck(self.settings.network.width))
        require_levels(model.bottleneck, self.network.tokenizer.modality)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            latents = network.encode(torch.cat([self._batch(generator) for _ in range(4)]))
            model.bottleneck.start(latents, generator)
        if self.spec.is_own:
            require_coding(model.bottleneck, latents)
        return repeat, model.to(self.job.options.device)

    def _report(self, repeat: int, phase: str, done: int, total: int) -> None:
        self.done[repeat] = done
        self.report(phase, sum(self.done), total * len(self.done))


def _over_all(name: str, estimates: list[Estimate]) -> Estimate:
    """The estimate of a value over all trainings, within its bounds; where some have none, over those that have one."""
    having = [estimate for estimate in estimates if estimate.value is not None]
    if len(estimates) == 1 or not having:
        return estimates[0]
    lacking = next((estimate.unavailable for estimate in estimates if estimate.value is None), None)
    note = f"{len(having)} of {len(estimates)} trainings; in the others: {lacking}" if lacking else ""
    over, line = over_trainings(having), registry.values().get(name)
    return over.described_by(line, note) if line else over.model_copy(update={"note": note or over.note})


def _finite(values: list[float]) -> Row:
    return [value if math.isfinite(value) else None for value in values]


def _of_training(trained: _Trained) -> Mapping[str, Estimate]:
    """The estimates that a training gives by itself."""
    curves = trained.curves
    estimates = {
        name: Estimate(value=curves.rows[name][-1]).described_by(line)
        for name, line in SEEN.items()
        if name in curves.rows
    }
    speed = curves.timed / curves.seconds if curves.seconds else None
    lacking = None if speed else "the training was resumed after its last step"
    return {
        **estimates,
        **trained.gradients,
        STEPS_PER_SECOND.name: Estimate(value=speed, unavailable=lacking).described_by(STEPS_PER_SECOND),
    }
