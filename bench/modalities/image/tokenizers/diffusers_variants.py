"""Further continuous image tokenizers of diffusers: of recent diffusion models, with other decoders, and RAE."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from bench.errors import Unavailable
from bench.modalities.image.tokenizers.diffusers_autoencoders import AutoencoderKL, DiffusersAutoencoder, load_diffusers
from bench.modalities.image.tokenizers.published import require_side
from bench.tokenizers.checkpoint_files import require


class AutoencoderKLFlux2(AutoencoderKL):
    """FLUX.2's KL autoencoder, f8 with 32 channels.

    Its diffusion model sees 2x2 latents as one and normalizes them, which loses nothing and is undone before decoding.
    """

    library = "AutoencoderKLFlux2"


class AutoencoderKLHunyuanImage(AutoencoderKL):
    """HunyuanImage 2.1's KL autoencoder (arXiv 2509.04545), f32 with 64 channels."""

    library = "AutoencoderKLHunyuanImage"

    @staticmethod
    def factor_of(model: Any) -> int:
        return int(model.config.spatial_compression_ratio)


class AutoencoderKLQwenImage(AutoencoderKL):
    """Qwen-Image's KL autoencoder (Wu et al. 2025, arXiv 2508.02324), f8 with 16 channels.

    It is one of videos, and an image is a video of one frame. Its images are cut to [-1, 1].
    """

    library = "AutoencoderKLQwenImage"

    @staticmethod
    def factor_of(model: Any) -> int:
        return int(model.spatial_compression_ratio)

    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        return super().latents_of(images.unsqueeze(2), batch).squeeze(2)

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        return super().images_of(latents.unsqueeze(2)).squeeze(2)


class AsymmetricAutoencoderKL(AutoencoderKL):
    """Stable Diffusion's encoder with a larger decoder (Zhu et al. 2023, arXiv 2306.04632).

    The decoder can also be given what an inpainting keeps of an image; here it sees latents alone.
    """

    library = "AsymmetricAutoencoderKL"


class ConsistencyDecoderVAE(AutoencoderKL):
    """Stable Diffusion's encoder with the consistency decoder of DALL-E 3 (github.com/openai/consistencydecoder).

    Decoding begins with noise. It depends on ``seed`` and the size of the image alone, so that what becomes of an image
    depends neither on its batch nor on how its latents were rounded.
    """

    library = "ConsistencyDecoderVAE"

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        generators = [torch.Generator().manual_seed(self.seed) for _ in latents]
        images: torch.Tensor = self.model.decode(latents, generator=generators).sample
        return images


class AutoencoderRAE(DiffusersAutoencoder):
    """Representation autoencoder (Zheng et al. 2025, arXiv 2510.11690): a frozen encoder, and a decoder trained for it.

    Its images have one size, to which its encoder's own differs by a resampling within the model.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.

    Attributes:
        side: height and width of its images in pixels.
    """

    darkest = 0.0

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        try:
            checkpoint, model = load_diffusers(
                "AutoencoderRAE", path, repo, subfolder, revision, offline, file, config, weights
            )
        except AttributeError as error:
            # diffusers 0.42 looks within SigLIP for a module that transformers 5.23 no longer has.
            versions = " and ".join(f"{name} {require(name).__version__}" for name in ("diffusers", "transformers"))
            raise Unavailable(
                f"the encoder of this RAE cannot be built by {versions} together ({error})",
                "install versions of them that fit each other",
            ) from error
        super().__init__(checkpoint, model, model.decoder_patch_size)
        self.side = int(model.decoder_image_size)

    def prepared(self, batch: torch.Tensor) -> torch.Tensor:
        require_side("RAE", self.side, batch)
        return super().prepared(batch)

    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model.encode(images).latent
        return latents
