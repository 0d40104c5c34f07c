"""What golden modules of publishers' models with a ``ddconfig`` share: a tiny one, and the arrays of a model."""

from __future__ import annotations

from typing import Any

from cases import Golden, fill

DDCONFIG = {
    "double_z": False,
    "z_channels": 8,
    "resolution": 32,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 32,
    "ch_mult": [1, 1, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [8],
}


def arrays_of(model: Any, case: Golden) -> dict[str, Any]:
    """Arrays of a model whose ``encode`` gives latents, a loss and a triple with the codes, as taming's ``VQModel``."""
    shapes = fill(model)
    latents, _, (_, _, codes) = model.encode(case.images())
    grids = codes.view(len(latents), *latents.shape[2:])
    return {"shapes": shapes, "codes_0": grids, "decoded": model.decode(latents)[-1:]}
