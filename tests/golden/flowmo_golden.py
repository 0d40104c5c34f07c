"""FlowMo: github.com/kylesargent/FlowMo."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from cases import Golden, fill, store

from bench.modalities.image.tokenizers.posterior import noise_of

CASES = (
    Golden(
        "flowmo",
        "bench.modalities.image.tokenizers.flowmo:FlowMo",
        "AlienKevin/FlowMo 90c11a5c, a copy of kylesargent/FlowMo, flowmo/{models,lookup_free_quantize}.py (Apache-2.0)"
        ", with smaller widths",
        {
            "image_size": 16,
            "patch_size": 4,
            "code_length": 6,
            "context_dim": 6,
            "codebook_size_for_entropy": 3,
            "heads": 2,
            "encoder": {"width": 32, "depth": 2, "axes": [4, 4, 8]},
            "decoder": {"width": 64, "depth": 2, "axes": [8, 8, 16]},
            "sample_steps": 6,
        },
        side=16,
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``flowmo.npz``, with FlowMo's checkout and the package mup on the path, and nothing compiled."""
    (case,) = CASES
    readout = SimpleNamespace(MuReadout=_readout)
    with mock.patch.object(torch, "compile", lambda function: function), mock.patch.dict(sys.modules, mup=readout):
        models: Any = importlib.import_module("flowmo.models")
    models.DIT_ZOO["dit_b_4"] |= {"hidden_size": 32, "num_heads": 2, "axes_dim": [4, 4, 8]}
    sizes = {key: case.config[key] for key in ("patch_size", "code_length", "context_dim", "codebook_size_for_entropy")}
    depths = {"enc_depth": 2, "dec_depth": 2, "quantization_type": "lfq", "enc_mup_width": 4}
    sampling = {"sample_steps": 6, "schedule": "pow_0.25", "cfg": 1.5, "cfg_interval": "(.17,1.02)"}
    config = SimpleNamespace(
        model=SimpleNamespace(**sizes, **depths, entropy_loss_weight=0, commit_loss_weight=0),
        data=SimpleNamespace(image_size=case.side),
        eval=SimpleNamespace(sampling=SimpleNamespace(**sampling)),
    )
    model = models.FlowMo(8, config)
    shapes = fill(model)
    signs, indices, _ = model._quantize(model.encode(case.images())[0])
    codes = indices.view(len(signs), sizes["code_length"], -1).long()
    noise = noise_of(codes, (3, case.side, case.side), 0)
    conditions = torch.cat([signs, torch.ones_like(signs[..., :1])], -1)
    steps = {"sample_steps": sampling["sample_steps"], "cfg": sampling["cfg"], "schedule": sampling["schedule"]}
    decoded = models.rf_sample(model, noise, conditions, null_code=0 * conditions, **steps)[-1]
    levels = {f"codes_{level}": code for level, code in enumerate(codes.unbind(-1))}
    store("flowmo", {case.name: {"shapes": shapes, "decoded": decoded[-1:], **levels}})


def _readout(channels: int, out: int, bias: bool, readout_zero_init: bool) -> torch.nn.Linear:
    """The package mup's MuReadout at its base width, where it multiplies by 1; FlowMo sets it so."""
    return torch.nn.Linear(channels, out, bias=bias)


if __name__ == "__main__":
    write()
