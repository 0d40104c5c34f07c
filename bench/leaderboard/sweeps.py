"""The rows of a sweep as text, for people: columns that hold something, and a remark where a row needs one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.contracts.sweep import Sweep, SweepRow
from bench.leaderboard.digits import significant
from bench.leaderboard.reasons import clean

DIGITS = 4
DASH = "–"


@dataclass(frozen=True)
class SweepTable:
    """A sweep as people read it.

    Attributes:
        titles: titles of the columns, with their units.
        rows: the texts of each row, in the order of the titles.
        texts: positions of the columns that hold words rather than numbers.
        remarks: sentences below the table: what has no value on this machine, and the state of the device.
    """

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: frozenset[int]
    remarks: tuple[str, ...]


def _number(field: str, scale: float = 1.0) -> Callable[[SweepRow], str]:
    def text(row: SweepRow) -> str:
        value = getattr(row, field)
        return "" if value is None else significant(value * scale, DIGITS)

    return text


def _interval(row: SweepRow) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"{significant(row.low, DIGITS)} to {significant(row.high, DIGITS)}"


def _remark(row: SweepRow) -> str:
    words = [": ".join(filter(None, (row.outcome, row.reason)))] if row.outcome != "measured" else []
    words += [f"broken: {row.broken}"] if row.broken else []
    words += ["not steady"] if row.steady is False else []
    return clean("; ".join(words))


WORDS: dict[str, Callable[[SweepRow], str]] = {
    "Part": lambda row: row.part,
    "Dtype": lambda row: clean(row.dtype),
    "Compiled": lambda row: "yes" if row.compiled else "no",
    "Cache": lambda row: {True: "yes", False: "no", None: ""}[row.cached],
}
SETTINGS = {"Size": _number("size"), "Batch": lambda row: str(row.batch)}
NUMBERS: dict[str, Callable[[SweepRow], str]] = {
    "Rate (sample/s)": _number("samples_per_second"),
    "95% interval": _interval,
    "Drawing (token/s)": _number("tokens_per_second"),
    "First token (ms)": _number("first_token_ms"),
    "p50 (ms)": _number("latency_p50_ms"),
    "p90 (ms)": _number("latency_p90_ms"),
    "p99 (ms)": _number("latency_p99_ms"),
    "Calls": _number("iterations"),
    "GFLOP/sample": _number("gflops_per_sample"),
    "MFU (%)": _number("mfu", 100),
    "Allocated (MiB)": _number("allocated_mib"),
    "Reserved (MiB)": _number("reserved_mib"),
    "Process (MiB)": _number("process_mib"),
    "Device (MiB)": _number("device_mib"),
    "Energy (J/sample)": _number("joules_per_sample"),
    "PSNR (dB)": _number("psnr"),
    "Equal codes (%)": _number("code_agreement", 100),
    "Latents apart (%)": _number("latents_rms", 100),
}
TITLES = {
    "mfu": "MFU",
    "allocated_mib": "Allocated",
    "reserved_mib": "Reserved",
    "process_mib": "Process",
    "device_mib": "Device",
    "joules_per_sample": "Energy",
}
"""Titles of the columns that a machine may not be able to fill, by field."""


def sweep_table(sweep: Sweep) -> SweepTable:
    """The rows of a sweep; columns without any text are left out."""
    sized = f"Size ({clean(sweep.size_unit)})" if sweep.size_unit else "Size"
    columns = {**WORDS, **{sized if title == "Size" else title: text for title, text in SETTINGS.items()}}
    columns |= {**NUMBERS, "Remark": _remark}
    texts = {title: [text(row) for row in sweep.rows] for title, text in columns.items()}
    if not any(row.compiled for row in sweep.rows):
        del texts["Compiled"]
    shown = {title: column for title, column in texts.items() if any(column)}
    words = {*WORDS, "Remark"}
    return SweepTable(
        titles=tuple(shown),
        rows=tuple(zip(*shown.values(), strict=True)),
        texts=frozenset(place for place, title in enumerate(shown) if title in words),
        remarks=(*_lacking(sweep), *_states(sweep)),
    )


def _lacking(sweep: Sweep) -> list[str]:
    """A sentence per reason why columns have no values."""
    titles: dict[str, list[str]] = {}
    for field, reason in sweep.lacking.items():
        titles.setdefault(reason, []).append(TITLES.get(field, field))
    return [clean(f"No values for {', '.join(names)}: {reason}.") for reason, names in titles.items()]


def _states(sweep: Sweep) -> list[str]:
    """The state of the device before the first row, and what had changed after the last."""
    changed = {name: value for name, value in sweep.after.items() if sweep.before.get(name) != value}
    sentences = [f"Before: {_facts(sweep.before)}."] if sweep.before else []
    return sentences + ([f"After, where it changed: {_facts(changed)}."] if changed else [])


def _facts(state: Mapping[str, Any]) -> str:
    return clean("; ".join(f"{name.replace('_', ' ')} {_fact(value)}" for name, value in state.items()))


def _fact(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(str, value)) or "nothing"
    return {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else str(value)
