"""Models of transformers, of any modality, loaded by the library itself."""

from __future__ import annotations

from typing import Any

import torch

from bench.errors import BenchError
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.checkpoint_files import Checkpoint, require
from bench.tokenizers.pretrained import model_class


def load_transformers(
    name: str,
    path: str | None,
    repo: str | None,
    subfolder: str | None,
    revision: str | None,
    offline: bool,
    dtype: torch.dtype | str = torch.float32,
    weights: str | None = None,
    unneeded: tuple[str, ...] = (),
) -> tuple[Checkpoint, Any]:
    """A checkpoint and its model, from the library's ``from_pretrained``, which knows old tensor names.

    Args:
        name: the transformers class.
        path, repo, subfolder, revision, offline, weights: see ``bench.tokenizers.checkpoint.locate``.
        dtype: dtype of the model; ``auto`` is that of the checkpoint.
        unneeded: endings of the names of weights that only training uses, which may be missing.

    Raises:
        Unavailable: transformers is missing or too old, or the checkpoint is not available.
        BenchError: the checkpoint is of another class, is broken, or lacks weights; the library itself
            would draw those at random and only warn.
    """
    cls = model_class("transformers", name)
    checkpoint = locate(path, repo, subfolder, revision, offline, weights=weights)
    stated = checkpoint.config.get("model_type")
    if stated != cls.config_class.model_type:
        origin = checkpoint.configuration.origin
        raise BenchError(f"{origin}: a checkpoint of {stated or 'an unknown model'}, not of {name}")
    source: dict[str, Any] = {"pretrained_model_name_or_path": checkpoint.folder}
    if checkpoint.file is None:
        checkpoint.names()  # says which file is cut off, where the library would say something else
        source["use_safetensors"] = checkpoint.files[0].suffix == ".safetensors"
    else:  # the library reads only files of its own names
        config = cls.config_class.from_dict(checkpoint.config)
        source = {"pretrained_model_name_or_path": None, "config": config, "state_dict": checkpoint.tensors()[0]}
    bars = require("transformers.utils.logging")
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        model, info = cls.from_pretrained(
            **source,
            local_files_only=True,
            dtype=dtype,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise BenchError(
            f"{checkpoint.place}: does not fit {name}: {' '.join(str(error).split())}; {checkpoint.remedy}"
        ) from error
    finally:
        if shown:
            bars.enable_progress_bar()
    missing = [key for key in info["missing_keys"] if not key.endswith(unneeded)]
    checkpoint.reject_missing(name, [*missing, *(key for key, *_ in info["mismatched_keys"])])
    return checkpoint, model
