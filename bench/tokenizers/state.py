"""Loading models of packages that cannot load checkpoints safely themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.errors import BenchError
from bench.tokenizers.checkpoint_files import Checkpoint


def model_of(build: Callable[[], Any], name: str, checkpoint: Checkpoint) -> Any:
    """The model that ``build`` makes, in float32 and with every weight from the checkpoint.

    The packages' own loading unpickles whatever a file holds; here pickles are read as weights only.

    Raises:
        BenchError: the configuration or the weights belong to another model, or are incomplete.
    """
    tensors, _ = checkpoint.tensors("")
    state = {key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in tensors.items()}
    try:
        model = build()
        loaded = model.load_state_dict(state, strict=False)
    except (ValueError, TypeError, KeyError, RuntimeError, IndexError) as error:
        raise BenchError(
            f"{checkpoint.place}: does not fit {name}: {' '.join(str(error).split())}; {checkpoint.remedy}"
        ) from error
    checkpoint.reject_missing(name, loaded.missing_keys)
    return model
