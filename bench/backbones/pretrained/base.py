"""What pretrained backbones share: their contract, the check of tokens and conditions, device and dtype."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import torch

from bench.backbones.base import Structure, nothing
from bench.backbones.pretrained.files import Files
from bench.backbones.sampling import Sampling
from bench.contracts.tokens import Codebook, TokenError, Tokens
from bench.errors import BenchError
from bench.tokenizers.base import Tokenizer

CHUNK = 512
"""Most positions whose logits over a whole codebook are held at once for likelihoods."""


class PretrainedBackbone(ABC):
    """A pretrained model of the tokens of one tokenizer, which its checkpoint holds too.

    It computes in the dtype that the checkpoint was saved in until ``to`` says otherwise.

    Args:
        model: the module that ``to`` moves.
        tokenizer: encodes to and decodes from the tokens it models; its ``weights`` and ``revision`` are those of
            the whole checkpoint.
        structure: structure of one generated sample.
        speaks: registry name of the tokenizer whose tokens it models.

    Attributes:
        modality: name of the kind of signal, such as ``image``.
        wants: kind of its conditions: ``text``, ``class`` or ``nothing``.
        unconditional: whether it was also trained without conditions, so that none need be given.
        files: the files of its checkpoint.
        bound: what ``log_likelihood`` is, in one line, if it is not exact; empty if it is.
        recommended: sampling that the publisher recommends, used where none is given.
        cached: whether keys and values are kept while sampling; None where there are none to keep.
        stepped: called without arguments after each step of drawing, so that steps can be timed.
        codebooks: one per level, in the order of ``Tokens.codes``.
        weights: sha256 of each weights file, by name.
        revision: commit of the hub's repository; empty for a local folder.
    """

    modality: ClassVar[str]
    wants: ClassVar[str]
    unconditional: ClassVar[bool]
    files: ClassVar[Files]
    bound: ClassVar[str] = ""
    recommended: ClassVar[Sampling]
    cached: bool | None = None
    stepped: Callable[[], object] = staticmethod(nothing)

    def __init__(self, model: torch.nn.Module, tokenizer: Tokenizer, structure: Structure, speaks: str) -> None:
        self.model: Any = model.eval().requires_grad_(False)
        self.tokenizer, self.structure, self.speaks = tokenizer, structure, speaks
        self.codebooks: tuple[Codebook, ...] = tokenizer.codebooks
        self.weights, self.revision = dict(tokenizer.weights), tokenizer.revision
        first = next(self.model.parameters())
        self.to(first.device, first.dtype)

    @abstractmethod
    def draw(self, n: int, seed: int, first: int, conditions: Sequence[str] | None, sampling: Sampling) -> Tokens:
        """New samples ``first`` to ``first + n - 1``; the arguments have been checked."""

    @abstractmethod
    def nats(self, tokens: Tokens, conditions: Sequence[str] | None) -> torch.Tensor:
        """Negative log-likelihood of each sample in nats, float64 ``[batch]``; the arguments have been checked."""

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the model to a device and dtype; the angles of rotary positions stay float32."""
        self.device, self.dtype = torch.device(device), dtype
        # Rounded to bfloat16 they would be off by whole turns after some hundred positions.
        angles = [
            (module, name, buffer)
            for module in self.model.modules()
            for name, buffer in module.named_buffers(recurse=False)
            if name.endswith("inv_freq")
        ]
        # Past the libraries' own ``to``, which warns of modules to be kept in float32 even where there are none.
        torch.nn.Module.to(self.model, self.device, dtype)
        for module, name, buffer in angles:
            setattr(module, name, buffer.to(self.device))
        self.tokenizer.to(self.device, dtype)
        return self

    def encode(self, batch: Any) -> Tokens:
        """A batch of the modality, such as images ``[batch, 3, height, width]`` in [0, 1], to the tokens it models."""
        return self.tokenizer.encode(batch)

    def decode(self, tokens: Tokens) -> Any:
        """Tokens to a batch of the same form; the caller clamps to the value range."""
        return self.tokenizer.decode(tokens)

    @torch.no_grad()
    def generate(
        self,
        n: int,
        seed: int,
        conditions: Sequence[str] | torch.Tensor | None = None,
        sampling: Sampling | None = None,
        first: int = 0,
    ) -> Tokens:
        """``n`` new samples; each draws from a generator of its own, made of the seed and its number ``first + i``.

        Args:
            conditions: one text per sample; None if the model is also unconditional.
            sampling: ``recommended`` if None, without guidance where there are no conditions.

        Raises:
            BenchError: ``n`` is not positive, or the conditions or the guidance do not fit.
        """
        if n < 1:
            raise BenchError(f"n={n}: generate at least one sample")
        texts = self._texts(n, conditions)
        if sampling is None:
            sampling = self.recommended
            if texts is None:
                sampling = Sampling(sampling.temperature, sampling.top_k, sampling.top_p)
        if texts is None and sampling.guidance != 1:
            raise BenchError("guidance needs conditions; give texts, or leave guidance at 1")
        return self.draw(n, seed, first, texts, sampling)

    @torch.no_grad()
    def log_likelihood(self, tokens: Tokens, conditions: Sequence[str] | torch.Tensor | None = None) -> torch.Tensor:
        """Log-likelihood of each sample in nats, over all its tokens, float64 ``[batch]`` on the CPU.

        Without guidance and at temperature 1, whatever the publisher samples with.

        Raises:
            TokenError: the tokens are not of this backbone's tokenizer, or of another size than it is set to.
            BenchError: the conditions do not fit.
        """
        tokens.check(self.codebooks)
        self.check_size(tokens)
        return -self.nats(tokens, self._texts(tokens.batch_size, conditions)).double().cpu()

    def check_size(self, tokens: Tokens) -> None:
        """Raise TokenError unless each level has the positions of a generated sample."""
        grids = tuple(tuple(code.shape[1:]) for code in tokens.codes)
        if grids != self.structure.grids:
            raise TokenError(
                f"tokens of {grids} do not fit {type(self).__name__}, which is set to {self.structure.grids}"
            )

    def _texts(self, n: int, conditions: Sequence[str] | torch.Tensor | None) -> Sequence[str] | None:
        """The conditions; BenchError unless they are one text per sample, or may be left out."""
        name = type(self).__name__
        if conditions is None:
            if not self.unconditional:
                raise BenchError(f"{name} generates from text only; give conditions, one text per sample")
            return None
        if isinstance(conditions, str | torch.Tensor) or not all(isinstance(text, str) for text in conditions):
            raise BenchError(f"{name} wants a sequence of texts, one per sample, not {type(conditions).__name__}")
        if len(conditions) != n:
            raise BenchError(f"{len(conditions)} conditions for {n} samples; {name} wants one text per sample")
        return conditions


def cost(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Negative log-likelihood in nats, float64 ``[...]``, of codes ``[...]`` under logits ``[..., codes]``."""
    chosen: torch.Tensor = logits.double().log_softmax(-1).gather(-1, codes[..., None])[..., 0]
    return -chosen
