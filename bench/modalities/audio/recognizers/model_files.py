"""Recognizers of transformers: where their files come from, and how they are loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from bench.errors import BenchError, Unavailable
from bench.machine.documents import parse_json
from bench.machine.files import read_stored
from bench.tokenizers.checkpoint import TIMEOUT, hub_name, hub_offline, locate
from bench.tokenizers.checkpoint_files import Checkpoint, require
from bench.tokenizers.configurations import CONFIG
from bench.tokenizers.pretrained import model_class

PROCESSOR = ("preprocessor_config.json", "processor_config.json")
VOCABULARY = ("tokenizer.json", "vocab.json")
SMALL_FILES = ("*.json", "*.txt")
"""What stands beside the weights: configuration of model, generation and features, and the vocabulary."""


def located(path: str | None, repo: str, revision: str | None, spec: str) -> Checkpoint:
    """A recognizer's checkpoint with its processor and vocabulary, fetched if it is missing.

    Args:
        spec: how a user names it, ``NAME@MODEL``; ``bench fetch`` takes it.

    Raises:
        BenchError: the folder lacks a file.
        Unavailable: it is not on this machine and cannot be fetched.
    """
    command = f"bench fetch {spec}" + (f",revision={revision}" if revision else "")
    checkpoint = locate(path, repo, revision=revision, command=command)
    if path is None and missing(checkpoint.folder):
        _fetch_small_files(repo, revision, checkpoint, command)
    for names in missing(checkpoint.folder):
        lack = f"{checkpoint.folder}: no {' or '.join(names)}"
        if path is None:
            raise Unavailable(lack, f"run: {command}")
        raise BenchError(lack, "save the recognizer's processor there too (processor.save_pretrained)")
    return checkpoint


def settings_of(checkpoint: Checkpoint, name: str) -> dict[str, Any]:
    """The contents of a JSON file beside the weights; BenchError if it is missing or not a mapping."""
    file = checkpoint.folder / name
    try:
        settings = parse_json(read_stored(file), finite=False)
    except (OSError, ValueError) as error:
        raise BenchError(f"{file}: cannot be read as JSON ({error}); {checkpoint.remedy}") from error
    if not isinstance(settings, dict):
        raise BenchError(f"{file}: not a model's settings; {checkpoint.remedy}")
    return settings


def missing(folder: Path) -> list[tuple[str, ...]]:
    """The groups of names of which a folder has no file."""
    return [names for names in (PROCESSOR, VOCABULARY) if not any((folder / name).is_file() for name in names)]


def _fetch_small_files(repo: str, revision: str | None, checkpoint: Checkpoint, command: str) -> None:
    if hub_offline():
        return
    hub = require("huggingface_hub")
    try:
        # As in bench.tokenizers.checkpoint: the question that takes a timeout comes first.
        hub.HfApi().repo_info(repo, revision=revision, timeout=TIMEOUT)
        hub.snapshot_download(repo, revision=checkpoint.revision or revision, allow_patterns=list(SMALL_FILES))
    except Exception as error:  # the hub's client lets through what its HTTP library raises
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Unavailable(
            f"checkpoint {hub_name(repo)} is in the cache without its vocabulary ({reason})", f"run: {command}"
        ) from error


def described(name: str, checkpoint: Checkpoint, options: dict[str, Any]) -> dict[str, Any]:
    """Everything that decides the text of a model: its files, the libraries, the options."""
    small = [file for pattern in SMALL_FILES for file in checkpoint.folder.glob(pattern)]
    return {
        "name": name,
        "revision": checkpoint.revision,
        "files": checkpoint.hashes(sorted({*checkpoint.files, *small})),
        "packages": {package: metadata.version(package) for package in ("transformers",)},
        "options": options,
    }


def loaded(library_class: str, checkpoint: Checkpoint, unneeded: tuple[str, ...] = ()) -> Any:
    """The model in float32 for inference.

    Args:
        unneeded: endings of the names of weights that only training uses.

    Raises:
        BenchError: weights are missing, which the library would draw at random.
    """
    cls = model_class("transformers", library_class)
    with _no_bars():
        model, report = cls.from_pretrained(
            checkpoint.folder, local_files_only=True, dtype=torch.float32, output_loading_info=True
        )
    checkpoint.reject_missing(library_class, (n for n in report["missing_keys"] if not n.endswith(unneeded)))
    return model.eval().requires_grad_(False)


def processor(library_class: str, checkpoint: Checkpoint) -> Any:
    """The processor of a checkpoint, which turns audio to features and tokens to text."""
    try:
        return model_class("transformers", library_class).from_pretrained(checkpoint.folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{checkpoint.folder}: its {library_class} cannot be loaded ({error})") from error


@contextmanager
def _no_bars() -> Iterator[None]:
    """Hide the library's progress bars, which would interfere with those of the run."""
    logging = require("transformers").utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def require_model_type(checkpoint: Checkpoint, model_type: str) -> None:
    """Raise BenchError unless ``config.json`` is of this type of model."""
    stated = checkpoint.config.get("model_type") or "an unknown model"
    if stated != model_type:
        raise BenchError(f"{checkpoint.folder / CONFIG}: a checkpoint of {stated}, not of {model_type}")
