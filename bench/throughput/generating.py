"""The sweep of a backbone: how fast it draws tokens, with and without its cache of keys and values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from bench.backbones.base import Backbone
from bench.backbones.build import build, paradigm_of
from bench.backbones.pretrained.base import PretrainedBackbone
from bench.contracts.sweep import SweepRow
from bench.contracts.task import Report
from bench.contracts.tokens import TokenError, Tokens
from bench.errors import BenchError
from bench.metrics.base import ENCODES_ONLY
from bench.throughput.clock import clock_of
from bench.throughput.settings import Dtype, ProbeShape, SweepSettings
from bench.throughput.state import flags
from bench.throughput.timing import Step, Timing, timed
from bench.throughput.tokenizing import PHASE, TokenizerSweep, speeds, torch_dtype
from bench.throughput.usage import NO_TF32, Usage, free, left_out, trouble

FIRST, DRAWN = 1, 2
"""Parts of a timed call up to the first token, and up to the last; the rest is decoding."""


class Drawer(ABC):
    """Draws tokens from a backbone and decodes them."""

    backbone: Backbone | PretrainedBackbone

    @abstractmethod
    def draw(self, n: int) -> Tokens:
        """Tokens of ``n`` new samples."""

    @abstractmethod
    def decode(self, tokens: Tokens) -> object:
        """The signals of these tokens."""


@dataclass
class PretrainedDrawer(Drawer):
    """Draws from a pretrained backbone as its publisher samples, after one text for all samples if it takes texts."""

    backbone: PretrainedBackbone
    settings: SweepSettings

    def draw(self, n: int) -> Tokens:
        texts = [self.settings.prompt] * n if self.backbone.wants == "text" else None
        return self.backbone.generate(n, self.settings.seed, texts)

    def decode(self, tokens: Tokens) -> object:
        return self.backbone.decode(tokens)


@dataclass
class ProbeDrawer(Drawer):
    """Draws from a probe of a tokenizer's tokens."""

    backbone: Backbone
    decoder: Callable[[Tokens], Any]
    settings: SweepSettings

    def draw(self, n: int) -> Tokens:
        return self.backbone.generate(n, self.settings.seed)

    def decode(self, tokens: Tokens) -> object:
        return self.decoder(tokens)


def probe_of(sweep: TokenizerSweep, shape: ProbeShape) -> ProbeDrawer:
    """An untrained probe of the tokens that a swept tokenizer made of its first sample.

    Raises:
        BenchError: the tokenizer made no tokens or does not decode, or backbones do not model its tokens.
    """
    if not sweep.tokenizer.decodes:
        raise BenchError(ENCODES_ONLY)
    try:
        structure = sweep.structure()
    except TokenError as reason:
        raise BenchError(str(reason)) from reason
    torch.manual_seed(sweep.settings.seed)
    paradigm = paradigm_of(structure) if shape.paradigm == "auto" else shape.paradigm
    probe = build(paradigm, structure, shape.size).to(sweep.device).eval()
    tokenizer = sweep.placed(torch.float32)
    return ProbeDrawer(probe, tokenizer.decode, sweep.settings)


@dataclass
class BackboneSweep:
    """Sweeps one backbone.

    Args:
        make: the drawer in a dtype, on the device.
        settings: the sweep, with everything filled in.
        device: the device to measure on.
        usage: measures memory and energy.
        report: called with the progress.
        size: size of what is drawn; None where it does not come in sizes.

    Attributes:
        rows: what was measured, in order.
        drawer: the drawer that was made last; None where none could be made.
    """

    make: Callable[[torch.dtype], Drawer]
    settings: SweepSettings
    device: torch.device
    usage: Usage
    report: Report
    size: float | None = None
    rows: list[SweepRow] = field(default_factory=list)
    drawer: Drawer | None = None

    def run(self) -> None:
        """Measure every setting."""
        for dtype in self.settings.dtypes or ():
            self.drawer = None
            free(self.device)
            row = SweepRow(part="generate", dtype=dtype, batch=(self.settings.batch_sizes or (1,))[0], size=self.size)
            if dtype == "tf32" and self.device.type != "cuda":
                self.rows.append(left_out(row, NO_TF32))
                continue
            with flags(dtype == "tf32", self.settings.cudnn):
                self._of_dtype(row, dtype)

    def _of_dtype(self, row: SweepRow, dtype: Dtype) -> None:
        self.usage.forget()
        try:
            self.drawer = drawer = self.make(torch_dtype(dtype))
        except BenchError as reason:
            self.rows.append(left_out(row, reason.cause))
            return
        except Exception as error:
            self.rows.append(trouble(row, error))
            return
        self.usage.loaded()
        keeps = drawer.backbone.cached is not None
        for cached in self.settings.cached if keeps else (None,):
            if cached is not None:
                drawer.backbone.cached = cached
            for number, batch in enumerate(self.settings.batch_sizes or ()):
                self.report(PHASE, number, len(self.settings.batch_sizes or ()))
                here = row.model_copy(update={"batch": batch, "cached": cached})
                try:
                    with torch.inference_mode():
                        self.rows.append(self._row(here, drawer))
                except Exception as error:
                    self.rows.append(trouble(here, error))
                    break
                finally:
                    free(self.device)

    def _row(self, row: SweepRow, drawer: Drawer) -> SweepRow:
        assert self.settings.pace is not None
        drawn: list[Tokens] = []

        def call(step: Step) -> None:
            steps = _Steps(step)
            drawer.backbone.stepped = steps
            tokens = drawer.draw(row.batch)
            drawer.backbone.stepped = _unheard
            steps.end()
            drawer.decode(tokens)
            drawn[:] = [tokens]

        def untimed() -> None:
            call(_unheard)

        timing = timed(call, clock_of(self.device), self.settings.pace)
        counts = drawn[0].counts
        memory = self.usage.memory(untimed)
        energy = self.usage.energy(untimed, float(timing.totals.mean()), row.batch)
        first = float(np.median(timing.seconds[:, :FIRST].sum(1)))
        drawing = Timing(timing.seconds[:, :DRAWN], timing.warm_up, timing.steady)
        tokens = None if counts is None else drawing.rate(float(counts.sum())).value
        return row.model_copy(
            update={
                **speeds(timing, row.batch),
                **memory,
                **energy,
                "tokens_per_second": tokens,
                "first_token_ms": 1000 * first,
            }
        )


@dataclass
class _Steps:
    """Passes the first step of a draw on, and its end."""

    step: Step
    first: bool = True

    def __call__(self) -> None:
        if self.first:
            self.step()
        self.first = False

    def end(self) -> None:
        """Mark the end of the draw, which is its first step where it has no others."""
        self()
        self.step()


def _unheard() -> None:
    """A step that is not timed."""
