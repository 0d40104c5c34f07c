"""Image reconstruction: what an image tokenizer loses, and at what rate."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench import registry
from bench.datasets.base import Dataset, Limited
from bench.datasets.images import ImagePreprocessing
from bench.errors import BenchError
from bench.evaluation import Loop, Seen, SystemFailure, evaluate
from bench.features import FeatureBank
from bench.memory import MemoryMeter
from bench.metrics.base import Metric
from bench.protocol import DatasetProtocol, Protocol
from bench.results import CodebookRecord, DatasetRecord, SystemRecord
from bench.stats import Estimate
from bench.suite import explain
from bench.system import SystemSpec
from bench.task import Job, Measurement, Report, Request, Task
from bench.tokenizers.base import Tokenizer


class Reconstruction(BaseModel):
    """What happens to a decoder's output before it is scored; the reference is treated alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clamp: bool = Field(default=True, description="clamp to [0, 1]")
    rounding: Literal["nearest", "floor", "none"] = Field(
        default="nearest", description="to the 256 levels of uint8: nearest (half to even), floor (x·255 cut), none"
    )

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """Images as they are scored, float32 in [0, 1]."""
        images = images.float()
        if self.clamp:
            images = images.clamp(0, 1)
        if self.rounding == "none":
            return images
        # A stored level k must survive k/255·255 in floating point before the floor is taken.
        cut = torch.round if self.rounding == "nearest" else lambda x: torch.floor(x + 1e-4)
        return cut(images * 255) / 255


class Settings(BaseModel):
    """Every choice of the task; the protocol carries them all, defaults written out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    preprocessing: ImagePreprocessing
    reconstruction: Reconstruction = Reconstruction()
    latents: Literal["mode", "sample"] = "mode"
    order: Literal["dataset"] = "dataset"
    reference: Literal["input"] = Field(default="input", description="set that rFID and its kin compare with")
    metrics: dict[str, dict[str, Any]] = Field(description="metric -> its settings, defaults written out")


class ImageReconstruction(Task):
    """Encode, decode, compare; per image and as sets."""

    name = "image-recon"
    version = 1
    modality = "image"

    def protocol(self, request: Request) -> Protocol:
        preset, chosen = request.preset
        source = registry.load(registry.get("datasets", request.dataset).target)
        try:
            preprocessing = ImagePreprocessing(
                **{**source.defaults.model_dump(), **(chosen.get("preprocessing") or {})}
            )
            named = chosen.get("metrics") or {name: {} for name in registry.entries("metrics")}
            classes = {name: _metric_class(name) for name in named}
            sections = {
                name: classes[name].Settings(**(section or {})).model_dump(mode="json")
                for name, section in named.items()
            }
            settings = Settings(**{**chosen, "preprocessing": preprocessing, "metrics": sections})
        except ValidationError as error:
            raise BenchError(f"protocol {preset}: {error.title}: {explain(error)}") from error
        dataset = _dataset(request.dataset, settings.preprocessing, request.data, request.limit)
        weights = {name for metric in classes.values() for name in metric.weights}
        return Protocol(
            preset=preset,
            task=self.name,
            task_version=self.version,
            dataset=DatasetProtocol(
                name=request.dataset,
                split=dataset.split,
                fingerprint=dataset.fingerprint,
                n=len(dataset),
                limit=request.limit,
            ),
            settings=settings.model_dump(mode="json"),
            metrics={name: metric.version for name, metric in classes.items()},
            weights={name: request.sha256(name) for name in sorted(weights)},
            dtype=request.dtype,
            tf32=request.tf32,
            seed=request.seed,
        )

    def measure(self, job: Job, report: Report) -> Measurement:
        protocol = job.protocol
        settings = Settings(**protocol.settings)
        device, dtype = torch.device(job.device), getattr(torch, protocol.dtype)
        dataset = _dataset(protocol.dataset.name, settings.preprocessing, job.data, protocol.dataset.limit)
        if dataset.fingerprint != protocol.dataset.fingerprint:
            raise BenchError(f"{dataset.name}: the data changed since the run was planned; run it again")
        meter = MemoryMeter(device)
        report("preparing", 0, len(dataset))
        tokenizer = _tokenizer(job, settings, dataset).to(device, dtype)
        meter.loaded()
        metrics, unavailable, bank = _metrics(job, settings, tokenizer, device)
        seen = evaluate(
            tokenizer,
            dataset,
            list(metrics.values()),
            Loop(
                device=device,
                batch_size=job.batch_size,
                workers=job.workers,
                seed=protocol.seed,
                prepare=lambda stored: stored.float() / 255 if stored.dtype == torch.uint8 else stored,
                finish=settings.reconstruction,
                report=report,
            ),
            meter,
            bank,
        )
        if not seen.ids:
            raise BenchError(f"none of the {len(dataset)} samples of {dataset.name} could be read: {_reasons(seen)}")
        bank.finish(complete=True)
        report("computing", len(dataset), len(dataset))
        estimates = {name: value for metric in metrics.values() for name, value in metric.compute().items()}
        _refuse_nan(estimates)
        columns = {name: values.tolist() for metric in metrics.values() for name, values in metric.samples().items()}
        return Measurement(
            system=_record(job, tokenizer, seen),
            codebooks=[CodebookRecord(size=book.size, covers=book.covers) for book in tokenizer.codebooks],
            dataset=DatasetRecord(
                name=protocol.dataset.name,
                split=dataset.split,
                fingerprint=dataset.fingerprint,
                n=len(seen.ids),
                groups=len(set(seen.groups)),
                skipped=seen.skipped,
                converted=dict(seen.converted),
            ),
            metrics=unavailable | estimates,
            samples={"id": seen.ids, "group": seen.groups, **columns},
        )


def _metric_class(name: str) -> type[Metric]:
    found: type[Metric] = registry.load(registry.get("metrics", name).target)
    return found


def _dataset(name: str, preprocessing: ImagePreprocessing, data: str | None, limit: int | None) -> Dataset:
    entry = registry.get("datasets", name)
    dataset: Dataset = registry.load(entry.target)(preprocessing.model_dump(), data=data)
    if limit is None:
        return dataset
    return Limited(dataset, limit)


def _tokenizer(job: Job, settings: Settings, dataset: Dataset) -> Tokenizer:
    """The system, built as the protocol says and fitted on the data set's fit split if it can be."""
    tokenizer = job.system.build(**_stated(job.system, settings))
    if tokenizer.modality != ImageReconstruction.modality:
        raise BenchError(f"{job.system.text} is a tokenizer of {tokenizer.modality}, not of images")
    if type(tokenizer).fit is not Tokenizer.fit:
        fit_split = dataset.fit_split()
        if fit_split is None:
            raise BenchError(f"{job.system.text} has to be fitted, but {dataset.name} has no split to fit on")
        tokenizer.fit(fit_split, job.protocol.seed)
    return tokenizer


