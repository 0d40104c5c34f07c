"""Which reported numbers a command means, under which presets they are measured, and what prevents some of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import registry
from bench.contracts import spec_text
from bench.contracts.suite import load_preset, shipped
from bench.contracts.system import SystemSpec, parse
from bench.errors import BenchError, UnknownName
from bench.leaderboard.ledger import Row, hindrance
from bench.reported.model import Catalog


@dataclass(frozen=True)
class Batch:
    """Rows that one call of `bench run` measures.

    Attributes:
        task: what measures them; the shipped suite of that name says the rest.
        preset: the protocol preset.
        dataset: registry name of the data set; empty for the modality's folder.
        rows: the rows with their system specs.
    """

    task: str
    preset: str
    dataset: str
    rows: tuple[tuple[Row, str], ...]

    @property
    def specs(self) -> list[str]:
        """The systems, each once."""
        return list(dict.fromkeys(spec for _, spec in self.rows))

    @property
    def data(self) -> dict[str, set[str]]:
        """The data sets that the sources name which its preset follows, each with the splits that they name."""
        sets: dict[str, set[str]] = {}
        for row, _ in self.rows:
            match = row.protocol.match
            if match and self.preset in match.presets and row.protocol.dataset and not row.protocol.exact:
                sets.setdefault(row.protocol.dataset, set()).update({row.protocol.split} - {""})
        return sets


@dataclass(frozen=True)
class Wish:
    """The reported numbers that a command means.

    Attributes:
        rows: the rows, in the order of the catalogue.
        metrics: the metrics of the catalogue that count; all if empty.
        local: by registry name the user's own checkpoint, as the text that names it: NAME=PATH, or NAME@path=PATH with
            further arguments.
        preset: measure under this preset whatever the sources follow; None for theirs.
    """

    rows: tuple[Row, ...]
    metrics: frozenset[str]
    local: Mapping[str, str]
    preset: str | None

    @classmethod
    def of(cls, rows: Sequence[Row], names: Sequence[str], metrics: Sequence[str], preset: str | None) -> Wish:
        """The wish of a command's arguments.

        Args:
            names: registry names, with or without arguments, names that papers use, or a checkpoint of the user's
                (NAME=PATH, NAME@path=PATH,config=FILE); all rows if empty.
            metrics: names of metrics in the catalogue, titles, or names of the bench's values.

        Raises:
            UnknownName: a name is that of no row, a metric of no metric.
            BenchError: one name has two checkpoints.
        """
        wanted = _metrics(rows, metrics)
        local: dict[str, str] = {}
        chosen: list[Row] = []
        for text in names:
            if _has_checkpoint(text):
                name = spec_text.name_and_rest(text)[0]
                parse(text)  # says what is wrong with it
                if local.setdefault(name, text) != text:
                    raise BenchError(f"{name} is given with two checkpoints", "measure one after the other")
            named = [row for row in rows if is_meant(row, text)]
            if not named:
                raise _unknown(rows, text)
            chosen += named
        if preset:
            load_preset(preset)
        kept = _in_order(rows, chosen) if names else list(rows)
        if preset and not names:
            kept = [row for row in kept if row.protocol.match and preset in row.protocol.match.presets]
        if wanted:
            kept = [row for row in kept if not wanted.isdisjoint(row.entry.values)]
        return cls(tuple(kept), wanted, local, preset)

    def counts(self, metric: str) -> bool:
        """Whether a metric of the catalogue is asked for."""
        return not self.metrics or metric in self.metrics

    def spec(self, row: Row) -> str:
        """What `bench run` is asked for to measure a row: its registry name, with the user's checkpoint if given."""
        text = row.entry.registry or ""
        name, mark, rest = spec_text.name_and_rest(text)
        own = self.local.get(name)
        if own is None or not mark:
            return own or text
        _, sign, given = spec_text.name_and_rest(own)
        return f"{name}@{rest},{'path=' if sign == '=' else ''}{given}"

    def presets_of(self, row: Row) -> list[str]:
        """The presets that measure wanted metrics of a row; none where none follows its source."""
        match = row.protocol.match
        named = [self.preset] if self.preset else match.presets if match else []
        return [preset for preset in named if self.metrics_of(row, preset)]

    def metrics_of(self, row: Row, preset: str) -> list[str]:
        """The wanted metrics of a row that a preset measures."""
        match = row.protocol.match
        return [
            name
            for name in row.entry.values
            if self.counts(name)
            and (self.preset or not match or match.preset_of(name) == preset)
            and _measures(preset, row.catalog.value_of(row.entry.protocol, name))
        ]

    def batches(self, offline: bool) -> tuple[list[Batch], dict[Row, str]]:
        """The calls of `bench run` that measure the rows, and why the others are not measured.

        Numbers that follow from a system alone are read from whatever measures it, if anything does.

        Args:
            offline: whether a checkpoint that is not on this machine stays away.
        """
        reasons: dict[Row, str] = {}
        groups: dict[tuple[str, str, str], list[tuple[Row, str]]] = {}
        covered: set[str] = set()
        for row in sorted(self.rows, key=lambda row: row.protocol.exact):
            if reason := self.obstacle(row, offline):
                reasons[row] = reason
                continue
            spec = self.spec(row)
            if row.protocol.exact and spec in covered:
                continue
            covered.add(spec)
            for preset in self.presets_of(row):
                key = _task(row), preset, self._dataset(row)
                groups.setdefault(key, []).append((row, spec))
        return [Batch(*key, tuple(measured)) for key, measured in groups.items()], reasons

    def _dataset(self, row: Row) -> str:
        """The data set of a row's measurement; under a preset that the user gives that of the rows which follow it."""
        followed = [other.protocol.match for other in (self.rows if self.preset else (row,)) if other.protocol.match]
        names = {match.dataset for match in followed if not self.preset or self.preset in match.presets}
        return names.pop() if len(names) == 1 else ""

    def obstacle(self, row: Row, offline: bool) -> str:
        """Why a row cannot be measured; empty if it can. Touches no network."""
        reason = hindrance(row)
        if not row.entry.registry:
            return reason
        if Path(row.entry.registry).suffix == ".npz":
            return "it is a file of generated images: bench doctor --golden DIR measures it"
        if reason and not self.preset:
            return f"{reason}; --preset NAME measures it all the same, without a verdict"
        if _task(row) not in shipped("suites"):
            return f"no suite of the bench is called {_task(row)}, as its task is"
        if not self.presets_of(row):
            titles = [row.catalog.metrics[name].title for name in row.entry.values if self.counts(name)]
            presets = [self.preset] if self.preset else row.protocol.match.presets if row.protocol.match else []
            return f"preset {' or '.join(presets)} does not measure {', '.join(titles)}"
        spec = parse(self.spec(row))
        if _needs_file(spec):
            return "their publishers give files, which you name: bench reproduce NAME=FILE --data PATH"
        return spec.lacking() if offline else ""


