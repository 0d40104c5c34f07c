"""What the adapters of pretrained image tokenizers share: value range, padding, device, dtype."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

from bench.contracts.tokens import Codebook, Tokens
from bench.errors import BenchError, Unavailable
from bench.machine.extras import remedy
from bench.machine.light import library_class
from bench.tokenizers.base import Tokenizer
from bench.tokenizers.checkpoint_files import Checkpoint, require
from bench.tokenizers.named_files import NamedFiles


def model_class(package: str, name: str) -> Any:
    """A model class of a library; raises Unavailable if the installed version has none of that name."""
    try:
        return library_class(package, name)
    except (AttributeError, ImportError, RuntimeError) as error:
        version = getattr(require(package), "__version__", "?")
        raise Unavailable(f"{package} {version}: no {name} ({error})", remedy(package)) from error


def area(side: int) -> str:
    """The square that one token stands for, in words; ``side`` is in pixels."""
    return f"{side}x{side} pixels"


def share(count: int, side: int) -> str:
    """What one of ``count`` tokens of a square image stands for, in words; ``side`` is in pixels."""
    return f"1/{count} of {area(side)}" if count > 1 else area(side)


class PretrainedTokenizer(Tokenizer):
    """A pretrained convolutional autoencoder of images.

    The model sees values in [-1, 1], or in [``darkest``, 1] where its class says so. An image whose sides are not
    multiples of ``factor`` is padded at the bottom and on the right by repeating its edge, which works for any size
    and adds no contrast; ``decode`` crops it back. Everything is float32 until ``to`` says otherwise.

    Args:
        files: the weights files that were read, if not all of the checkpoint's.

    Attributes:
        model: the library's model, in evaluation mode.
        factor: side in pixels of the area that one token stands for.
    """

    darkest: ClassVar[float] = -1.0
    """What the model takes for black."""

    def __init__(
        self, checkpoint: Checkpoint | NamedFiles, model: Any, factor: int, files: tuple[Path, ...] | None = None
    ) -> None:
        self.model = model.eval().requires_grad_(False)
        self.factor = factor
        self.folder = checkpoint.folder
        self.weights = checkpoint.hashes(checkpoint.files if files is None else files)
        self.revision = checkpoint.revision
        self.device, self.dtype = torch.device("cpu"), torch.float32

    def to(self, device: torch.device, dtype: torch.dtype) -> PretrainedTokenizer:
        self.device, self.dtype = torch.device(device), dtype
        # Past the libraries' own ``to``, which warns of modules to be kept in float32 even where there are none.
        torch.nn.Module.to(self.model, self.device, dtype)
        return self

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        """The codebooks of a model with this configuration, without its weights; none where it does not say."""
        return ()

    @property
    def covers(self) -> str:
        """The area that one token stands for, in words."""
        return area(self.factor)

    def prepared(self, batch: torch.Tensor) -> torch.Tensor:
        """Images ``[batch, 3, h, w]`` in [0, 1] as the model takes them: padded, in its range and dtype."""
        height, width = batch.shape[-2:]
        extra = (0, -width % self.factor, 0, -height % self.factor)
        padded = F.pad(batch.to(self.device, torch.float32), extra, mode="replicate")
        return (padded * (1 - self.darkest) + self.darkest).to(self.dtype)

    def restored(self, output: torch.Tensor, tokens: Tokens) -> torch.Tensor:
        """The model's output as float32 images in [0, 1], cropped to the encoded size; BenchError if it overflowed."""
        _, height, width = tokens.signal_shape
        images = (output.float() - self.darkest) / (1 - self.darkest)
        if self.dtype == torch.float16 and not torch.isfinite(images).all():
            raise BenchError(f"{self.folder}: the model overflows in float16; use bfloat16 or float32")
        return images[..., :height, :width]
