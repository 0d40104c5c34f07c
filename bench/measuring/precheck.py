"""Checks of the names and files of a run before torch is imported, which takes seconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench import registry
from bench.contracts.signatures import signature_of
from bench.contracts.suite import Suite, load_preset
from bench.contracts.system import SystemSpec
from bench.datasets.spec import split_path
from bench.errors import BenchError

DEVICES = ("auto", "cpu", "cuda", "mps", "xpu", "hpu", "mtia", "xla", "meta")


def check_choices(suite: Suite, systems: Iterable[SystemSpec], chosen: Mapping[str, Any]) -> None:
    """Check the options of ``bench run`` against what exists and what the systems take.

    Args:
        chosen: the options of the command, by the names of its parameters.

    Raises:
        BenchError: a name or a path does not exist, a modality does not fit, or a system does not take an argument.
    """
    for preset in {chosen["protocol"] or line.protocol for line in suite.tasks}:
        load_preset(preset)
    modalities = {registry.get("tasks", line.task).scope for line in suite.tasks}
    if chosen["dataset"]:
        name, path = split_path(chosen["dataset"])
        registry.get("datasets", name.partition("@")[0])
        _check_path("--dataset", path)
    _check_path("--data", chosen["data"])
    _check_path("--prompts", chosen["prompts"])
    if chosen["device"].partition(":")[0] not in DEVICES:
        raise BenchError(f"--device {chosen['device']}: give one of {', '.join(DEVICES)}, or cuda:1 for the second GPU")
    for system in systems:
        entry = (system.inner or system).entry
        if "" not in modalities and not any(entry.serves(modality) for modality in modalities):
            raise BenchError(f"{system.text} is of {entry.scope}; suite {suite.name} is of {', '.join(modalities)}")
        if system.kind == "tokenizer" or system.entry.local:
            check_arguments(system)


def check_arguments(system: SystemSpec) -> None:
    """Raise BenchError if the source of a system's class shows that it does not take the arguments."""
    signature = signature_of(system.entry.target)
    if signature is None:
        return
    try:
        signature.bind(**system.given_later, **system.arguments)
    except TypeError as error:
        taken = ", ".join(signature.parameters) or "no arguments"
        raise BenchError(f"{system.text}: {error}; {system.entry.name} takes: {taken}") from error


def _check_path(option: str, path: str | None) -> None:
    if not path:
        return
    try:
        Path(path).expanduser().stat()
    except (FileNotFoundError, NotADirectoryError):
        raise BenchError(f"{option} {path}: no such file or folder") from None
    except (OSError, RuntimeError, ValueError):
        return  # reading it will report what is wrong
