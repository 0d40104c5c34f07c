"""Networks of published tokenizers, of any modality, from a configuration and the tensors of a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from bench.errors import BenchError
from bench.tokenizers.checkpoint_files import Checkpoint
from bench.tokenizers.layouts import MISFITS, Layout, model_of_layout


class Reader(Protocol):
    """What a tokenizer's class knows about its publisher's files.

    Attributes:
        called: what messages call the network.
    """

    @property
    def called(self) -> str: ...

    def layout(self, config: Mapping[str, Any]) -> Layout | None:
        """The layout of a checkpoint with this configuration; None if it is of another model."""

    def network(self, config: dict[str, Any]) -> Any:
        """The network of a layout's ``config``, with random weights."""


def network_of(reader: Reader, checkpoint: Checkpoint) -> tuple[Any, tuple[Path, ...]]:
    """The network of a checkpoint with its weights in float32, and the files that they came from.

    Raises:
        BenchError: the configuration is of another model or lacks something, or the weights do not fit it.
    """
    origin = checkpoint.configuration.origin
    try:
        layout = reader.layout(checkpoint.config)
    except BenchError as error:
        raise BenchError(f"{origin}: {error.cause}") from error
    except MISFITS as error:
        problem = f"{type(error).__name__}: {error}"
        raise BenchError(f"{origin}: not a configuration of {reader.called} ({problem})") from error
    if layout is None:
        stated = (checkpoint.config.get(key) for key in ("model_type", "_class_name", "target"))
        what = next((str(name) for name in stated if name), "another model")
        raise BenchError(f"{origin}: a checkpoint of {what}, not of {reader.called}")
    return model_of_layout(reader.network, reader.called, layout, checkpoint)
