"""SGD, Adam and AdamW for populations: every numeric hyper-parameter is a tensor with one entry per variant.

Each is tested to follow ``torch.optim``'s path for one model. The update is written for stacked tensors (variant, …); no
reduction crosses the variant axis, so a variant's path does not depend on its company.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.registry import optimisers

Moments = dict[str, dict[str, Tensor]]  # {"m": {weight: (variant, …)}}


@dataclass(frozen=True)
class Optimiser:
    """Abstract. Numeric fields are what a study may vary per variant."""

    lr: float = 1e-3
    weight_decay: float = 0.0
    warmup: int = 0  # updates over which the learning rate rises linearly from 0

    moments: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.lr < 0 or self.weight_decay < 0:
            raise UserError(f"lr = {self.lr}, weight_decay = {self.weight_decay}: neither may be negative.")
        if self.warmup < 0:
            raise UserError(f"warmup = {self.warmup}: it is a number of updates, 0 or more.")

    def update(self, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int, hyper: Hyper) -> None:
        """One in-place update of one stacked weight; ``t`` counts from 1."""
        raise NotImplementedError


class Hyper:
    """Hyper-parameters of the variants side by side. ``hyper("lr", w)`` broadcasts over a stacked weight.

    Powers and quotients of hyper-parameters are taken in float64, as torch's optimisers do in Python.
    """

    def __init__(self, optimisers: list[Optimiser], device: torch.device) -> None:
        self.optimisers, self.device = optimisers, device
        self._columns: dict[tuple[object, ...], Tensor] = {}

    def __call__(self, name: str, like: Tensor) -> Tensor:
        return self.of([float(getattr(o, name)) for o in self.optimisers], like)

    def lr(self, t: int) -> list[float]:
        return [o.lr * min(1.0, t / o.warmup) if o.warmup else o.lr for o in self.optimisers]

    def of(self, values: list[float], like: Tensor) -> Tensor:
        key = (*values, like.dtype, like.ndim)
        if key not in self._columns:
            column = torch.tensor(values, dtype=torch.float64).to(like.dtype).to(self.device)
            self._columns[key] = column.reshape(-1, *[1] * (like.ndim - 1))
        return self._columns[key]


@optimisers.register("sgd")
@dataclass(frozen=True)
class SGD(Optimiser):
    """w ← w − lr · v, v ← momentum · v + g + weight_decay · w."""

    momentum: float = 0.0

    moments = ("velocity",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.momentum < 1:
            raise UserError(f"momentum = {self.momentum}: 0 ≤ momentum < 1 is needed.")

    def update(self, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int, hyper: Hyper) -> None:
        g = g + hyper("weight_decay", w) * w
        velocity = state["velocity"].mul_(hyper("momentum", w)).add_(g)
        w.sub_(hyper.of(hyper.lr(t), w) * velocity)


@optimisers.register("adam")
@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma & Ba 2015; weight decay is added to the gradient."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    moments = ("m", "v")
    decoupled: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.eps >= 0):
            raise UserError(
                f"beta1 = {self.beta1}, beta2 = {self.beta2}, eps = {self.eps}: 0 ≤ beta < 1 and eps ≥ 0 are needed."
            )

    def update(self, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int, hyper: Hyper) -> None:
        lr = hyper.lr(t)
        decay = [o.weight_decay for o in hyper.optimisers]
        if any(decay) and self.decoupled:
            w.mul_(hyper.of([1 - a * d for a, d in zip(lr, decay, strict=True)], w))
        elif any(decay):
            g = g + hyper.of(decay, w) * w
        beta1, beta2 = hyper("beta1", w), hyper("beta2", w)
        fresh1 = hyper.of([1 - o.beta1 for o in hyper.optimisers], w)  # type: ignore[attr-defined]
        fresh2 = hyper.of([1 - o.beta2 for o in hyper.optimisers], w)  # type: ignore[attr-defined]
        m = state["m"].mul_(beta1).add_(fresh1 * g)
        v = state["v"].mul_(beta2).add_((fresh2 * g).mul_(g))
        root = hyper.of([(1 - o.beta2**t) ** 0.5 for o in hyper.optimisers], w)  # type: ignore[attr-defined]
        size = hyper.of([a / (1 - o.beta1**t) for a, o in zip(lr, hyper.optimisers, strict=True)], w)  # type: ignore[attr-defined]
        scale = v.sqrt().div_(root).add_(hyper("eps", w))
        w.sub_(torch.div(size * m, scale, out=scale))


@optimisers.register("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """Loshchilov & Hutter 2019: weight decay acts on the weights directly, w ← (1 − lr · weight_decay) w."""

    weight_decay: float = 0.01

    decoupled = True
