"""The sweep of a tokenizer: encode and decode at every setting."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import Any

import torch

from bench.backbones.base import Structure
from bench.contracts.sweep import Part, SweepRow
from bench.contracts.task import Report
from bench.datasets.base import Sample
from bench.errors import BenchError
from bench.measuring.copies import owned
from bench.modalities.signal import Signal
from bench.throughput.clock import clock_of
from bench.throughput.peaks import peak_flops
from bench.throughput.quality import Passed, passed, quality
from bench.throughput.settings import Dtype, SweepSettings
from bench.throughput.size import flops_of, modules_of
from bench.throughput.state import flags
from bench.throughput.timing import Timing, timed
from bench.throughput.usage import NO_TF32, Usage, free, left_out, trouble
from bench.tokenizers.base import Tokenizer

PHASE = "measuring"
NO_MODULES = "it holds no torch modules to compile"
NO_FLOPS = "torch counts no operations of it: it computes outside of torch, or element by element"


def torch_dtype(dtype: Dtype) -> torch.dtype:
    """The dtype of a model's tensors under a setting."""
    kind: torch.dtype = torch.float32 if dtype == "tf32" else getattr(torch, dtype)
    return kind


@dataclass
class TokenizerSweep:
    """Sweeps one tokenizer.

    Args:
        build: builds the tokenizer in float32 on the processor, fitted if it has to be.
        samples: samples that batches are made of, repeated where there are fewer.
        signals: how the modality handles its signals.
        settings: the sweep, with everything filled in.
        device: the device to measure on.
        usage: measures memory and energy.
        report: called with the progress.

    Attributes:
        rows: what was measured, in order.
        tokenizer: the tokenizer, on the processor.
        tokens: kind of its tokens; empty where none were made.
    """

    build: Callable[[], Tokenizer]
    samples: Sequence[Sample]
    signals: Signal
    settings: SweepSettings
    device: torch.device
    usage: Usage
    report: Report
    rows: list[SweepRow] = field(default_factory=list)
    tokens: str = ""

    def __post_init__(self) -> None:
        self.usage.forget()
        self.tokenizer = self.build()
        settings = self.settings
        self.sizes: tuple[float | None, ...] = settings.sizes or (None,)
        self._exact: dict[float | None, list[Passed]] = {}
        self._sized: dict[tuple[str, float | None], Sample] = {}
        self._flops: dict[tuple[Part, float | None], int] = {}
        self._total = len(settings.dtypes or ()) * len(self.sizes) * len(settings.compile or ())
        self._total *= len(settings.batch_sizes or ())
        self._clock = clock_of(self.device)
        cuda = self.device.type == "cuda"
        self._name = torch.cuda.get_device_properties(self.device).name if cuda else ""
        self._computes_there = False

    def run(self) -> None:
        """Measure every setting."""
        wanted = list(self.settings.dtypes or ())
        # First of all float32, which the others are compared with.
        for dtype in sorted(dict.fromkeys(["float32", *wanted]), key=lambda name: name != "float32"):
            self._of_dtype(dtype, dtype in wanted)  # type: ignore[arg-type]

    def _of_dtype(self, dtype: Dtype, wanted: bool) -> None:
        row = SweepRow(part="encode", dtype=dtype, batch=(self.settings.batch_sizes or (1,))[0], size=self.sizes[0])
        if dtype == "tf32" and self.device.type != "cuda":
            self.rows.append(left_out(row, NO_TF32))
            return
        with flags(dtype == "tf32", self.settings.cudnn):
            try:
                placed = self.placed(torch_dtype(dtype))
            except BenchError as reason:
                self.rows.append(left_out(row, reason.cause))
                return
            except Exception as error:
                self.rows.append(trouble(row, error))
                return
            for size in self.sizes:
                if dtype == "float32":
                    self._compute_exactly(placed, size)
                for compiled in (self.settings.compile or ()) if wanted else ():
                    if compiled and not modules_of(placed):
                        self.rows.append(left_out(row.model_copy(update={"compiled": True, "size": size}), NO_MODULES))
                        continue
                    self._of_setting(placed, row.model_copy(update={"compiled": compiled, "size": size}))
            del placed
        free(self.device)

    def placed(self, dtype: torch.dtype) -> Tokenizer:
        """The tokenizer on the device in a dtype; the one on the processor keeps its exact weights."""
        if dtype == torch.float32 and self.device.type == "cpu":
            placed = self.tokenizer
        else:
            self.usage.forget()
            try:
                placed = copy.deepcopy(self.tokenizer)
            except Exception:  # what it holds cannot be copied, such as a handle of a library
                placed = self.build()
        placed.to(self.device, dtype)
        tensors = (one for module in modules_of(placed) for one in module.parameters())
        self._computes_there = any(tensor.device.type == self.device.type for tensor in tensors)
        self.usage.loaded()
        return placed

    def structure(self) -> Structure:
        """The structure of the tokens of a sample of the first size.

        Raises:
            BenchError: none could be made.
            TokenError: backbones do not model such tokens.
        """
        if not self._exact.get(self.sizes[0]):
            raise BenchError("no tokens could be made in float32")
        return Structure.of(self._exact[self.sizes[0]][0].tokens, self.tokenizer.codebooks)

    def _compute_exactly(self, tokenizer: Tokenizer, size: float | None) -> None:
        """What float32 makes of each sample, and the operations of a sample; nothing where it fails, as a row will."""
        try:
            decode = tokenizer.decode if tokenizer.decodes else None
            self._exact[size] = [passed(tokenizer.encode, decode, one, self.signals) for one in self._singles(size)]
            self.tokens = self._exact[size][0].tokens.kind
            one, tokens = self._batch(1, size), self._exact[size][0].tokens
            self._flops["encode", size] = flops_of(lambda: tokenizer.encode(owned(one)))
            if decode:
                self._flops["decode", size] = flops_of(lambda: tokenizer.decode(owned(tokens)))
        except Exception:
            free(self.device)

    def _of_setting(self, tokenizer: Tokenizer, row: SweepRow) -> None:
        """Every batch size at one setting; a part that fails at one batch size is not tried at larger ones."""
        encode, decode = _compiled(tokenizer) if row.compiled else (tokenizer.encode, tokenizer.decode)
        with _without_gradients(row.compiled):
            results = self._quality(encode, decode if tokenizer.decodes else None, row)
        decodes = tokenizer.decodes
        for batch in self.settings.batch_sizes or ():
            self.report(PHASE, min(len(self.rows) // 2, self._total), self._total)
            here = row.model_copy(update={"batch": batch})
            signal: Any = None
            tokens: Any = None
            with _without_gradients(row.compiled):
                try:
                    signal = self._batch(batch, row.size)
                    self.rows.append(self._row(here, partial(encode, signal), results))
                    tokens = owned(encode(signal)) if decodes else None
                except Exception as error:
                    self.rows.append(trouble(here, error))
                    break  # nothing larger can be encoded, so there are no tokens to decode
                finally:
                    signal = None
                    free(self.device)
                if decodes:
                    there = here.model_copy(update={"part": "decode"})
                    try:
                        self.rows.append(self._row(there, partial(decode, tokens), results))
                    except Exception as error:
                        self.rows.append(trouble(there, error))
                        decodes = False
            tokens = None
            free(self.device)

    def _row(self, row: SweepRow, call: Callable[[], object], results: Mapping[str, Any]) -> SweepRow:
        """A row, measured."""
        assert self.settings.pace is not None
        timing = timed(lambda _: call(), self._clock, self.settings.pace)
        memory = self.usage.memory(call)
        energy = self.usage.energy(call, float(timing.totals.mean()), row.batch)
        arithmetic = self._arithmetic(row, timing)
        return row.model_copy(update={**speeds(timing, row.batch), **memory, **energy, **arithmetic, **results})

    def _arithmetic(self, row: SweepRow, timing: Timing) -> dict[str, float]:
        flops = self._flops.get((row.part, row.size))
        if not flops:
            return {}
        peak, _ = peak_flops(self._name, row.dtype)
        used = (
            {}
            if peak is None or not self._computes_there
            else {"mfu": flops * row.batch / float(timing.totals.mean()) / peak}
        )
        return {"gflops_per_sample": flops / 1e9, **used}

    def _quality(
        self, encode: Callable[[Any], Any], decode: Callable[[Any], Any] | None, row: SweepRow
    ) -> dict[str, Any]:
        """The mean quality of the samples, each passed alone; nothing where that fails, as a row will."""
        exact = self._exact.get(row.size)
        itself = row.dtype == "float32" and not row.compiled
        try:
            columns = []
            for number, one in enumerate(self._singles(row.size)):
                known = exact[number] if exact else None
                now = known if known and itself else passed(encode, decode, one, self.signals)
                columns.append(quality(now, known, one, self.signals))
        except Exception:
            free(self.device)
            return {}
        broken = next((each["broken"] for each in columns if each["broken"]), "")
        names = {name for each in columns for name in each} - {"broken"}
        # One broken sample is enough to break a setting.
        means = {name: fmean(each[name] for each in columns) for name in names if all(name in each for each in columns)}
        return {**means, "broken": broken}

    def _singles(self, size: float | None) -> Iterator[Any]:
        for sample in self.samples:
            yield self._collated([sample], size)

    def _batch(self, batch: int, size: float | None) -> Any:
        return self._collated([self.samples[place % len(self.samples)] for place in range(batch)], size)

    def _collated(self, samples: Sequence[Sample], size: float | None) -> Any:
        for sample in samples:
            if (sample.id, size) not in self._sized:
                self._sized[sample.id, size] = sample if size is None else self.signals.sized(sample, size)
        return self.signals.collate([self._sized[sample.id, size] for sample in samples], self.device)


def speeds(timing: Timing, batch: int) -> dict[str, Any]:
    """Columns of ``SweepRow`` of a timing: rate, latencies, and how it was timed."""
    rate = timing.rate(batch)
    low, high = rate.interval or (None, None)
    p50, p90, p99 = (1000 * seconds for seconds in timing.percentiles())
    return {
        "warm_up": timing.warm_up,
        "iterations": len(timing.totals),
        "steady": timing.steady,
        "samples_per_second": rate.value,
        "stderr": rate.stderr,
        "low": None if low is None else max(0.0, low),
        "high": high,
        "latency_p50_ms": p50,
        "latency_p90_ms": p90,
        "latency_p99_ms": p99,
    }


def _compiled(tokenizer: Tokenizer) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Encode and decode compiled anew, so that shapes of another setting do not count as seen."""
    torch.compiler.reset()
    return torch.compile(tokenizer.encode), torch.compile(tokenizer.decode)


@contextmanager
def _without_gradients(compiled: bool) -> Iterator[None]:
    """Inference mode, but for compiled code, which mixes tensors made in it with others."""
    with torch.no_grad() if compiled else torch.inference_mode():
        yield
