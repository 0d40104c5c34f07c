"""Image generation: how far a set of generated images is from a set of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.backbones.sampling import GuidedSamplingSettings
from bench.contracts.protocol import DatasetProtocol, Protocol
from bench.contracts.results import CodebookRecord, DatasetRecord, SystemRecord
from bench.contracts.settings import validated
from bench.contracts.stats import Estimate
from bench.contracts.system import BackboneSpec, SystemSpec
from bench.contracts.task import Job, Measurement, Report, Request, Task
from bench.contracts.tokens import Tokens
from bench.errors import BenchError, Unavailable
from bench.learning.prompts import fingerprint, of_samples, read_prompts
from bench.learning.sampling_costs import Stopwatch, bytes_of, sampling_costs
from bench.measuring.metric_sets import build_metrics
from bench.measuring.planning import metric_class, metric_section, protocol_of
from bench.metrics.guarded import NO_VALUE, require_values
from bench.modalities.image.datasets.images import ImagePreprocessing
from bench.modalities.image.generation.drawn import DrawnImages
from bench.modalities.image.generation.judging import Judge, Seen
from bench.modalities.image.generation.overlap import shared_images, shared_pixels
from bench.modalities.image.generation.references import Reference, open_reference
from bench.modalities.image.generation.samples import WHAT, SampleSpec
from bench.modalities.image.generation.sources import ImageSource

FOUND = ("samples", "reference")
"""Settings that follow from the data and cannot be stated in protocol files."""


class ReferenceSettings(BaseModel):
    """What the reference set holds; its contents are in the dataset's fingerprint."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(description="images, for the metrics that compare images")
    statistics: tuple[str, ...] = Field(description="layers whose mean and covariance come with it and are used")


class DrawingSettings(BaseModel):
    """Settings of the images that backbones generate; samples made elsewhere stay as they are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(default=5000, ge=2, description="images that a backbone generates")
    sampling: GuidedSamplingSettings | None = Field(
        default=None, description="null: as each one's publisher recommends"
    )
    prompts: int = Field(default=0, description="number of texts they are generated from (--prompts)")
    prompts_sha256: str = Field(default="", description="sha256 of these texts")


class Settings(BaseModel):
    """Settings of the task; the protocol states all of them, defaults included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drawing: DrawingSettings | None = Field(default=DrawingSettings(), description="images that backbones generate")
    samples: int = Field(default=0, description="number of generated images, unreadable ones included")
    preprocessing: ImagePreprocessing | None = Field(
        default=None, description="preprocessing of samples made elsewhere; null: as they are"
    )
    reference_preprocessing: ImagePreprocessing | None = Field(
        default=None, description="preprocessing of the reference; null: none for a folder or file, a dataset's own"
    )
    reference: ReferenceSettings
    metrics: dict[str, dict[str, Any]] = Field(
        default_factory=dict, exclude=True, description="metric -> its settings; a protocol keeps them apart"
    )