def _needs_file(spec: SystemSpec) -> bool:
    """Whether a system has no checkpoint but one that the user names."""
    return spec.entry.local and not spec.entry.weights and not {"repo", "path", "of"} & spec.arguments.keys()


def is_offline(asked: bool) -> bool:
    """Whether checkpoints may not be fetched: because the user asks so, or because ``HF_HUB_OFFLINE`` is set."""
    return asked or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")


def _task(row: Row) -> str:
    return row.protocol.match.task if row.protocol.match else f"{row.protocol.modality}-recon"


def _measures(preset: str, value: str) -> bool:
    """Whether a preset measures a value of the bench; one that names no metrics measures all of its task's."""
    if not value:
        return False
    named = load_preset(preset)[1].get("metrics")
    return not named or any(metric in named for metric in registry.givers(value))


def is_meant(row: Row, text: str) -> bool:
    """Whether a name that a user gave, perhaps with a checkpoint, means a row."""
    return _is_named(row, spec_text.name_and_rest(text)[0] if _has_checkpoint(text) else text)


def _has_checkpoint(text: str) -> bool:
    """Whether a name is given with a checkpoint of the user's."""
    _, mark, rest = spec_text.name_and_rest(text)
    return mark == "=" or (mark == "@" and any(key == "path" for key, _ in spec_text.arguments(rest)))


def _is_named(row: Row, name: str) -> bool:
    entry = row.entry
    names = {entry.registry, spec_text.name_and_rest(entry.registry)[0]} if entry.registry else set()
    return name in names or name.casefold() == entry.system.casefold()


def _in_order(rows: Iterable[Row], chosen: Sequence[Row]) -> list[Row]:
    wanted = {*chosen}
    return [row for row in rows if row in wanted]


def _metrics(rows: Sequence[Row], names: Sequence[str]) -> frozenset[str]:
    """The metrics of the catalogue that names mean."""
    facts: dict[str, Catalog] = {name: row.catalog for row in rows for name in row.entry.values}
    titles = {
        name: {name, catalog.metrics[name].title, catalog.metrics[name].metric} for name, catalog in facts.items()
    }
    chosen: set[str] = set()
    for text in names:
        meant = {name for name, own in titles.items() if text.casefold() in {title.casefold() for title in own}}
        if not meant:
            raise UnknownName("reported metric", text, titles)
        chosen |= meant
    return frozenset(chosen)


def _unknown(rows: Sequence[Row], text: str) -> BenchError:
    name = spec_text.name_and_rest(text)[0]
    if name in registry.entries("tokenizers") or name in registry.entries("backbones"):
        forms = list(dict.fromkeys(row.entry.registry for row in rows if row.entry.registry and _is_named(row, name)))
        remedy = f"it has numbers of {', '.join(forms)}" if forms else "run: bench reproduce"
        return BenchError(f"{text}: the catalogue has no reported number that names it", remedy)
    known = {row.entry.registry for row in rows if row.entry.registry} | {row.entry.system for row in rows}
    return UnknownName("reported system", text, known)
