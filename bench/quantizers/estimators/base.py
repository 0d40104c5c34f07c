"""The contract of gradient estimators: what the decoder gets, and the gradient that flows back from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from bench.contracts.system import part
from bench.errors import BenchError, number_above_zero


@dataclass(frozen=True)
class Carried:
    """Vectors through the choice of codewords.

    Attributes:
        vectors: what the decoder gets of each vector, ``[n, dim]``, with the gradient that the encoder shall get.
        codes: the chosen codewords, int64 ``[n]``.
        drawn: log-probability of each code, ``[n]`` with gradient, where it was drawn and the encoder's gradient is
            that of a score function; else None.
    """

    vectors: torch.Tensor
    codes: torch.Tensor
    drawn: torch.Tensor | None = None


class Estimator(nn.Module, ABC):
    """Chooses a codeword for each vector in training and estimates the gradient of that choice.

    What it keeps from step to step is a parameter or a buffer, from which a training is resumed; what :meth:`progress`
    sets need not be.
    """

    def progress(self, share: float) -> None:
        """Called before each training step with the share of the training that is done, in [0, 1)."""
        return

    @abstractmethod
    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        """Vectors ``[n, dim]`` carried through the choice of codewords ``[size, dim]``.

        Args:
            logits: how near each codeword is to each vector, ``[n, size]``; the nearest has the highest.
            generator: on the processor; everything random comes from it.
        """


class Annealed(Estimator):
    """An estimator with a temperature that falls geometrically over the training.

    Args:
        start: temperature at the beginning of the training.
        end: temperature at its end.

    Attributes:
        temperature: that of the step.

    Raises:
        BenchError: a temperature is not above zero.
    """

    def __init__(self, start: float, end: float) -> None:
        super().__init__()
        self.start, self.end = number_above_zero("start", start), number_above_zero("end", end)
        self.temperature = self.start

    def progress(self, share: float) -> None:
        self.temperature = geometric(self.start, self.end, share)


def estimator_of(text: str) -> Estimator:
    """The estimator that ``NAME`` or ``NAME@key=value`` names (``bench list estimators``).

    Raises:
        UnknownName: there is none of that name.
        BenchError: it does not take the arguments.
    """
    made = part("estimators", text)
    if not isinstance(made, Estimator):
        raise BenchError(f"{text}: {type(made).__name__} is not a bench.quantizers.estimators.base.Estimator")
    return made


def geometric(start: float, end: float, share: float) -> float:
    """The temperature after a share of a training in which it goes from ``start`` to ``end`` by equal factors."""
    temperature: float = start * (end / start) ** share
    return temperature


def straight_through(values: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Values, with the gradient of a source of the same shape as if they were equal."""
    return source + (values - source).detach()


def uniform(shape: torch.Size, generator: torch.Generator, like: torch.Tensor) -> torch.Tensor:
    """Random numbers in (0, 1) of a shape, drawn on the processor, so that every device gets the same."""
    tiny = torch.finfo(torch.float32).tiny
    return torch.rand(shape, generator=generator).clamp(min=tiny).to(like)


def spread(logits: torch.Tensor) -> torch.Tensor:
    """Standard deviation of logits ``[n, size]`` over codewords, on average over vectors: a scalar without gradient.

    What is drawn in units of it does not depend on the scale of latents.
    """
    return logits.detach().std(1).mean().clamp(min=torch.finfo(logits.dtype).tiny)


def relative(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    """Logits ``[n, size]`` in units of ``temperature`` times their spread over codewords, whatever the latents' scale.

    Their softmax is soft assignments or chances, which turn hard as the temperature goes to 0.
    """
    return logits / (temperature * spread(logits))


def drawn_codes(chances: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Codes int64 ``[n]``, each drawn with its chances ``[n, size]``, which add up to 1."""
    sums = chances.detach().cumsum(1)
    at = uniform(sums[:, :1].shape, generator, sums) * sums[:, -1:]
    return torch.searchsorted(sums, at)[:, 0].clamp(max=chances.shape[1] - 1)
