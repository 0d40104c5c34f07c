"""What the authors' code and vector-quantize-pytorch make of the vectors that remedies are tested with.

``GOLDEN`` was written by this file, run as a program with these on the path:

- ``quantise.py`` of lyndonzheng/CVQ-VAE 04864b72 (MIT),
- ``vqtorch/nn/affine.py`` of minyoungg/vqtorch 02e60a19 (MIT),
- ``taming/modules/vqvae/quantize.py`` of youngsheen/SimVQ d8bd94d9 (MIT),
- the wheel vector-quantize-pytorch 1.32.0 with einx and einops (MIT).

It holds numbers only: vectors and codewords are functions of names.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import numbers
from torch.nn import functional as F

GOLDEN = Path(__file__).with_name("remedies_golden.npz")
SIZE, DIM, DIMS, COUNT, STEPS = 16, 4, 2, 40, 3
"""Codewords, dimensions of vectors, dimensions of the projected ones, vectors of a step, steps."""
RATE = 10.0
"""The factor of the learning rate of vqtorch's learned scale and bias."""


def vectors(step: int) -> torch.Tensor:
    """The vectors of a step, ``[COUNT, DIM]``."""
    return numbers(f"vectors {step}", (COUNT, DIM)) + 0.3


def codewords(dim: int = DIM) -> torch.Tensor:
    """Stored codewords, ``[SIZE, dim]``, most of which are far from all vectors."""
    return numbers("codewords", (SIZE, dim)) * 2


def golden() -> Mapping[str, torch.Tensor]:
    """The arrays by name."""
    with np.load(GOLDEN) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def _online_clustering() -> dict[str, Any]:
    """Codes and codewords after each step, with the closest anchors."""
    made = importlib.import_module("quantise").VectorQuantiser(SIZE, DIM, 0.25, "l2", "closest")
    made.embedding.weight.data.copy_(codewords())
    kept: dict[str, Any] = {}
    for step in range(STEPS):
        _, _, (_, _, codes) = made(vectors(step).T.reshape(1, DIM, 5, COUNT // 5))
        kept |= {f"online_codes_{step}": codes, f"online_codewords_{step}": made.embedding.weight.data.clone()}
    return kept


def _affine() -> dict[str, Any]:
    """Codewords with a learned transform, and with running statistics after each step."""
    kind = importlib.import_module("vqtorch.nn.affine").AffineTransform
    learned, running = kind(DIM, lr_scale=RATE), kind(DIM, use_running_statistics=True)
    learned.scale.data.copy_(numbers("scale", (1, DIM)) / RATE)
    learned.bias.data.copy_(numbers("bias", (1, DIM)) / RATE)
    kept = {"affine_learned": learned(codewords()).detach()}
    for step in range(STEPS):
        running.update_running_statistics(vectors(step)[None], codewords() * (1 + step))
        kept[f"affine_running_{step}"] = running(codewords()).detach()
    return kept


def _simvq() -> dict[str, Any]:
    """Codes, loss and gradients of the authors' SimVQ, and of that of vector-quantize-pytorch, which has no bias."""
    theirs = importlib.import_module("taming.modules.vqvae.quantize").SimVQ(SIZE, DIM, legacy=False)
    package = importlib.import_module("vector_quantize_pytorch").SimVQ(DIM, SIZE, rotation_trick=False)
    theirs.embedding.weight.data.copy_(codewords())
    package.frozen_codebook.copy_(codewords())
    theirs.embedding_proj.weight.data.copy_(numbers("matrix", (DIM, DIM)))
    theirs.embedding_proj.bias.data.copy_(numbers("bias", (DIM,)))
    package.code_transform.weight.data.copy_(numbers("matrix", (DIM, DIM)))
    kept: dict[str, Any] = {}
    given = vectors(0).requires_grad_()
    (out, _, codes), losses = theirs(given.T.reshape(1, DIM, 5, COUNT // 5))
    (losses.commitment + out.square().mean()).backward()
    kept |= {"simvq_codes": codes, "simvq_loss": losses.commitment.detach(), "simvq_vectors_grad": given.grad}
    kept |= {"simvq_matrix_grad": theirs.embedding_proj.weight.grad, "simvq_bias_grad": theirs.embedding_proj.bias.grad}
    given = vectors(0).requires_grad_()
    out, codes, loss = package(given[None])
    (loss + out.square().mean()).backward()
    kept |= {"package_simvq_codes": codes[0], "package_simvq_loss": loss.detach(), "package_simvq_grad": given.grad}
    return kept | {"package_simvq_matrix_grad": package.code_transform.weight.grad}


def _package() -> dict[str, Any]:
    """Cosine similarity in few dimensions, dead codes, and the affine codebook, of vector-quantize-pytorch."""
    kind = importlib.import_module("vector_quantize_pytorch").VectorQuantize
    kept: dict[str, Any] = {}
    made = kind(DIM, SIZE, codebook_dim=DIMS, use_cosine_sim=True, rotation_trick=False, freeze_codebook=True)
    made._codebook.embed.copy_(F.normalize(codewords(DIMS), dim=1)[None])
    for name, shape in (("project_in", (DIMS, DIM)), ("project_out", (DIM, DIMS))):
        getattr(made, name).weight.data.copy_(numbers(name, shape))
        getattr(made, name).bias.data.copy_(numbers(f"{name} bias", shape[:1]))
    given = vectors(0).requires_grad_()
    out, codes, loss = made(given[None])
    (loss.sum() + out.square().mean()).backward()
    kept |= {"cosine_out": out.detach()[0], "cosine_codes": codes[0], "cosine_loss": loss.detach().sum()}
    kept |= {"cosine_vectors_grad": given.grad, "cosine_into_grad": made.project_in.weight.grad}
    dead = kind(DIM, SIZE, decay=0.99, threshold_ema_dead_code=1, ema_update=False, rotation_trick=False)
    dead._codebook.embed.copy_(codewords()[None])
    kept["restart_before"] = 1 + numbers("uses", (SIZE,)) / 20
    dead._codebook.cluster_size.copy_(kept["restart_before"][None])
    _, codes, _ = dead(vectors(0)[None])
    kept |= {"restart_codes": codes[0], "restart_after": dead._codebook.cluster_size[0].clone()}
    kept["restart_moved"] = (dead._codebook.embed[0] != codewords()).any(1)
    affine = kind(DIM, SIZE, affine_param=True, ema_update=False, rotation_trick=False)
    affine._codebook.embed.copy_(codewords()[None])
    out, codes, _ = affine(vectors(0)[None])
    return kept | {"package_affine_codes": codes[0], "package_affine_out": out.detach()[0]}


def write() -> None:
    """Write ``GOLDEN``."""
    torch.manual_seed(0)
    arrays = {**_online_clustering(), **_affine(), **_simvq(), **_package()}
    np.savez_compressed(GOLDEN, **{name: array.numpy() for name, array in arrays.items()})


if __name__ == "__main__":
    write()
