"""Models built from a publisher's tensors, whose names and configuration differ from those of the library."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.errors import BenchError
from bench.tokenizers.checkpoint_files import Checkpoint
from bench.tokenizers.weight_norm import folded

MISFITS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What a network raises that is built from a configuration of something else."""


@dataclass(frozen=True)
class Layout:
    """How a publisher describes the model and names its tensors.

    Attributes:
        config: arguments of the library's configuration class.
        prefixes: prefixes of this model's tensors in the checkpoint of a larger one.
        renames: patterns and replacements, in order, from the publisher's names to the library's.
        sizes: arguments that the configuration leaves to the weights: the tensor, by the library's name, and its axis.
        unused: pattern of tensors of training: by default LlamaGen's record of the entries that were in use.
        parts: mappings of the file with a module each, whose name and a dot their tensors' names get in front.
    """

    config: Mapping[str, Any]
    prefixes: tuple[str, ...] = ("",)
    renames: tuple[tuple[str, str], ...] = ()
    sizes: tuple[tuple[str, str, int], ...] = ()
    unused: str = r"quantize\.codebook_used"
    parts: tuple[str, ...] = ()

    def renamed(self, name: str) -> str:
        """The library's name of a tensor."""
        for pattern, replacement in self.renames:
            name = re.sub(pattern, replacement, name)
        return name


def reject_other_choices(config: Mapping[str, Any], choices: Mapping[str, Any]) -> None:
    """Raise BenchError if a configuration states other choices than these; what it does not state counts as the same.

    Args:
        choices: arguments of a publisher's network that every published checkpoint has with these values.
    """
    others = (f"{key}: {config[key]}" for key, value in choices.items() if config.get(key, value) != value)
    if named := ", ".join(others):
        raise BenchError(f"describes another network than is known here ({named})")


def model_of_layout(
    build: Callable[[dict[str, Any]], Any], name: str, layout: Layout, checkpoint: Checkpoint
) -> tuple[Any, tuple[Path, ...]]:
    """The model in float32, with every weight from the checkpoint, and the files they came from.

    Not ``from_pretrained``: that one reads no part of a larger checkpoint, and draws at random what it misses. The
    model has no memory of its own: it takes the tensors of the files as they are, where they are float32.

    Args:
        build: makes the library's model from its configuration.
        name: the library's class.

    Raises:
        BenchError: configuration and weights do not fit; the message names tensors and shapes.
    """
    held = checkpoint.names(layout.parts)
    prefix = next((p for p in layout.prefixes if any(tensor.startswith(f"{p}encoder.") for tensor in held)), "")
    tensors, files = checkpoint.tensors(prefix, layout.parts)
    state = folded({layout.renamed(key): tensors[key] for key in tensors if not re.fullmatch(layout.unused, key)})
    tensors.clear()
    config = dict(layout.config)
    for argument, tensor, axis in layout.sizes:
        if tensor in state and argument not in config:
            config[argument] = state[tensor].shape[axis]
    try:
        with torch.device("meta"):
            model = build(config)
        _adopt(model, name, state, checkpoint)
    except MISFITS as error:
        raise BenchError(
            f"{checkpoint.place}: does not fit {name}, which is configured by {checkpoint.configuration.origin} "
            f"({type(error).__name__}: {' '.join(str(error).split())})",
            f"give the configuration that belongs to the weights (config=FILE), or {checkpoint.remedy}",
        ) from error
    return model, files


def _adopt(model: Any, name: str, state: dict[str, torch.Tensor], checkpoint: Checkpoint) -> None:
    """Give a model without memory its tensors, one after the other, so that no two copies of all are held."""
    expected = model.state_dict()
    for key in state.keys() & expected.keys():
        # Publishers write the projections of attention as 1x1 convolutions.
        if state[key].ndim == 4 and expected[key].ndim == 2 and state[key].shape[2:] == (1, 1):
            state[key] = state[key].flatten(1)
    modules = {key.partition(".")[0] for key in expected}
    checkpoint.reject_mismatch(
        name,
        missing={key: expected[key].shape for key in expected.keys() - state.keys()},
        unexpected={
            key: state[key].shape for key in state.keys() - expected.keys() if key.partition(".")[0] in modules
        },
        misshapen={
            key: (state[key].shape, expected[key].shape)
            for key in expected.keys() & state.keys()
            if state[key].shape != expected[key].shape
        },
    )
    for key in list(state):
        tensor = state.pop(key)
        if key in expected:
            expected[key] = tensor.float() if tensor.is_floating_point() else tensor
    model.load_state_dict(expected, assign=True)
