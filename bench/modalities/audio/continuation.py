"""Continuations of audio: a probe continues the beginning of each clip, and the continuation is judged by itself.

The tokens of a prompt are the first ones that the tokenizer made of the whole clip; the probe draws those after them,
and the tokenizer decodes both as one clip, of which the part after the prompt is judged. So is the same part of the
clip itself, decoded from its own tokens: what the tokenizer alone costs. The difference is the model's. An encoder that
looks ahead reveals, in the last tokens of a prompt, what comes after it, as it does in any use of such tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from pydantic import Field

from bench.backbones.base import Backbone
from bench.backbones.sampling import SamplingSettings
from bench.contracts.stats import Estimate
from bench.contracts.tokens import Tokens
from bench.errors import Unavailable
from bench.learning.sampling_costs import Stopwatch, Timing, bytes_of
from bench.learning.study import Study
from bench.measuring.copies import show
from bench.measuring.metric_sets import build_metrics, open_pool
from bench.metrics.base import Batch
from bench.modalities.audio.batch import Audio
from bench.modalities.audio.signal import AudioFinish

UNPAIRED = Estimate(value=None, unavailable="the metric gave no values clip by clip", broken=True)


class ContinuationSettings(SamplingSettings):
    """Settings of continuations: their prompts, their length and how they are drawn."""

    prompt_seconds: float = Field(default=2.0, gt=0, description="beginning of each clip that the probe is given")
    seconds: float = Field(default=2.0, gt=0, description="of the continuation; clips too short for both are left out")
    finish: AudioFinish = Field(default=AudioFinish(), description="what happens to audio before it is judged")


@dataclass(frozen=True)
class Excerpts:
    """The clips that are long enough for prompt and continuation, and where these end.

    Attributes:
        numbers: numbers of the clips among the evaluated samples.
        positions: positions of the prompt, and of prompt and continuation together.
        samples: audio samples of the prompt, and of prompt and continuation together.
        note: how many clips were left out.
    """

    numbers: list[int]
    positions: tuple[int, int]
    samples: tuple[int, int]
    note: str

    @classmethod
    def of(cls, study: Study, choice: ContinuationSettings) -> Excerpts:
        """The excerpts of the evaluated clips.

        Raises:
            Unavailable: no clip is long enough, or they are longer than the context of the probe.
        """
        evaluated = study.evaluated
        total = choice.prompt_seconds + choice.seconds
        # Durations are whole samples by a rate, so half a millionth of a second is rounding.
        long = [number for number, seconds in enumerate(evaluated.amounts) if seconds > total - 5e-7]
        if not long:
            raise Unavailable(
                f"none of the {len(evaluated.amounts)} clips has the {total:g} s of prompt and continuation",
                "shorten continuation.prompt_seconds or continuation.seconds in the protocol",
            )
        first = study.dataset.load(evaluated.indices[long[0]])
        samples = round(choice.prompt_seconds * first.rate), round(total * first.rate)
        prompted, whole = (_positions(study, Audio.of([first.signal[:, :count]], first.rate)) for count in samples)
        if not 0 < prompted < whole:
            raise Unavailable(
                f"{choice.prompt_seconds:g} s are {prompted} positions and {total:g} s are {whole}: nothing to "
                "continue, or to continue from",
                "lengthen continuation.prompt_seconds and continuation.seconds in the protocol",
            )
        if whole > study.settings.probe.context:
            raise Unavailable(
                f"prompt and continuation are {whole} positions, but the probe sees {study.settings.probe.context}",
                "choose a tokenizer with fewer positions per second, or a longer probe.context in the protocol",
            )
        numbers = [number for number in long if len(evaluated.corpus.samples[number][0]) >= whole]
        if not numbers:
            raise Unavailable(f"no clip of {total:g} s has the {whole} positions that the tokenizer makes of its cut")
        left, clips = len(evaluated.amounts) - len(numbers), len(evaluated.amounts)
        note = f"{left} of {clips} clips, shorter than {total:g} s, left out" if left else ""
        return cls(numbers, (prompted, whole), (samples[0], samples[1]), note)


@dataclass
class Judged:
    """The judged continuations.

    Attributes:
        drawn: values of the continuations by output of the metrics, ``[trainings, clips]``.
        real: values of the clips' own continuations through the tokenizer, by output, ``[clips]``.
        reasons: why continuations, and the clips' own, have no value, by output.
        unavailable: outputs that could not be measured, with the reason.
        timings: timings of each batch of each training.
    """

    drawn: dict[str, np.ndarray]
    real: dict[str, np.ndarray]
    reasons: dict[str, tuple[str, str]]
    unavailable: dict[str, Estimate]
    timings: list[Timing]


def judge(
    study: Study, backbones: Sequence[Backbone], names: Sequence[str], excerpts: Excerpts, choice: ContinuationSettings
) -> Judged:
    """Continue every excerpt once with every backbone; the metrics see it with the original's beginning as reference.

    What a clip becomes depends on the seed, the training and its number, not on the batches.

    Args:
        names: names of the metrics.
    """
    sections = {name: section for name, section in study.job.protocol.sections.items() if name in names}
    prompted, whole = excerpts.positions
    with ExitStack() as closing:
        pool = open_pool(sections, study.job, closing)
        alone = pool.paused if pool and study.device.type == "cpu" else nullcontext
        sets = [
            build_metrics(study.job, sections, study.tokenizer.codebooks, study.device, pool)
            for _ in range(len(backbones) + 1)
        ]
        watches = [Stopwatch(study.device, bytes_of(backbone)) for backbone in backbones]
        for first, numbers in _batches(excerpts.numbers, study.job.options.batch_size):
            prompts = _prompts(study, numbers, excerpts.samples[0])
            decode = partial(_decoded, study, prompts, excerpts)
            versions = [(tokens := _tokens(study, numbers, whole), decode(tokens))]
            for training, (backbone, watch) in enumerate(zip(backbones, watches, strict=True)):
                seed = study.job.protocol.seed + training
                draw = partial(
                    backbone.extend,
                    _tokens(study, numbers, prompted),
                    whole - prompted,
                    seed,
                    study.evaluated.corpus.conditions(numbers),
                    choice.sampling,
                    first=first,
                )
                with alone():
                    versions.append(watch(draw, decode, given=len(numbers) * prompted * len(tokens.codes)))
            for metrics, (tokens, ends) in zip(sets, versions, strict=True):
                batch = Batch(
                    index=torch.tensor(numbers),
                    group=torch.tensor([study.evaluated.seen.groups[number] for number in numbers]),
                    reference=choice.finish(prompts),
                    reconstruction=choice.finish(ends),
                    tokens=tokens,
                    ids=tuple(study.evaluated.seen.ids[number] for number in numbers),
                )
                show(metrics, batch)
            study.report("continuing", first + len(numbers), len(excerpts.numbers))
        outcomes = [metrics.outcome(len(excerpts.numbers)) for metrics in sets]
    (originals, real), *continuations = outcomes
    # An output without a column in one of the sets cannot be compared clip by clip.
    judged = [name for name in real if name in originals and all(name in columns for _, columns in continuations)]
    return Judged(
        drawn={name: np.array([columns[name] for _, columns in continuations]) for name in judged},
        real={name: np.array(real[name]) for name in judged},
        reasons={
            name: (
                "; ".join(
                    dict.fromkeys(estimates[name].note for estimates, _ in continuations if estimates[name].note)
                ),
                originals[name].note,
            )
            for name in judged
        },
        unavailable={
            name: next(
                (estimates[name] for estimates, _ in outcomes if name in estimates and estimates[name].value is None),
                UNPAIRED,
            )
            for name in dict.fromkeys(name for estimates, _ in outcomes for name in estimates)
            if name not in judged
        },
        timings=[timing for watch in watches for timing in watch.timings],
    )


def _positions(study: Study, clip: Audio) -> int:
    """Number of positions that the tokenizer makes of a clip."""
    with torch.no_grad():
        tokens = study.tokenizer.encode(clip.like(clip.samples.to(study.device)))
    return int(tokens.positions(0)[0])


def _tokens(study: Study, numbers: Sequence[int], positions: int) -> Tokens:
    """The first positions of some evaluated clips."""
    samples = [study.evaluated.corpus.samples[number] for number in numbers]
    levels = zip(*samples, strict=True)
    return Tokens(codes=tuple(torch.stack([clip[:positions] for clip in level]) for level in levels))


def _prompts(study: Study, numbers: Sequence[int], samples: int) -> Audio:
    """The beginnings of the clips as they were recorded."""
    clips = [study.dataset.load(study.evaluated.indices[number]) for number in numbers]
    return Audio.of([clip.signal[:, :samples] for clip in clips], clips[0].rate)


def _decoded(study: Study, prompts: Audio, excerpts: Excerpts, tokens: Tokens) -> Audio:
    """What comes after the prompts once the tokens of both are decoded as one clip."""
    prompted, whole = excerpts.samples
    count, channels = prompts.samples.shape[:2]
    clips = Tokens(
        codes=tuple(level.to(study.device, copy=True) for level in tokens.codes),
        signal_shape=(channels, whole),
        signal_rate=prompts.rate,
        signal_lengths=torch.full((count,), whole),
    )
    with torch.no_grad():
        samples = study.tokenizer.decode(clips).samples
    # A copy, because what is decoded next may be written to the same memory.
    return Audio(samples[..., prompted:].to("cpu", copy=True), prompts.rate, torch.full((count,), whole - prompted))


def _batches(numbers: Sequence[int], size: int) -> Iterator[tuple[int, Sequence[int]]]:
    """Batches of numbers, with how many there were before."""
    for first in range(0, len(numbers), size):
        yield first, numbers[first : first + size]
