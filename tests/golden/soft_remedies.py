"""What publishers' code makes of a step of training: values and gradients, for remedies against collapse.

To write ``soft_remedies.npz`` again: ``PYTHONPATH=CHECKOUTS python tests/golden/soft_remedies.py``, with the packages
and checkouts of ``MADE_BY`` on the path; of sqvae, the folder ``vision``.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import numbers

MADE_BY = {
    "sq-vae": "sony/sqvae dc88ab1a, vision/quantizer.py (Apache-2.0)",
    "ibq": "TencentARC/SEED-Voken b9a17eac, src/IBQ/modules/vqvae/quantize.py (Apache-2.0)",
    "entropy": "vector-quantize-pytorch 1.32.0, lookup_free_quantization.py (MIT)",
}
FILE = Path(__file__).with_suffix(".npz")
SIDE, WIDTH, SIZE = 3, 3, 8
LOG_VARIANCE, RELAXATION = -0.5, 0.7
IBQ_WEIGHT, IBQ_TEMPERATURE, LFQ_TEMPERATURE = 0.3, 0.5, 0.5


def vectors() -> torch.Tensor:
    """Vectors ``[SIDE², WIDTH]``, as a leaf with gradient."""
    return (2 * numbers("vectors", (SIDE**2, WIDTH))).requires_grad_()


def codewords() -> torch.Tensor:
    """Codewords ``[SIZE, WIDTH]``, as a leaf with gradient."""
    return numbers("codewords", (SIZE, WIDTH)).requires_grad_()


def corners() -> torch.Tensor:
    """The codewords of lookup-free quantization, ``[SIZE, WIDTH]``: all corners of a cube, the first bit leading."""
    bits = torch.arange(SIZE)[:, None] >> torch.arange(WIDTH - 1, -1, -1)
    return 2.0 * (bits & 1) - 1


def noise() -> torch.Tensor:
    """Gumbel noise ``[SIDE², SIZE]``."""
    return -(-(numbers("noise", (SIDE**2, SIZE)) / 2 + 0.5).clamp(1e-6, 1 - 1e-6).log()).log()


def probe(decoded: torch.Tensor) -> torch.Tensor:
    """A scalar whose gradient in what the decoder gets is a fixed tensor."""
    return (decoded * numbers("probe", decoded.shape)).sum()


def _sq_vae() -> dict[str, torch.Tensor]:
    quantizer: Any = importlib.import_module("quantizer")
    quantizer.sample_gumbel = lambda shape: noise()
    given, words = vectors(), codewords()
    log_variance = torch.tensor(LOG_VARIANCE, requires_grad=True)
    module = quantizer.GaussianVectorQuantizer(SIZE, WIDTH, RELAXATION)
    grid = given.view(1, SIDE, SIDE, WIDTH).permute(0, 3, 1, 2)
    decoded, loss, _ = module(grid, log_variance.exp().view(1), words, flg_train=True)
    decoded = decoded.permute(0, 2, 3, 1).reshape(given.shape)
    (loss + probe(decoded)).backward()
    assert given.grad is not None and words.grad is not None and log_variance.grad is not None
    gradients = {"vectors": given.grad, "codewords": words.grad, "log_variance": log_variance.grad}
    return {"decoded": decoded, "loss": loss, **gradients}


def _ibq() -> dict[str, torch.Tensor]:
    quantize: Any = importlib.import_module("src.IBQ.modules.vqvae.quantize")
    module = quantize.IndexPropagationQuantize(
        SIZE, WIDTH, beta=1.0, use_entropy_loss=True, entropy_temperature=IBQ_TEMPERATURE
    )
    module.embedding.weight = torch.nn.Parameter(codewords().detach())
    given = vectors()
    grid = given.view(1, SIDE, SIDE, WIDTH).permute(0, 3, 1, 2)
    decoded, (distances, _, _, entropy), (_, _, codes) = module(grid)
    decoded = decoded.permute(0, 2, 3, 1).reshape(given.shape)
    loss = distances + IBQ_WEIGHT * entropy
    (loss + probe(decoded)).backward()
    assert given.grad is not None
    gradients = {"vectors": given.grad, "codewords": module.embedding.weight.grad}
    return {"decoded": decoded, "loss": loss, "codes": codes, **gradients}


def _entropy() -> dict[str, torch.Tensor]:
    package: Any = importlib.import_module("vector_quantize_pytorch")
    module = package.LFQ(dim=WIDTH, codebook_size=SIZE, entropy_loss_weight=1.0, commitment_loss_weight=0.0)
    given = vectors()
    _, _, loss = module(given[None], inv_temperature=1 / LFQ_TEMPERATURE)
    loss.backward()
    assert given.grad is not None
    return {"loss": loss, "vectors": given.grad}


def write() -> None:
    """Write the arrays."""
    made = {"sq-vae": _sq_vae(), "ibq": _ibq(), "entropy": _entropy()}
    arrays = {f"{name}/{key}": value.detach().numpy() for name, one in made.items() for key, value in one.items()}
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]


def published(name: str) -> dict[str, torch.Tensor]:
    """What the publisher's code gave: the loss, what the decoder gets, codes, and gradients of leaves."""
    with np.load(FILE) as stored:
        return {
            key.partition("/")[2]: torch.from_numpy(stored[key])
            for key in stored.files
            if key.partition("/")[0] == name
        }


if __name__ == "__main__":
    write()