class ImageGeneration(Task):
    """Compare generated images with a reference set: as Gaussians, by a kernel, as manifolds.

    The images were made elsewhere, or a pretrained backbone generates them.
    """

    kind = "generation"
    version = 2
    measures = ("samples", "backbone")
    by_ranks = True
    wanted = f"give samples made elsewhere: --samples PATH ({WHAT})"

    def protocol(self, request: Request) -> Protocol:
        _, chosen = request.preset
        if not request.dataset:
            raise BenchError(
                f"{self.name} compares with real images: --reference PATH or DATASET (an .npz of guided-diffusion, "
                "an .npz or folder of images, or a registered dataset: bench list datasets)"
            )
        if derived := [name for name in FOUND if name in chosen]:
            raise BenchError(f"{request.place}: {derived[0]}: it follows from the data; leave it out")
        sections = self._sections(request.place, chosen.get("metrics"))
        given = {**chosen, "metrics": sections, "reference": ReferenceSettings(images=0, statistics=())}
        settings = validated(Settings, given, request.place)
        reference = _reference(request.dataset, request.options.data, settings)
        if reference.source:
            reference.source.require_usable()
        facts = ReferenceSettings(images=len(reference.source) if reference.source else 0, statistics=reference.layers)
        texts = read_prompts(request.options.prompts) if request.options.prompts else []
        prompts = {"prompts": len(texts), "prompts_sha256": fingerprint(texts) if texts else ""}
        drawing = (settings.drawing or DrawingSettings()).model_copy(update=prompts)
        settings = settings.model_copy(update={"reference": facts, "drawing": drawing})
        stated = DatasetProtocol(
            name=reference.name,
            split=reference.split,
            fingerprint=reference.fingerprint,
            n=0,
            limit=request.options.limit,
        )
        return protocol_of(self, request, stated, settings, sections)

    def for_system(self, protocol: Protocol, system: SystemSpec) -> Protocol:
        if isinstance(system, BackboneSpec):
            drawing = DrawingSettings(**protocol.settings["drawing"])
            self._check_backbone(system, drawing)
            n = min(drawing.images, protocol.dataset.limit or drawing.images)
            stated: dict[str, Any] = {}
        else:
            samples = _samples(system, protocol)
            samples.require_usable()
            n = len(samples)
            stated = {"drawing": None}
        if n < 2:
            raise BenchError(f"{system.text}: {n} images; the metrics of sets need at least 2")
        return protocol.model_copy(
            update={
                "dataset": protocol.dataset.model_copy(update={"n": n}),
                "settings": {**protocol.settings, **stated, "samples": n},
            }
        )

    def warnings(self, job: Job) -> list[str]:
        shared = _shared(job)
        return [f"{job.system.text}: {shared}"] if shared else []

    def impossible(self, protocol: Protocol, weights: Mapping[str, Path | Unavailable]) -> str:
        lacking = [
            [found for name in metric_class(metric).weights if isinstance(found := weights[name], Unavailable)]
            for metric in protocol.metrics
        ]
        if not all(lacking):
            return ""
        return f"{NO_VALUE}: {'; '.join(dict.fromkeys(str(reason) for reasons in lacking for reason in reasons))}"

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol, device = job.protocol, torch.device(job.options.device)
        settings = Settings(**protocol.settings)
        reference = _reference(protocol.dataset.name, job.options.data, settings)
        if reference.fingerprint != protocol.dataset.fingerprint:
            raise BenchError(f"{reference.name}: the data changed since the run was planned; run it again")
        metrics = build_metrics(job, protocol.sections, (), device)
        judge = Judge(
            reference,
            protocol.settings["reference_preprocessing"],
            job.weights,
            protocol.weights,
            device,
            job.options.batch_size,
            job.options.workers,
            report,
            job.place,
        )
        judge.prepare(metrics)
        if not metrics.alive:
            require_values(metrics.estimates())
        drawn = _Drawn(job, settings) if isinstance(job.system, BackboneSpec) else None
        source = drawn.source if drawn else _samples(job.system, protocol)
        if len(source) != settings.samples:
            raise BenchError(f"{source.name}: the samples changed since the run was planned; run it again")
        seen = judge.judge(source, metrics)
        n = len(seen.indices)
        if n < 2:
            first = next((f"; {name}: {reason}" for name, reason in source.skipped.items()), "")
            raise BenchError(f"{source.name}: {n} of {len(source)} images could be read, and sets need 2{first}")
        report("computing", len(source), len(source))
        shared = _shared(job, seen)
        estimates: dict[str, Estimate] = {}
        for metric in metrics:
            note = shared if metric.kind.wants != "nothing" else ""
            estimates |= {name: _noted(estimate, note) for name, estimate in metric.outcome()[0].items()}
        require_values(estimates)
        return Measurement(
            system=drawn.record() if drawn else _record(job.system, revision=source.fingerprint),
            codebooks=drawn.codebooks() if drawn else [],
            dataset=DatasetRecord(
                name=protocol.dataset.name,
                split=protocol.dataset.split,
                fingerprint=protocol.dataset.fingerprint,
                n=n,
                groups=n,
                skipped=source.skipped,
                converted=source.converted,
                stored={seen.size: n},
            ),
            metrics=estimates | (drawn.costs() if drawn else {}),
            samples={},
            warnings=[text for text in (shared, seen.repeats.warning(n)) if text],
        )

    def _check_backbone(self, system: BackboneSpec, drawing: DrawingSettings) -> None:
        """Raise BenchError if a backbone does not make images, or needs texts and has none (imports its class)."""
        kind = system.pretrained(self.name, self.modality)
        if not drawing.prompts and not kind.unconditional:
            raise BenchError(f"{system.text} generates from text: give --prompts FILE, one text per line")
        if not drawing.prompts and drawing.sampling and drawing.sampling.guidance != 1:
            raise BenchError(
                f"drawing.sampling: guidance {drawing.sampling.guidance} needs texts: give --prompts FILE, one text "
                "per line, or leave guidance at 1"
            )

    def _sections(self, place: str, chosen: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
        """Each metric's section of the protocol, defaults written out."""
        named: Mapping[str, Any] = chosen or dict.fromkeys(self.face.metrics["generation"])
        return {name: metric_section(self, ("generation",), place, name, given) for name, given in named.items()}


class _Drawn:
    """A pretrained backbone, and the images it draws under the task's settings."""

    def __init__(self, job: Job, settings: Settings) -> None:
        assert isinstance(job.system, BackboneSpec) and settings.drawing
        self.job, device = job, torch.device(job.options.device)
        self.backbone = job.system.backbone().to(device, getattr(torch, job.protocol.dtype))
        texts = read_prompts(job.options.prompts) if job.options.prompts else []
        if (fingerprint(texts) if texts else "") != settings.drawing.prompts_sha256:
            raise BenchError(f"--prompts {job.options.prompts}: changed since the run was planned; run it again")
        chosen = settings.drawing.sampling
        sampling = chosen.sampling if chosen else None

        def draw(n: int, first: int) -> Tokens:
            conditions = of_samples(texts, first, n) if texts else None
            return self.backbone.generate(n, job.protocol.seed, conditions, sampling, first)

        def decode(tokens: Tokens) -> torch.Tensor:
            return cast(torch.Tensor, self.backbone.decode(tokens))

        self.watch = Stopwatch(device, bytes_of(self.backbone.model))
        self.source = DrawnImages(job.system.text, settings.samples, None, draw, decode, self.watch)

    def costs(self) -> dict[str, Estimate]:
        """Estimates of the cost of drawing the images."""
        return sampling_costs(self.watch.timings, "")

    def codebooks(self) -> list[CodebookRecord]:
        """The codebooks of its tokens."""
        return [CodebookRecord(**vars(book)) for book in self.backbone.codebooks]

    def record(self) -> SystemRecord:
        """The record of the system with its checkpoint."""
        return _record(self.job.system, weights=self.backbone.weights, revision=self.backbone.revision)


def _shared(job: Job, seen: Seen | None = None) -> str:
    """A warning if samples made elsewhere are images of the reference, in any order once all have been seen."""
    if isinstance(job.system, BackboneSpec):
        return ""
    protocol = job.protocol
    reference = _reference(protocol.dataset.name, job.options.data, Settings(**protocol.settings))
    in_order = shared_images(_samples(job.system, protocol), reference.source)
    return in_order or (shared_pixels(seen, reference.source, job.options.workers) if seen else "")


def _noted(estimate: Estimate, note: str) -> Estimate:
    return estimate.model_copy(update={"note": "; ".join(filter(None, (note, estimate.note)))})


def _samples(system: SystemSpec, protocol: Protocol) -> ImageSource:
    return cast(SampleSpec, system).source(protocol.settings["preprocessing"], protocol.dataset.limit)


def _reference(name: str, data: str | None, settings: Settings) -> Reference:
    chosen = settings.reference_preprocessing
    return open_reference(name, data, chosen.model_dump() if chosen else None)


def _record(system: SystemSpec, **checkpoint: Any) -> SystemRecord:
    return system.record(modality="image", tokens=system.kind, **checkpoint)
