"""Image generation: how far a set of generated images is from a set of real ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench import registry
from bench.datasets.images import ImagePreprocessing
from bench.errors import BenchError, Unavailable
from bench.features import ExtractorRun, FeatureBank, Features
from bench.generation.references import Reference, ReferenceFeatures, open_reference
from bench.generation.samples import WHAT, SampleSpec
from bench.generation.sources import ImageSource
from bench.metrics.base import Batch, FeatureSource
from bench.metrics.generated import GenerationMetric
from bench.modalities.base import SystemFailure
from bench.protocol import DatasetProtocol, Protocol
from bench.reconstruction import build_metrics, metric_class
from bench.results import DatasetRecord, SystemRecord
from bench.stats import Estimate
from bench.suite import explain
from bench.system import SystemSpec
from bench.task import Job, Measurement, Report, Request, Task
from bench.tokens import Tokens


class ReferenceSettings(BaseModel):
    """What the reference set holds; its contents are in the data set's fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(description="images, for the metrics that compare images")
    statistics: tuple[str, ...] = Field(description="layers whose mean and covariance come with it and are used")


class Settings(BaseModel):
    """Every choice of the task; the protocol carries them all, defaults written out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    samples: int = Field(default=0, description="generated images, those included that cannot be read")
    preprocessing: ImagePreprocessing | None = Field(default=None, description="of sample folders; null: as they are")
    reference_preprocessing: ImagePreprocessing | None = Field(
        default=None, description="of a reference folder or data set; null: a folder as it is, a data set as it says"
    )
    reference: ReferenceSettings
    metrics: dict[str, dict[str, Any]] = Field(description="metric -> its settings, defaults written out")


class ImageGeneration(Task):
    """Compare generated images with a reference set: as Gaussians, by a kernel, as manifolds."""

    name = "image-generation"
    version = 1
    modality = "image"
    measures = ("samples",)
    wanted = f"give samples made elsewhere: --samples PATH ({WHAT})"

    def protocol(self, request: Request) -> Protocol:
        preset, chosen = request.preset
        if not request.dataset:
            raise BenchError(
                f"{self.name} compares with real images: --reference PATH or DATASET (an .npz of guided-diffusion, "
                "an .npz or folder of images, or a registered data set: bench list datasets)"
            )
        try:
            stated = {**chosen, "metrics": self._sections(chosen.get("metrics"))}
            settings = Settings(**stated, reference=ReferenceSettings(images=0, statistics=()))
        except (ValidationError, TypeError) as error:
            raise BenchError(f"protocol {preset}: {_reason(error)}") from error
        reference = _reference(request.dataset, request.data, settings)
        facts = ReferenceSettings(images=len(reference.source) if reference.source else 0, statistics=reference.layers)
        settings = settings.model_copy(update={"reference": facts})
        classes = {name: metric_class(name) for name in settings.metrics}
        weights = {name for metric in classes.values() for name in metric.weights}
        return Protocol(
            preset=preset,
            task=self.name,
            task_version=self.version,
            dataset=DatasetProtocol(
                name=reference.name,
                split=reference.split,
                fingerprint=reference.fingerprint,
                n=0,
                limit=request.limit,
            ),
            settings=settings.model_dump(mode="json"),
            metrics={name: metric.version for name, metric in classes.items()},
            weights={name: request.sha256(name) for name in sorted(weights)},
            dtype=request.dtype,
            tf32=request.tf32,
            seed=request.seed,
        )

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        n = len(_samples(system, protocol))
        if n < 2:
            raise BenchError(f"{system.text}: {n} images; the metrics of sets need at least 2")
        return protocol.model_copy(
            update={
                "dataset": protocol.dataset.model_copy(update={"n": n}),
                "settings": {**protocol.settings, "samples": n},
            }
        )

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol, device = job.protocol, torch.device(job.device)
        settings = Settings(**protocol.settings)
        source = _samples(job.system, protocol)
        reference = _reference(protocol.dataset.name, job.data, settings)
        if reference.fingerprint != protocol.dataset.fingerprint or len(source) != settings.samples:
            raise BenchError(
                f"{reference.name}, {source.name}: the data changed since the run was planned; run it again"
            )
        metrics, unavailable = build_metrics(job, settings.metrics, (), device)
        _refuse_nothing(unavailable if not metrics else {})
        weights = {name: found for name, found in job.weights.items() if isinstance(found, Path)}
        key = {"images": reference.fingerprint, "preprocessing": protocol.settings["reference_preprocessing"]}
        images = len(reference.source) if reference.source else 0
        bank = FeatureBank(weights, protocol.weights, device, key if images else None, images)
        references = ReferenceFeatures(reference, bank.run, job.batch_size, job.workers, report)
        for metric in metrics.values():
            if images and isinstance(metric, GenerationMetric):
                metric.prepare(references)  # before hours of samples, so that it fails early
        indices: list[int] = []
        size = ""
        for index, part in source.batches(job.batch_size, job.workers):
            batch = _batch(index, part.to(device), len(source), bank, references)
            for metric in metrics.values():
                metric.update(batch)
            indices += index.tolist()
            size = f"{part.shape[3]}x{part.shape[2]}"
            report("measuring", indices[-1] + 1, len(source))
        if len(indices) < 2:
            raise BenchError(f"{source.name}: {len(indices)} of {len(source)} images could be read")
        report("computing", len(source), len(source))
        estimates = unavailable | {
            name: value for metric in metrics.values() for name, value in metric.compute().items()
        }
        _refuse_nothing(estimates)
        for name, estimate in estimates.items():
            if any(number is not None and not math.isfinite(number) for number in (estimate.value, estimate.stderr)):
                raise SystemFailure(f"{name} came out as {estimate.value} ± {estimate.stderr}")
        return Measurement(
            system=_record(job.system, source),
            codebooks=[],
            dataset=DatasetRecord(
                name=protocol.dataset.name,
                split=protocol.dataset.split,
                fingerprint=protocol.dataset.fingerprint,
                n=len(indices),
                groups=len(indices),
                skipped=source.skipped,
                stored={size: len(indices)},
            ),
            metrics=estimates,
            samples={},
        )

    def _sections(self, chosen: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
        """Each metric's section of the protocol, defaults written out."""
        known = registry.entries("metrics")
        every = [
            name for name, entry in known.items() if (entry.judges, entry.modality) == ("generation", self.modality)
        ]
        named: Mapping[str, Any] = chosen or dict.fromkeys(every)
        for name in named:
            if registry.get("metrics", name).judges != "generation":
                raise BenchError(f"{name} is a metric of reconstruction; {self.name} takes {', '.join(every)}")
        return {
            name: metric_class(name).Settings(**(given or {})).model_dump(mode="json") for name, given in named.items()
        }


