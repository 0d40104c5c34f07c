"""Reconstructions that were made elsewhere, as a system: each ``--reconstructions NAME=PATH`` is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench import registry
from bench.contracts.system import SystemSpec
from bench.errors import BenchError
from bench.registry import Entry

RECONSTRUCTIONS = "reconstructions"
LARGEST = 2**62
"""The most entries of a codebook whose codes can be counted."""
ENTRY = Entry(
    RECONSTRUCTIONS,
    "bench.measuring.elsewhere:Pairs",
    "reconstructions made elsewhere",
    tokens="unknown",
)


@dataclass(frozen=True)
class ElsewhereSpec(SystemSpec):
    """A system of which only the reconstructions are at hand.

    Attributes:
        path: the folder, or the manifest, absolute; ``args`` has it as the user gave it.
    """

    kind: ClassVar[str] = RECONSTRUCTIONS
    path: Path = Path()

    @property
    def codebook(self) -> tuple[int, ...]:
        """Codebook size of each level of the codes beside the reconstructions; empty if none is stated."""
        return tuple(self.args.get("codebook", ()))

    @property
    def rate(self) -> float | None:
        """The nominal rate that is stated, in bits per pixel or kilobits per second; None if none is."""
        return self.args.get("rate")

    def check(self) -> None:
        """Nothing to check, since nothing is built from arguments."""

    def identity(self) -> dict[str, Any]:
        """What decides the numbers: what is stated, and the names and contents of the files."""
        from bench.machine.contents import content_hashes
        from bench.machine.pairing import listed_in

        root, files = listed_in(self.path)
        names = [str(file.relative_to(root)) if file.is_relative_to(root) else str(file) for file in files]
        hashes = content_hashes(files)
        stated = {key: value for key, value in self.args.items() if key != "path"}
        return {**stated, "files": dict(zip(names, hashes, strict=True))}

    def resolved(self) -> dict[str, Any]:
        """What the user stated."""
        return dict(self.args)


def elsewhere_specs(
    given: Mapping[str, Path], codebooks: Sequence[str] = (), rates: Sequence[str] = ()
) -> list[ElsewhereSpec]:
    """One system per name and path.

    Args:
        given: folder of the reconstructions, or manifest of them, by the system's name.
        codebooks: ``[NAME=]SIZE[,SIZE...]``: codebook size of each level of the codes beside the reconstructions.
        rates: ``[NAME=]RATE``: nominal rate.

    Raises:
        BenchError: a name is that of a system of the bench, a path does not exist, or what is stated does not fit.
    """
    sizes = {name: _sizes(text) for name, text in _by_name("--codebook", codebooks, given)}
    stated = {name: _rate(text) for name, text in _by_name("--rate", rates, given)}
    specs = []
    for name, path in given.items():
        if name in registry.entries("tokenizers"):
            raise BenchError(f"--reconstructions {name}={path}: {name} is a system of the bench; choose another name")
        if not path.exists():
            raise BenchError(f"--reconstructions {name}={path}: no such file or folder")
        if name in sizes and name in stated:
            raise BenchError(f"{name}: its rate follows from its codes; leave out --rate or --codebook")
        args: dict[str, Any] = {"path": str(path)}
        args |= {"codebook": sizes[name]} if name in sizes else {}
        args |= {"rate": stated[name]} if name in stated else {}
        specs.append(ElsewhereSpec(name, ENTRY, args, path.absolute()))
    return specs


def _by_name(option: str, values: Iterable[str], known: Mapping[str, Path]) -> list[tuple[str, str]]:
    """The value for each name, of ``NAME=VALUE``, or of ``VALUE`` for all."""
    pairs: list[tuple[str, str]] = []
    for value in values:
        if not known:
            raise BenchError(f"{option} is only for reconstructions made elsewhere; give them with --reconstructions")
        name, equals, rest = value.rpartition("=")
        if equals and name not in known:
            raise BenchError(f"{option} {value}: no --reconstructions are called {name}, only {', '.join(known)}")
        pairs += [(name, rest)] if equals else [(one, value) for one in known]
    return pairs


def _sizes(text: str) -> list[int]:
    parts = text.split(",")
    if not all(part.isdecimal() and 0 < int(part) <= LARGEST for part in parts):
        raise BenchError(f"--codebook {text}: write the size of each level's codebook, such as 1024 or 1024,1024")
    return list(map(int, parts))


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 < rate < float("inf"):
        raise BenchError(f"--rate {text}: write a positive number, in bits per pixel or kilobits per second")
    return rate