def _stated(system: SystemSpec, settings: Settings) -> dict[str, Any]:
    """Arguments of a system that the protocol decides, not the user: how latents are drawn."""
    if "latents" not in inspect.signature(registry.load(system.entry.target)).parameters:
        return {}
    if system.arguments.get("latents", settings.latents) != settings.latents:
        raise BenchError(
            f"{system.text}: the protocol decodes latents by {settings.latents}; choose another with --protocol"
        )
    return {"latents": settings.latents}


def _metrics(
    job: Job, settings: Settings, tokenizer: Tokenizer, device: torch.device
) -> tuple[dict[str, Metric], dict[str, Estimate], FeatureBank]:
    """The metrics that can be measured, estimates that say why the others cannot, the shared features."""
    metrics: dict[str, Metric] = {}
    unavailable: dict[str, Estimate] = {}
    for name, section in settings.metrics.items():
        kind = _metric_class(name)
        files = {weights: job.weights[weights] for weights in kind.weights}
        reasons = [found for found in files.values() if isinstance(found, str)]
        if reasons:
            unavailable |= {
                output: Estimate(
                    value=None, unit=fact.unit, higher_is_better=fact.higher_is_better, unavailable=reasons[0]
                )
                for output, fact in kind.outputs.items()
            }
            continue
        paths = {weights: found for weights, found in files.items() if isinstance(found, Path)}
        metrics[name] = kind(section, tokenizer.codebooks, paths).to(device)
    present = {name: found for name, found in job.weights.items() if isinstance(found, Path)}
    data = job.protocol.dataset
    reference = {
        "dataset": [data.name, data.split, data.fingerprint, data.limit],
        "preprocessing": settings.preprocessing.model_dump(mode="json"),
        "reconstruction": settings.reconstruction.model_dump(mode="json"),
    }
    return metrics, unavailable, FeatureBank(present, job.protocol.weights, device, reference, data.n)


def _record(job: Job, tokenizer: Tokenizer, seen: Seen) -> SystemRecord:
    spec = job.system
    return SystemRecord(
        name=spec.text,
        entry=spec.entry.name,
        target=spec.entry.target,
        modality=tokenizer.modality,
        tokens=seen.tokens,
        arguments=spec.resolved(),
        weights=tokenizer.weights,
        revision=tokenizer.revision,
        source=spec.entry.source,
        licence=spec.entry.licence,
    )


def _refuse_nan(estimates: dict[str, Estimate]) -> None:
    for name, estimate in estimates.items():
        for number in (estimate.value, estimate.stderr, *(estimate.interval or ())):
            if number is not None and not math.isfinite(number):
                raise SystemFailure(f"{name} came out as {estimate.value} ± {estimate.stderr}")


def _reasons(seen: Seen) -> str:
    first = next(iter(seen.skipped.items()), ("", "the data set is empty"))
    return ": ".join(first)