class SampleFeatures(FeatureSource):
    """Features of a batch of samples, computed when first asked for; there are none of references in it."""

    def __init__(self, images: torch.Tensor, bank: FeatureBank) -> None:
        self.images, self.bank = images, bank
        self._found: dict[str, Features] = {}

    def get(self, extractor: str) -> tuple[Features, Features]:
        if extractor not in self._found:
            run: ExtractorRun = self.bank.run(extractor)
            self._found[extractor] = run.one_side(self.images)
        return {}, self._found[extractor]


def _batch(
    index: torch.Tensor, images: torch.Tensor, total: int, bank: FeatureBank, references: ReferenceFeatures
) -> Batch:
    return Batch(
        index=index,
        group=index,
        reference=None,
        reconstruction=images,
        tokens=Tokens(payload=(b"",) * len(index)),  # of samples made elsewhere nothing is known
        features=SampleFeatures(images, bank),
        references=references,
        total=total,
    )


def _refuse_nothing(estimates: Mapping[str, Estimate]) -> None:
    """Unavailable if there are estimates, and none has a value: then nothing was measured."""
    if estimates and all(estimate.value is None for estimate in estimates.values()):
        reasons = dict.fromkeys(estimate.unavailable or "" for estimate in estimates.values())
        raise Unavailable(f"no metric can be measured: {'; '.join(reasons)}")


def _samples(system: SystemSpec, protocol: Protocol) -> ImageSource:
    return cast(SampleSpec, system).source(protocol.settings["preprocessing"], protocol.dataset.limit)


def _reference(name: str, data: str | None, settings: Settings) -> Reference:
    chosen = settings.reference_preprocessing
    return open_reference(name, data, chosen.model_dump() if chosen else None)


def _record(system: SystemSpec, source: ImageSource) -> SystemRecord:
    return SystemRecord(
        name=system.text,
        entry=system.entry.name,
        target=system.entry.target,
        modality="image",
        tokens=system.entry.tokens,
        arguments=system.resolved(),
        revision=source.fingerprint,
    )


def _reason(error: ValidationError | TypeError) -> str:
    return f"{error.title}: {explain(error)}" if isinstance(error, ValidationError) else str(error)
