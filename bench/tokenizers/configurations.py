"""The configuration of a weights file: beside it, in the registry line, or in a file that the user names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.errors import BenchError
from bench.machine.documents import parse_json, parse_yaml, problem
from bench.machine.files import read_stored

CONFIG = "config.json"
_YAML = (".yaml", ".yml")
_NAMES = ("model", "config")
"""Stems of the YAML files that taming-transformers and latent-diffusion publish with a checkpoint."""


@dataclass(frozen=True)
class Configuration:
    """How a model is built.

    Attributes:
        values: as its publisher writes them; of a YAML file of taming-transformers, the parameters of the autoencoder
            with its class under ``target``.
        origin: where they come from, for messages.
        file: the file they were read from; None for those of a registry line.
    """

    values: Mapping[str, Any]
    origin: str
    file: Path | None = None


def beside(weights: str) -> tuple[str, ...]:
    """The names under which a configuration may lie beside a weights file, the first that is there counts."""
    stems = (Path(weights).stem, *_NAMES)
    return (CONFIG, *(f"{stem}{suffix}" for stem in stems for suffix in _YAML))


def configuration_file(weights: Path) -> Path | None:
    """The configuration beside a weights file: ``config.json``, or a YAML file of its stem, ``model`` or ``config``.

    In the folders that taming-transformers writes, with ``checkpoints`` and ``configs``, the YAML is in the latter. A
    ``config.json`` without a number is not a configuration: publishers put such into repositories of the hub, which
    counts downloads by it.
    """
    candidates = [weights.with_name(name) for name in beside(weights.name)]
    if weights.parent.name == "checkpoints":
        configs = weights.parent.parent / "configs"
        candidates += [configs / f"{name}{suffix}" for name in _NAMES for suffix in _YAML]
        projects = sorted(configs.glob("*-project.yaml"))
        candidates += projects if len(projects) == 1 else []
    return next((file for file in candidates if file.is_file() and not _is_marker(file)), None)


def _is_marker(file: Path) -> bool:
    """Whether a file is a ``config.json`` that states no number."""
    if file.name != CONFIG:
        return False
    try:
        values = parse_json(read_stored(file), finite=False)
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and not _states_a_number(values)


def _states_a_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_states_a_number(item) for item in value.values())
    if isinstance(value, list):
        return any(_states_a_number(item) for item in value)
    return isinstance(value, (int, float))


def files_with(weights: Path) -> tuple[Path, ...]:
    """The files that belong to a file of weights: its configuration, and the shards where it is an index of them."""
    configuration = configuration_file(weights)
    shards = weights.name.endswith(".index.json") and weights.parent.glob(f"{weights.name.partition('.')[0]}-*-of-*.*")
    return (*([configuration] if configuration else []), *sorted(shards or []))


def configuration_of(weights: Path, given: Mapping[str, Any] | str | None) -> Configuration:
    """The configuration of a weights file.

    Args:
        given: that of the registry line, which counts where no file beside the weights has any of its keys, or the
            path of a JSON or YAML file, which counts before those.

    Raises:
        BenchError: there is none, or its file cannot be read.
    """
    if isinstance(given, str):
        if not Path(given).is_file():
            raise BenchError(f"config={given}: no such file")
        return read_configuration(Path(given))
    if file := configuration_file(weights):
        stated = read_configuration(file)
        # Publishers put files of other libraries beside their weights, which do not describe the network.
        if not given or given.keys() & stated.values.keys():
            return stated
    if given is not None:
        return Configuration(given, "the configuration of the registry line")
    raise BenchError(
        f"{weights}: no {CONFIG}, {weights.stem}.yaml, model.yaml or config.yaml beside it",
        "put the publisher's there, give it as config=FILE, or use an entry with a configuration of its own "
        "(bench list tokenizers)",
    )


def read_configuration(file: Path) -> Configuration:
    """The configuration in a JSON or YAML file.

    Raises:
        BenchError: the file cannot be read, or holds no configuration or several.
    """
    try:
        if file.suffix == ".json":
            values = parse_json(read_stored(file), finite=False)
        else:
            values = parse_yaml(read_stored(file).decode())
    except yaml.YAMLError as error:
        raise BenchError(f"{file}: cannot be read as YAML ({problem(error)})") from error
    except (OSError, ValueError) as error:
        kind = "JSON" if file.suffix == ".json" else "YAML"
        raise BenchError(f"{file}: cannot be read as {kind} ({error})") from error
    if not isinstance(values, dict):
        raise BenchError(f"{file}: not a model's configuration")
    models = list(_autoencoders(values, None))
    if len(models) > 1:
        raise BenchError(f"{file}: describes {len(models)} autoencoders; keep the one of the weights")
    return Configuration(models[0] if models else values, str(file), file)


def _autoencoders(value: Any, target: Any) -> Iterator[dict[str, Any]]:
    """The parameters of each autoencoder within a configuration, each with its class under ``target``."""
    if isinstance(value, list):
        for item in value:
            yield from _autoencoders(item, None)
    elif isinstance(value, dict):
        if isinstance(value.get("ddconfig"), dict):
            yield {"target": target} | value
            return
        own = value.get("target") or value.get("class_path") or target
        for item in value.values():
            yield from _autoencoders(item, own)
