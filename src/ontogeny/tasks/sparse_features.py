"""Synthetic data whose features are known: sparse codes times a dictionary of unit vectors.

    x = Σ_i c_i f_i + noise,   c_i = Bernoulli(p_i) · Uniform(0, 1),   p_i ∝ λ^i,   Σ p_i = active

With a correlation ρ the activities are those of a Gaussian copula: z ~ N(0, R) with unit diagonal and ρ within clusters of ``block``
features, feature i active where z_i > Φ⁻¹(1 − p_i). The probabilities p_i are exact whatever ρ is.

Two worlds may share features: a fraction ``shared`` of the rows comes from a dictionary common to all, the rest from the world's own
(``dictionary`` names it), and the order, which is that of frequency, is shuffled. Clusters travel with their features: those of common
features are the same in every world. Which rows are common stands in ``common`` and in the probe. Source: Sharkey, Braun, Millidge 2022.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.registry import tasks
from ontogeny.tasks.base import Batch, Probe, Signature, Truth


@tasks.register("sparse_features")
@dataclass(frozen=True)
class SparseFeatures:
    """A stream of real vectors (example, d). Samples with nothing active are allowed."""

    d: int = 256
    n_features: int = 512
    active: float = 5.0
    decay: float = 0.99
    noise: float = 0.0
    binary: bool = False
    correlation: float = 0.0
    block: int = 8
    dictionary: int = 0
    shared: float = 0.0
    probe_size: int = 4096

    finite = False

    def __post_init__(self) -> None:
        if not (0 <= self.correlation < 1 and 0 <= self.shared <= 1 and 0 < self.decay <= 1):
            raise UserError(
                f"correlation = {self.correlation}, shared = {self.shared}, decay = {self.decay}: "
                "0 ≤ correlation < 1, 0 ≤ shared ≤ 1 and 0 < decay ≤ 1 are needed."
            )
        if min(self.d, self.n_features, self.block, self.probe_size) < 1 or self.active <= 0:
            raise UserError("d, n_features, block and probe_size must be at least 1, active above 0.")
        if (most := float(self.probabilities.max())) > 1:
            raise UserError(
                f"{self.active} active features of {self.n_features} with decay {self.decay} would need a probability "
                f"of {most:.2f} for the first; use fewer active ones or a decay closer to 1."
            )

    @property
    def signature(self) -> Signature:
        return Signature(self.d, features=self.d)

    @cached_property
    def probabilities(self) -> Tensor:
        """p_i: (feature,), float64, in the order of the rows of ``truth()``."""
        p = self.decay ** torch.arange(self.n_features, dtype=torch.float64)
        return p * (self.active / p.sum())

    @cached_property
    def common(self) -> Tensor:
        """Rows of ``truth()`` that hold the common features; entry j is the same feature in every data set that shares it."""
        n = round(self.shared * self.n_features)
        return Key(self.dictionary, "dictionary").permutation(self.n_features, "order").argsort()[:n]

    @cached_property
    def own(self) -> Tensor:
        """Rows of ``truth()`` that no other world has."""
        rest = torch.ones(self.n_features, dtype=torch.bool)
        rest[self.common] = False
        return rest.nonzero().squeeze(-1)

    @cached_property
    def cluster(self) -> Tensor:
        """(feature,): which features are active together. Common features first, then the world's own, ``block`` by ``block``."""
        labels = torch.empty(self.n_features, dtype=torch.long)
        labels[self.common] = torch.arange(len(self.common)) // self.block
        labels[self.own] = -(-len(self.common) // self.block) + torch.arange(len(self.own)) // self.block
        return labels

    @property
    def empty_share(self) -> float:
        """Π (1 − p_i): the share of samples with nothing active, where features are independent."""
        return float((1 - self.probabilities).prod())

    @cached_property
    def _features(self) -> Tensor:
        own, everyone = Key(self.dictionary, "dictionary"), Key(0, "common dictionary")
        features = own.normal("features", self.n_features, self.d, std=1.0)
        rows = [everyone.normal(f"feature {j}", self.d, std=1.0) for j in range(len(self.common))]
        if rows:
            features[self.common] = torch.stack(rows)
        return torch.nn.functional.normalize(features, dim=-1)

    def truth(self) -> Tensor:
        """The true features: (n_features, d), unit rows, most frequent first."""
        return self._features.clone()

    def codes(self, generator: torch.Generator, size: int) -> Tensor:
        """Coefficients (example, feature); zero where a feature is not active."""
        shape = (size, self.n_features)
        p = self.probabilities.float()
        if self.correlation:
            together = torch.randn(size, int(self.cluster.max()) + 1, generator=generator)
            alone = torch.randn(shape, generator=generator)
            rho = self.correlation
            z = rho**0.5 * together[:, self.cluster] + (1 - rho) ** 0.5 * alone
            on = z > torch.special.ndtri(1 - self.probabilities).float()
        else:
            on = torch.rand(shape, generator=generator) < p
        return on.float() if self.binary else on * torch.rand(shape, generator=generator)

    def sample(self, generator: torch.Generator, size: int) -> tuple[Tensor, Tensor]:
        """Data (example, d) and the codes (example, feature) behind it."""
        codes = self.codes(generator, size)
        data = codes @ self._features
        if self.noise:
            data = data + self.noise * torch.randn(data.shape, generator=generator)
        return data, codes

    def probe(self) -> Probe:
        data, codes = self.sample(Key(0, "probe").generator(), self.probe_size)
        return Probe(data, data, truth=Truth(self.truth(), codes, self.common))

    def split(self, key: Key) -> dict[str, Tensor]:
        return {}

    def draw(self, key: Key, step: int, size: int) -> Batch:
        data, _ = self.sample(key.generator(step), size)
        return Batch(data, data)
