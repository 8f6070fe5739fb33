"""Weights of which only the weights are known: recorded or imported models without a forward pass."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from ontogeny.axes import AXES, add
from ontogeny.errors import UserError
from ontogeny.models.base import Edit, Forward, Weights
from ontogeny.models.bilinear import Bilinear
from ontogeny.models.sites import Made, Sites
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature


@architectures.register("weights")
@dataclass(frozen=True)
class WeightsOnly:
    """Lenses that read weights alone can look at it. ``shapes``: the native shape of every weight."""

    shapes: dict[str, list[int]] = field(default_factory=dict, hash=False)

    taps: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    pads: ClassVar[Mapping[str, int]] = {}
    frozen: ClassVar[frozenset[str]] = frozenset()
    runs: ClassVar[bool] = False  # there is no forward pass

    @property
    def axes(self) -> Mapping[str, tuple[str, ...]]:
        names = [f"dim_{i}" for i in range(max((len(s) for s in self.shapes.values()), default=0))]
        for name in names:
            if name not in AXES:
                add(name, "unnamed axis of somebody's own module")
        return {weight: tuple(names[: len(shape)]) for weight, shape in self.shapes.items()}

    @property
    def roles(self) -> Sites:
        """Maps of weights alone, where the names are those of a bilinear network or of a transformer."""
        layers = sum(name.endswith(".mlp.W_out") and name.startswith("blocks.") for name in self.shapes)
        family = Bilinear() if "W_l" in self.shapes else Transformer(n_layers=max(layers, 1))
        found: dict[str, Any] = {}
        for role, site in family.roles.items():
            made = [one for one in (site if isinstance(site, tuple) else (site,)) if isinstance(one, Made)]
            if made and all(name in self.shapes for one in made for name in one.weights):
                found[role] = site
        return found

    def init(self, signature: Signature, key: Key) -> Weights:
        raise UserError(
            "These weights came from elsewhere; nothing here can initialise a model of their kind."
        )

    def forward(
        self, weights: Weights, inputs: Tensor, *, read: Collection[str] = (), edit: Edit | None = None
    ) -> Forward:
        raise UserError(
            "Only the weights of this run are known, not its forward pass. Record it with architecture=on.from_module(factory) "
            "or a native kind such as {'kind': 'bilinear'} to read outputs and taps."
        )

    def project(self, weights: Weights) -> Weights:
        return weights
