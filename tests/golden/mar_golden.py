"""MAR's VAE: github.com/LTH14/mar."""

from __future__ import annotations

from cases import Golden
from vavae_golden import NETWORK, write

CASES = (
    Golden(
        "mar",
        "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
        "LTH14/mar fe470ac2, models/vae.py (MIT)",
        {
            "embed_dim": 4,
            "ddconfig": {**NETWORK, "decoder_attn_resolutions": [], "double_z": True, "in_channels": 3, "out_ch": 3},
        },
    ),
)


if __name__ == "__main__":
    # The decoder attends in the middle alone, which is its default.
    write("models.vae", CASES[0], {key: value for key, value in NETWORK.items() if key != "attn_resolutions"})
