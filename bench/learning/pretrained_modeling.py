"""Token modeling by a pretrained backbone: its likelihood of held-out samples, in tokens of its own tokenizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.backbones.pretrained.base import PretrainedBackbone
from bench.contracts.protocol import Protocol
from bench.contracts.results import CodebookRecord
from bench.contracts.system import BackboneSpec
from bench.contracts.task import Job, Measurement, Report
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError
from bench.learning.likelihood import Likelihood
from bench.learning.prompts import fingerprint, read_prompts
from bench.learning.tokenized import Tokenized
from bench.measuring.metric_sets import build_metrics
from bench.measuring.records import dataset_record
from bench.modalities.signal import SystemFailure

if TYPE_CHECKING:
    from bench.measuring.dataset_task import DatasetTask
    from bench.values import Value


class ConditionSettings(BaseModel):
    """The conditions that pretrained backbones are given with the samples; a probe is given none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    condition: str | None = Field(
        default=None, description="one text for all samples; null: none, for backbones that were also trained without"
    )
    prompts: int = Field(default=0, description="number of texts, one per sample (--prompts)")
    prompts_sha256: str = Field(default="", description="sha256 of these texts")


class OtherSizeError(ValueError):
    """A sample has another size than the backbone is set to."""


def with_texts(protocol: Protocol, file: str | None) -> Protocol:
    """The protocol with the number and the hash of the texts in a file of ``--prompts``.

    Raises:
        BenchError: the file cannot be read.
    """
    texts = read_prompts(file) if file else []
    given = {"prompts": len(texts), "prompts_sha256": fingerprint(texts) if texts else ""}
    return protocol.model_copy(update={"settings": {**protocol.settings, **given}})


def check_conditions(task: DatasetTask, protocol: Protocol, system: BackboneSpec) -> None:
    """Raise BenchError if a backbone is not of the task's modality, or needs other conditions; imports its class."""
    kind = system.pretrained(task.name, task.modality)
    condition, prompts, n = protocol.settings["condition"], protocol.settings["prompts"], protocol.dataset.n
    if prompts and condition is not None:
        raise BenchError(
            f"protocol {protocol.preset} sets a condition for all samples; leave out either it or --prompts"
        )
    if prompts and prompts != n:
        raise BenchError(
            f"--prompts: {prompts} texts for {n} samples of {protocol.dataset.name}; {task.name} takes one text per "
            "sample, in the data set's order"
        )
    if not prompts and condition is None and not kind.unconditional:
        raise BenchError(
            f"{system.text} needs a text with each sample: set condition: TEXT, one for all samples, in a "
            "--protocol file, or give --prompts FILE, one text per sample"
        )


def measure_pretrained(task: DatasetTask, bits: tuple[Value, float], job: Job, report: Report) -> Measurement:
    """Measure a cell whose system is a pretrained backbone; nothing is trained.

    Args:
        bits: the line of the likelihood in bits per amount of signal, and the number of bits in its unit.
    """
    assert isinstance(job.system, BackboneSpec)
    protocol, device = job.protocol, torch.device(job.options.device)
    settings = task.choices(**protocol.settings)
    dataset = task.opened(job, settings)
    texts = _texts(job)
    report("preparing", 0, len(dataset))
    backbone = job.system.backbone().to(device, getattr(torch, protocol.dtype))
    metrics = build_metrics(job, protocol.sections, backbone.codebooks, device)
    tokenized = Tokenized(job, dataset, task.signals(settings), metrics, report)
    nats, counts = _likelihoods(tokenized, backbone, texts)
    seen = tokenized.seen
    likelihood = Likelihood(
        nats[None],
        counts,
        np.array(tokenized.amounts),
        np.array(seen.groups),
        _note(backbone, protocol.settings, tokenized.amounts),
    )
    return Measurement(
        system=job.system.record(
            modality=backbone.modality,
            tokens=job.system.kind,
            weights=backbone.weights,
            revision=backbone.revision,
        ),
        codebooks=[CodebookRecord(**vars(book)) for book in backbone.codebooks],
        dataset=dataset_record(protocol, dataset, seen),
        metrics=metrics.estimates() | likelihood.estimates(*bits),
        samples={"id": seen.ids, "group": seen.groups, **likelihood.columns(*bits)},
        warnings=seen.warnings(),
    )


def _texts(job: Job) -> Sequence[str] | None:
    """The condition of each sample of the data set; None where there are none."""
    chosen, n = job.protocol.settings, job.protocol.dataset.n
    if not chosen["prompts"]:
        return None if chosen["condition"] is None else [chosen["condition"]] * n
    texts = read_prompts(job.options.prompts or "")
    if fingerprint(texts) != chosen["prompts_sha256"]:
        raise BenchError(f"--prompts {job.options.prompts}: changed since the run was planned; run it again")
    return texts


def _likelihoods(
    tokenized: Tokenized, backbone: PretrainedBackbone, texts: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray]:
    """The negative log-likelihood in nats and the number of tokens of each sample, both float64 ``[samples]``."""

    def attempt(signal: Any, indices: list[int]) -> tuple[Tokens, torch.Tensor]:
        tokens = backbone.encode(signal)
        tokens.check(backbone.codebooks)
        _check_size(backbone, tokens, tokenized)
        conditions = None if texts is None else [texts[index] for index in indices]
        nats = -backbone.log_likelihood(tokens, conditions)
        if not bool(torch.isfinite(nats).all()):
            names = (tokenized.dataset.id(index) for index in indices)
            wrong = [name for name, good in zip(names, torch.isfinite(nats).tolist(), strict=True) if not good]
            raise SystemFailure(f"NaN or infinity in the likelihood of {', '.join(wrong)}")
        return tokens, nats

    nats, counts = [], []
    for _, tokens, part in tokenized.stream("measuring", backbone, backbone.tokenizer.equal_lengths, attempt):
        assert tokens.counts is not None
        nats.append(part)
        counts.append(tokens.counts.double())
    return torch.cat(nats).numpy(), torch.cat(counts).numpy()


def _check_size(backbone: PretrainedBackbone, tokens: Tokens, tokenized: Tokenized) -> None:
    try:
        backbone.check_size(tokens)
    except TokenError as error:
        if len(tokens.signal_shape) != 3:
            raise
        (_, height, width), (_, high, wide) = tokens.signal_shape, backbone.structure.signal_shape
        remedy = f"preprocessing: {{size: {high}}}" if high == wide else "preprocessing: {crop: none} and such images"
        entry = tokenized.job.system.entry.name
        raise OtherSizeError(
            f"{width}x{height} pixels, but {entry} is set to {wide}x{high} ({error}); set {remedy} in a --protocol "
            f"file, or the backbone's own size where it takes one (bench show {entry})"
        ) from error


def _note(backbone: PretrainedBackbone, chosen: Mapping[str, Any], amounts: Sequence[float]) -> str:
    """A note on the model, its conditions and its likelihood."""
    given = "without condition"
    if chosen["prompts"]:
        given = "each sample after a text of its own"
    elif chosen["condition"] is not None:
        given = f"every sample after the text {chosen['condition']!r}"
    parts = ["pretrained model, trained by its authors", given, backbone.bound]
    if backbone.structure.signal_rate:
        window = backbone.structure.signal_shape[-1] / backbone.structure.signal_rate
        # A difference of one sample may be due to resampling.
        if long := sum(seconds > window + 1e-3 for seconds in amounts):
            parts.append(f"{long} of {len(amounts)} clips are longer than the {window:g} s that it is set to")
    return "; ".join(filter(None, parts))
