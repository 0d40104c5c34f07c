"""Continuous image tokenizers of diffusers: AutoencoderKL, AutoencoderTiny, AutoencoderDC."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from bench.contracts.tokens import Tokens
from bench.errors import BenchError
from bench.modalities.image.tokenizers import taming
from bench.modalities.image.tokenizers.posterior import generator_of, require_mode_or_sample
from bench.tokenizers.checkpoint import locate
from bench.tokenizers.checkpoint_files import Checkpoint
from bench.tokenizers.configurations import CONFIG
from bench.tokenizers.layouts import model_of_layout
from bench.tokenizers.pretrained import PretrainedTokenizer, model_class


def load_diffusers(
    name: str,
    path: str | None,
    repo: str | None,
    subfolder: str | None,
    revision: str | None,
    offline: bool,
    file: str | None = None,
    config: Mapping[str, Any] | str | None = None,
    weights: str | None = None,
) -> tuple[Checkpoint, Any]:
    """A checkpoint and its model in float32.

    A folder is read by the library's ``from_pretrained``, which knows old tensor names; a file of weights on its own
    with the names of the library, or those of taming-transformers and latent-diffusion (``taming.layout``).

    Args:
        name: the diffusers class.
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.

    Raises:
        Unavailable: diffusers is missing or too old, or the checkpoint is not available.
        BenchError: the checkpoint is of another class, is broken, or lacks weights; the library itself
            would draw those at random and only warn.
    """
    cls = model_class("diffusers", name)
    checkpoint = locate(path, repo, subfolder, revision, offline, file=file, config=config, weights=weights)
    if checkpoint.file is not None:
        return checkpoint, _of_file(cls, name, checkpoint)
    stated = checkpoint.config.get("_class_name")
    if stated != name:
        raise BenchError(
            f"{checkpoint.folder / CONFIG}: a checkpoint of {stated or 'no diffusers class'}, not of {name}"
        )
    checkpoint.names()  # says which file is cut off, where the library would say something else
    try:
        model, info = cls.from_pretrained(
            checkpoint.folder,
            use_safetensors=checkpoint.files[0].suffix == ".safetensors",
            local_files_only=True,
            torch_dtype=torch.float32,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError) as error:
        raise BenchError(
            f"{checkpoint.folder}: does not fit {name}: {' '.join(str(error).split())}; {checkpoint.remedy}"
        ) from error
    checkpoint.reject_missing(name, [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])])
    return checkpoint, model


def _of_file(cls: Any, name: str, checkpoint: Checkpoint) -> Any:
    """The model of a single file of weights."""
    origin = checkpoint.configuration.origin
    try:
        layout = taming.layout(checkpoint.config, name)
    except BenchError as error:
        raise BenchError(f"{origin}: {error.cause}") from error
    if layout is None:
        stated = checkpoint.config.get("_class_name") or checkpoint.config.get("target") or "no diffusers class"
        raise BenchError(f"{origin}: a configuration of {stated}, not of {name}")
    model = model_of_layout(lambda config: cls.from_config(config), name, layout, checkpoint)[0]
    if any(buffer.is_meta for buffer in model.buffers()):
        raise BenchError(
            f"{checkpoint.file}: {name} has tensors that no file of weights holds, and is read from a folder only",
            f"give the folder that save_pretrained wrote, with {CONFIG} beside the weights",
        )
    return model


class DiffusersAutoencoder(PretrainedTokenizer):
    """An autoencoder with latents ``[batch, dim, h / factor, w / factor]``; tokens have the channels last."""

    packages = ("diffusers",)

    @abstractmethod
    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """Latents of the prepared images; ``batch`` is what they were before."""

    @torch.no_grad()
    def encode(self, batch: torch.Tensor) -> Tokens:
        latents = self.latents_of(self.prepared(batch), batch).float()
        return Tokens(latents=latents.movedim(1, -1).contiguous(), signal_shape=tuple(batch.shape[1:]))

    @torch.no_grad()
    def decode(self, tokens: Tokens) -> torch.Tensor:
        assert tokens.latents is not None
        latents = tokens.latents.movedim(-1, 1).contiguous().to(self.device, self.dtype)
        return self.restored(self.images_of(latents), tokens)

    def images_of(self, latents: torch.Tensor) -> torch.Tensor:
        """The model's images ``[batch, 3, h, w]`` of latents ``[batch, dim, h / factor, w / factor]``."""
        images: torch.Tensor = self.model.decode(latents).sample
        return images


class AutoencoderKL(DiffusersAutoencoder):
    """KL-regularized autoencoder (Rombach et al. 2022, arXiv 2112.10752), as in Stable Diffusion and FLUX.

    Tokens are the posterior's latents as they are: the shift and scale that a diffusion model applies
    would only be undone before decoding.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        latents: ``mode`` of the posterior, or a ``sample`` of it.
        seed: seed of the samples; see ``bench.modalities.image.tokenizers.posterior``.

    Attributes:
        library: the diffusers class.
    """

    library: ClassVar[str] = "AutoencoderKL"

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        latents: str = "mode",
        seed: int = 0,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        require_mode_or_sample("latents", latents)
        checkpoint, model = load_diffusers(
            self.library, path, repo, subfolder, revision, offline, file, config, weights
        )
        super().__init__(checkpoint, model, self.factor_of(model))
        self.latents, self.seed = latents, seed

    @staticmethod
    def factor_of(model: Any) -> int:
        """Side in pixels of the area that one token stands for."""
        return int(2 ** (len(model.config.block_out_channels) - 1))

    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        posterior = self.model.encode(images).latent_dist
        if self.latents == "mode":
            mode: torch.Tensor = posterior.mode()
            return mode
        sample: torch.Tensor = posterior.sample(generator=[generator_of(image, self.seed) for image in batch])
        return sample


class AutoencoderTiny(DiffusersAutoencoder):
    """TAESD and its kin: small distilled autoencoders (github.com/madebyollin/taesd).

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        store: ``float`` keeps the latents as they are, which is how pipelines use the model; ``uint8``
            rounds each to 8 bits as in an RGBA image, which is what the library's ``forward`` does.
    """

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        store: str = "float",
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        if store not in ("float", "uint8"):
            raise BenchError(f"store={store}: choose float or uint8")
        checkpoint, model = load_diffusers(
            "AutoencoderTiny", path, repo, subfolder, revision, offline, file, config, weights
        )
        super().__init__(checkpoint, model, 2 ** (len(model.config.num_encoder_blocks) - 1))
        self.store = store

    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model.encode(images).latents
        if self.store == "uint8":
            latents = self.model.unscale_latents((self.model.scale_latents(latents) * 255).round() / 255)
        return latents


class AutoencoderDC(DiffusersAutoencoder):
    """Deep-compression autoencoder (Chen et al. 2024, arXiv 2410.10733): 32 to 128 pixels per side and token.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

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
        checkpoint, model = load_diffusers(
            "AutoencoderDC", path, repo, subfolder, revision, offline, file, config, weights
        )
        super().__init__(checkpoint, model, model.spatial_compression_ratio)

    def latents_of(self, images: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        latents: torch.Tensor = self.model.encode(images).latent
        return latents
