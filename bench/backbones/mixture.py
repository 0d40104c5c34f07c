"""Raster-order autoregression over continuous tokens, each a mixture of Gaussians."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from bench.backbones.base import Backbone, Size, Structure
from bench.backbones.corpus import Corpus
from bench.backbones.latents import Standard, reject_truncation
from bench.backbones.layers import Places, Trunk, inside
from bench.backbones.sampling import Noise, Sampling, draw
from bench.contracts.tokens import Tokens
from bench.errors import BenchError

SMALLEST_SCALE = 1e-6


class Mixture(Backbone):
    """p(tokens | class) = Π_t p(token_t | tokens before t, class), each a density: GIVT (Tschannen et al. 2023).

    A causal transformer whose input is a linear projection of the token and whose output is the parameters of a
    mixture of Gaussians with diagonal covariances (§3.2). The likelihood is exact: a density of the latents in nats,
    which has no bounds. With ``temperature`` t, the predicted standard deviations are multiplied by t, the variances
    by t² (§3.4); 0 takes the mean of the drawn component. What a sample becomes depends on its batch by rounding
    alone.

    Attributes:
        cached: whether keys and values are kept while sampling, instead of computed again at every step.
        components: components of the mixture; 16 in the paper.
    """

    components: ClassVar[int] = 16
    cached = True

    def __init__(self, structure: Structure, size: Size, classes: int = 0) -> None:
        super().__init__(structure, size, classes)
        self.standard = Standard(structure, "a mixture")
        self.embedding = nn.Linear(structure.dim, size.width)
        self.places = Places(structure.grids[0], size.width)
        self.trunk = Trunk(size, structure.positions[0])
        self.head = MixtureHead(size.width, structure.dim, self.components)

    def prepare(self, corpus: Corpus) -> None:
        self.standard.fit(corpus)

    def nats(self, tokens: Tokens, start: torch.Tensor) -> torch.Tensor:
        latents = self.standard(tokens)
        unpadded = inside(tokens.positions(0).to(self.device), latents.shape[1])
        before = torch.cat([start[:, None], self.embedding(latents[:, :-1])], dim=1)
        hidden = self.trunk(before + self.places(latents.shape[1]))
        costs = self.standard.log_scale - self.head.log_density(hidden, latents)
        return (costs * unpadded).sum(1)

    def draw(self, start: torch.Tensor, noise: Noise, sampling: Sampling) -> Tokens:
        reject_truncation("mixture", sampling)
        if sampling.guidance != 1:
            raise BenchError(
                "mixture has no guidance, because a mixture times a power of another is a density that cannot be "
                "drawn from exactly; use the diffusion paradigm, or guidance=1"
            )
        (positions,) = self.structure.positions
        uniform, normal = noise.uniform(positions), noise.normal(positions, self.structure.dim)
        cache = self.trunk.cache() if self.cached else None
        embedded, places, drawn = start[:, None], self.places(positions), []
        for position in range(positions):
            placed = embedded + places[: position + 1]
            hidden = self.trunk(placed[:, -1:] if self.cached else placed, cache=cache)[:, -1]
            logits, means, scales = self.head(hidden)
            component = draw(logits.double().softmax(-1), uniform[:, position])
            row = torch.arange(len(component), device=self.device)
            spread = sampling.temperature * scales[row, component] * normal[:, position]
            drawn.append((means[row, component] + spread).to(start))
            self.stepped()
            embedded = torch.cat([embedded, self.embedding(drawn[-1])[:, None]], dim=1)
        return self.structure.continuous(self.standard.undo(torch.stack(drawn, 1)))


class MixtureHead(nn.Module):
    """Hidden states to a mixture of Gaussians, the same one for every state at first."""

    def __init__(self, width: int, dim: int, components: int) -> None:
        super().__init__()
        self.dim, self.components = dim, components
        self.linear = nn.Linear(width, components * (1 + 2 * dim))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        # Components that are equal would stay equal.
        means = slice(components, components * (1 + dim))
        nn.init.normal_(self.linear.bias.detach()[means], std=0.1)

    def forward(self, hidden: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Logits ``[..., components]``, means and standard deviations ``[..., components, dim]``."""
        parameters = self.linear(hidden)
        parameters = parameters if torch.is_grad_enabled() else parameters.double()
        sizes = [self.components, self.components * self.dim, self.components * self.dim]
        logits, means, raw = parameters.split(sizes, -1)
        # Positive and smooth, and 1 at 0: "square plus".
        scales = ((raw + torch.sqrt(raw**2 + 4)) / 2).clamp(min=SMALLEST_SCALE)
        shape = (self.components, self.dim)
        return logits, means.unflatten(-1, shape), scales.unflatten(-1, shape)

    def log_density(self, hidden: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
        """Log-density of each token in nats, ``[...]``, from hidden states ``[..., width]``.

        Without gradients it is float64.
        """
        logits, means, scales = self(hidden)
        components = Independent(Normal(means, scales, validate_args=False), 1, validate_args=False)
        mixture = MixtureSameFamily(Categorical(logits=logits, validate_args=False), components, validate_args=False)
        density: torch.Tensor = mixture.log_prob(latents.to(logits))
        return density
