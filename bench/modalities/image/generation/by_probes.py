"""How well probes learn image tokens: likelihood and generated images, beside reconstruction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from pydantic import Field

from bench import registry
from bench.backbones.base import Backbone
from bench.backbones.sampling import GuidedSamplingSettings
from bench.contracts.protocol import Protocol
from bench.contracts.stats import Estimate
from bench.contracts.tokens import Tokens
from bench.datasets.base import Dataset
from bench.errors import BenchError
from bench.learning.drawing import Drawing
from bench.learning.probe import over_trainings
from bench.learning.sampling_costs import Stopwatch, bytes_of, sampling_costs
from bench.learning.study import Study
from bench.machine.memory import MemoryMeter
from bench.measuring.metric_sets import build_metrics
from bench.measuring.planning import metric_class
from bench.measuring.reconstruct import reconstruct
from bench.metrics.guarded import MetricSet
from bench.modalities.image.face import IMAGE
from bench.modalities.image.generation.drawn import DrawnImages
from bench.modalities.image.generation.judging import Judge
from bench.modalities.image.generation.references import Reference
from bench.modalities.image.generation.sources import DatasetSource

RECONSTRUCTION = ("psnr", "ssim", "rfid", "fd_efficientnet_lite0")
"""Metrics of reconstruction that are reported beside those of generated images by default."""


class GenerationSettings(GuidedSamplingSettings):
    """Settings of the images that each trained probe generates."""

    samples: int = Field(default=256, ge=2, description="images of each training")
    batch: int = Field(default=64, ge=1, description="images drawn at a time; the speeds are of that size")
    reference: Literal["fit", "eval"] = Field(
        default="fit", description="real images to compare with: those trained on, as usual, or the others"
    )


class DrawnImagesOfProbes(Drawing):
    """Generated images against real ones, and beside them what the tokenizer alone loses on the evaluated split.

    The table shows whether better reconstruction makes better generation.
    """

    metrics = (*RECONSTRUCTION, *IMAGE.metrics["generation"])
    judges = ("reconstruction", "generation")
    takes_others = True

    def check(self, protocol: Protocol) -> None:
        outputs: dict[str, str] = {}
        for name in protocol.metrics:
            for output in metric_class(name).outputs:
                if output in outputs:
                    raise BenchError(
                        f"protocol {protocol.preset}: {outputs[output]} and {name} both give {output}; name one of them"
                    )
                outputs[output] = name

    def admit(self, settings: Any, dataset: Dataset) -> None:
        chosen = settings.generation
        if settings.probe.conditions == "none":
            if chosen.guidance != 1:
                raise BenchError(
                    f"generation.guidance: {chosen.guidance:g} needs a class-conditional probe; set "
                    "probe.conditions: class in the protocol, or leave guidance at 1"
                )
        elif chosen.samples < len(dataset.classes):
            raise BenchError(
                f"generation.samples: {chosen.samples} are fewer than the {len(dataset.classes)} classes, each of "
                "which is generated equally often; raise it in the protocol"
            )

    def check_tokens(self, study: Study) -> None:
        counts = study.training.corpus.counts
        fewest, most = int(counts.min()), int(counts.max())
        if fewest < most:
            raise BenchError(
                f"images have {fewest} to {most} tokens, and probes do not draw where an image ends; measure the "
                "likelihood of such tokens under token-modelling"
            )

    def further(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        return self._reconstruction(study) | self._generation(study, backbones)

    def _reconstruction(self, study: Study) -> dict[str, Estimate]:
        """Estimates of what the tokenizer alone loses."""
        metrics = self._metrics(study, "reconstruction")
        if not metrics.alive:
            return metrics.estimates()
        meter = MemoryMeter(study.device)
        job = replace(study.job, place=None)  # not all of the cell, which begins anew if it is cut off
        args = (study.settings, self.task.signals(study.settings), study.tokenizer, study.dataset)
        seen = reconstruct(job, *args, metrics, [], meter, None, study.report)
        study.warnings += seen.warnings()
        estimates, columns = metrics.outcome(len(seen.ids))
        rows = {name: row for row, name in enumerate(seen.ids)}
        for name, values in columns.items():
            rows_seen = (rows.get(sample) for sample in study.evaluated.seen.ids)
            study.columns[name] = [math.nan if row is None else float(values[row]) for row in rows_seen]
        return estimates

    def _generation(self, study: Study, backbones: Sequence[Backbone]) -> dict[str, Estimate]:
        """Estimates of the images that the trained probes generate, and of their cost."""
        settings: Any = study.settings
        reference = study.fit_split if settings.generation.reference == "fit" else study.dataset
        judge = Judge(
            Reference(reference.name, reference.split, reference.fingerprint, DatasetSource(reference, reference.name)),
            settings.preprocessing.model_dump(mode="json"),
            study.job.weights,
            study.job.protocol.weights,
            study.device,
            study.job.options.batch_size,
            study.job.options.workers,
            study.report,
        )
        rounds, timings = [], []
        for repeat, backbone in enumerate(backbones):
            metrics = self._metrics(study, "generation")
            source = self.drawn(study, settings.generation, backbone, repeat)
            if repeated := judge.judge(source, metrics).repeats.warning(len(source)):
                study.warnings.append(f"images of {source.name}: {repeated}")
            rounds.append(metrics.estimates())
            timings += source.watch.timings
        shared = [name for name in rounds[0] if all(name in estimates for estimates in rounds)]
        classes = study.training.corpus.classes
        about = f"every class in turn, of {classes}; guidance {settings.generation.guidance:g}" if classes else ""
        means = {name: over_trainings([estimates[name] for estimates in rounds]) for name in shared}
        means = {name: _noted(mean, "" if mean.value is None else about) for name, mean in means.items()}
        at_a_time = min(settings.generation.batch, settings.generation.samples)
        costs = sampling_costs(timings, f"{at_a_time} images at a time")
        return means | {name: _noted(estimate, about) for name, estimate in costs.items()}

    def drawn(self, study: Study, chosen: GenerationSettings, backbone: Backbone, repeat: int) -> DrawnImages:
        seed = study.job.protocol.seed + repeat

        def draw(n: int, first: int) -> Tokens:
            # Of every class equally many, as class-conditional models are compared.
            classes = torch.arange(first, first + n) % backbone.classes if backbone.classes else None
            return backbone.generate(n, seed, classes, chosen.sampling, first)

        def decode(tokens: Tokens) -> torch.Tensor:
            images: torch.Tensor = self.task.signals(study.settings).finish(study.tokenizer.decode(tokens))
            return images

        watch = Stopwatch(study.device, bytes_of(backbone))
        return DrawnImages(f"training {repeat}", chosen.samples, chosen.batch, draw, decode, watch)

    def _metrics(self, study: Study, judges: str) -> MetricSet:
        """New metrics of that kind, those of tokens left out; those that judge both judge generated images."""
        sections = {
            name: section
            for name, section in study.job.protocol.sections.items()
            if name not in self.rates
            and registry.get("metrics", name).can_judge("generation") == (judges == "generation")
        }
        return build_metrics(study.job, sections, study.tokenizer.codebooks, study.device)


def _noted(estimate: Estimate, note: str) -> Estimate:
    """The estimate with a further note, if there is one."""
    return estimate.model_copy(update={"note": "; ".join(filter(None, (estimate.note, note)))})
