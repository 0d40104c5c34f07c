"""The values of a sweep that tables show: those of float32 without torch.compile, at the first size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from bench.contracts.stats import Estimate
from bench.contracts.sweep import SweepRow
from bench.lines.throughput import GENERATION, PARAMETERS, PARTS, PSNR
from bench.metrics.cost import ONE_PASS
from bench.throughput.tokenizing import NO_FLOPS
from bench.values import Value

NOT_MEASURED = "float32 is not among the sweep's dtypes, or compile: false is not"


def tokenizer_values(
    rows: Sequence[SweepRow], samples: int, parameters: int, lacking: Mapping[str, str], encodes_only: str = ""
) -> dict[str, Estimate]:
    """The values of a tokenizer's sweep.

    Args:
        rows: the rows of encode and decode.
        samples: number of samples that the quality is a mean of.
        parameters: number of parameters of its modules.
        lacking: why this machine cannot fill a column, by column.
        encodes_only: why the system does not decode; empty if it does.
    """
    values = {PARAMETERS: _counted(parameters)}
    for part, lines in PARTS.items():
        chosen = _plain(rows, part)
        why = encodes_only if part == "decode" and encodes_only else _why_not(rows, part)
        best, single = _best(chosen, "samples_per_second"), next((row for row in chosen if row.batch == 1), None)
        alone = why if not chosen else "batch size 1 is not in the sweep"
        values |= {
            lines["rate"]: _rate(best, why),
            lines["batch"]: _value(best, "batch", why),
            lines["p50"]: _value(single, "latency_p50_ms", alone, ""),
            lines["p99"]: _value(single, "latency_p99_ms", alone, ""),
            lines["flops"]: _value(best, "gflops_per_sample", NO_FLOPS if best else why, ""),
            lines["mfu"]: _value(best, "mfu", _lack(best, lacking, "mfu", why)),
            **_spent(best, lines, lacking, why),
        }
    first = next((row for row in _plain(rows, "decode")), None)
    why = encodes_only or _why_not(rows, "decode")
    quality = _value(first, "psnr", (first.broken if first else "") or why, "mean of the samples")
    values[PSNR] = quality.model_copy(update={"n": samples})
    return _described(values)


def generation_values(
    rows: Sequence[SweepRow], lacking: Mapping[str, str], parameters: int | None = None
) -> dict[str, Estimate]:
    """The values of a backbone's sweep: with its cache if it has one, and without.

    Args:
        rows: the rows of drawing.
        lacking: why this machine cannot fill a column, by column.
        parameters: number of parameters of its modules; None for a probe, whose tokenizer states its own.
    """
    chosen = _plain(rows, "generate")
    kept, without = ([row for row in chosen if row.cached is not flag] for flag in (False, True))
    why = _why_not(rows, "generate")
    best = _best(kept, "samples_per_second")
    single = next((row for row in kept if row.batch == 1), None)
    quickest = _best(kept, "tokens_per_second")
    uncached = _best([row for row in without if row.cached is False], "tokens_per_second")
    no_cache = why if not chosen or any(row.cached for row in chosen) else "it keeps no keys and values"
    alone = why if not kept else "batch size 1 is not in the sweep"
    return _described(
        {
            **({} if parameters is None else {PARAMETERS: _counted(parameters)}),
            GENERATION["first"]: _value(single, "first_token_ms", alone, ""),
            GENERATION["tokens"]: _value(quickest, "tokens_per_second", why, ""),
            GENERATION["uncached"]: _value(uncached, "tokens_per_second", no_cache, ""),
            GENERATION["rate"]: _rate(best, why),
            GENERATION["batch"]: _value(best, "batch", why),
            **_spent(best, GENERATION, lacking, why),
        }
    )


def _counted(parameters: int) -> Estimate:
    if not parameters:
        return Estimate(value=None, unavailable="it holds no parameters in torch modules")
    return Estimate(value=parameters / 1e6)


def _plain(rows: Sequence[SweepRow], part: str) -> list[SweepRow]:
    """The measured rows of a part in float32, not compiled, at the first size of the sweep."""
    size = rows[0].size if rows else None
    return [
        row
        for row in rows
        if (row.part, row.dtype, row.compiled, row.size, row.outcome) == (part, "float32", False, size, "measured")
    ]


def _why_not(rows: Sequence[SweepRow], part: str) -> str:
    """Why a part has no row in float32: what its first row says, or that the sweep has none."""
    reasons = [
        f"{row.outcome}: {row.reason}" if row.outcome != "left out" else row.reason
        for row in rows
        if (row.dtype, row.compiled) == ("float32", False) and row.part in (part, "encode") and row.reason
    ]
    return reasons[0] if reasons else NOT_MEASURED


def _best(rows: Sequence[SweepRow], column: str) -> SweepRow | None:
    order: Callable[[SweepRow], float] = lambda row: getattr(row, column) or 0.0  # noqa: E731
    return max(rows, key=order, default=None)


def _rate(row: SweepRow | None, why: str) -> Estimate:
    if row is None or row.samples_per_second is None:
        return Estimate(value=None, unavailable=why)
    if row.low is None or row.high is None:
        return Estimate(value=row.samples_per_second, n=row.iterations or 0, method=ONE_PASS)
    return Estimate(
        value=row.samples_per_second,
        stderr=row.stderr,
        interval=(row.low, row.high),
        n=row.iterations or 0,
        method="spread over blocks of calls of this run; another load of the machine is not in it",
    )


def _value(row: SweepRow | None, column: str, why: str, method: str = ONE_PASS) -> Estimate:
    value = None if row is None else getattr(row, column)
    if row is None or value is None:
        return Estimate(value=None, unavailable=why or "not measured")
    return Estimate(value=float(value), method=method, n=row.iterations or 0)


def _lack(row: SweepRow | None, lacking: Mapping[str, str], column: str, why: str) -> str:
    """Why a column has no value in the best row."""
    if row is None:
        return why
    if column == "mfu" and not row.gflops_per_sample:
        return NO_FLOPS
    return lacking.get(column, "it holds no modules on the device" if column == "mfu" else "not measured")


def _spent(
    row: SweepRow | None, lines: Mapping[str, Value], lacking: Mapping[str, str], why: str
) -> dict[Value, Estimate]:
    """Memory and energy at the best batch size."""
    column = "process_mib" if "allocated_mib" in lacking else "allocated_mib"
    return {
        lines["memory"]: _value(row, column, _lack(row, lacking, column, why)),
        lines["energy"]: _value(
            row, "joules_per_sample", _lack(row, lacking, "joules_per_sample", why), "of the whole device"
        ),
    }


def _described(values: Mapping[Value, Estimate]) -> dict[str, Estimate]:
    return {value.name: estimate.described_by(value) for value, estimate in values.items()}
