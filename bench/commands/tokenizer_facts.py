"""What ``bench show`` prints of a tokenizer: arguments, codebooks, rate, and what papers report of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from bench import registry
from bench.contracts.system import SystemSpec, parse
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.contracts.tokens import Codebook

SIDE = 256
"""Height and width of the image that rates are stated for, the size of most tables, where a model takes others."""
_PATCH = re.compile(r"(\d+)x(\d+) pixels")
_SHARE = re.compile(r"1/(\d+) of (\d+)x\2 pixels")


def tokenizer_facts(name: str) -> dict[str, Any]:
    """Arguments, codebooks and rate by their headings, and the numbers that papers report.

    Codebooks and rate are those of the built tokenizer; where its checkpoint is not here, those of the configuration
    in the registry line, if it has one.
    """
    facts: dict[str, Any] = {}
    try:
        spec = parse(name)
        arguments = spec.resolved()
        facts["configuration"] = arguments.pop("config", None)
        facts["arguments"] = arguments
    except BenchError as error:
        return {"not loadable here": str(error)}
    try:
        system = spec.build()
        facts |= _rates(system.codebooks)
        if bitrate := getattr(system, "bitrate", None):
            facts["rate"] = f"{bitrate / 1000:g} kbit/s nominally"
    except BenchError as error:
        facts |= _rates(_described(spec))
        facts["not loadable here"] = spec.lacking() or str(error)  # offline is this command, not the user
    return facts | _reported(spec.entry.name)


def _described(spec: SystemSpec) -> Sequence[Codebook]:
    """The codebooks of the configuration in a registry line; none where there is no such line or class."""
    describe = getattr(registry.load(spec.entry.target), "codebooks_of", None)
    config = spec.entry.args.get("config")
    books: Sequence[Codebook] = describe(config) if describe and config else ()
    return books


def _rates(books: Sequence[Codebook]) -> dict[str, Any]:
    alike = groupby(f"{book.size} entries, one code per {book.covers}" for book in books)
    facts: dict[str, Any] = {"codebooks": [_times(text, len(list(books_of))) for text, books_of in alike]}
    rates = [book.bits * book.rate for book in books if book.rate]
    once = [book.bits * book.per_clip for book in books if book.per_clip]
    covers = {book.covers for book in books}
    if rates and len(rates) + len(once) == len(books):
        facts["rate"] = f"{sum(rates) / 1000:.6g} kbit/s, {sum(book.rate or 0 for book in books):.6g} tokens/s"
        if once:
            facts["rate"] += f", and {sum(book.per_clip or 0 for book in books)} tokens, {sum(once):g} bits per clip"
    elif len(covers) == 1:
        facts["rate"] = f"{sum(book.bits for book in books):g} bits for {next(iter(covers))}"
    sides = {int(part[2]) for book in books if (part := _SHARE.fullmatch(book.covers))} or {SIDE}
    side = min(sides)
    counts = [count for book in books if (count := _codes(book.covers, side))]
    if books and len(counts) == len(books):
        bits = sum(count * book.bits for count, book in zip(counts, books, strict=True))
        facts[f"at {side}x{side}"] = f"{sum(counts)} codes, {bits:g} bits"
    return facts


def _times(text: str, count: int) -> str:
    """A line that stands for several that are equal."""
    return f"{count} x {text} each" if count > 1 else text


def _codes(covers: str, side: int) -> int:
    """How many codes a square image has, of which each covers this; 0 if it does not say. ``side`` is in pixels."""
    if patch := _PATCH.fullmatch(covers):
        return (-(-side // int(patch[1]))) * (-(-side // int(patch[2])))
    part = _SHARE.fullmatch(covers)
    return int(part[1]) if part and int(part[2]) == side else 0


def _reported(name: str) -> dict[str, Any]:
    """What papers report of a registry entry: values, how they were measured, and the preset that measures them so."""
    from bench.leaderboard.reported import texts
    from bench.reported.model import catalogs

    lines = []
    for catalog in catalogs().values():
        for system in catalog.systems:
            if system.registry is None or system.registry.partition("@")[0] != name:
                continue
            protocol = catalog.protocols[system.protocol]
            values = ", ".join(texts(catalog, system).values())
            preset = f"; --protocol {protocol.match.preset}" if protocol.match else ""
            measured = "" if system.registry == name else f"{system.registry}: "
            lines.append(f"{measured}{values} ({protocol.title}{preset}; {system.source})")
    return {"reported": lines} if lines else {}
