"""SGD, Adam and AdamW for populations: every numeric hyper-parameter is a tensor with one entry per variant.

Each is tested to follow ``torch.optim``'s path for one model. The update is written for stacked tensors (variant, …); no
reduction crosses the variant axis, so a variant's path does not depend on its company.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.compiled import compiled
from ontogeny.numerics.schedule import ramp, wrong_ramp
from ontogeny.registry import optimisers
from ontogeny.settings import LATER

Moments = dict[str, dict[str, Tensor]]  # {"m": {weight: (variant, …)}}


@dataclass(frozen=True)
class Optimiser:
    """Abstract. Numeric fields are what a study may vary per variant."""

    lr: float = 1e-3
    weight_decay: float = 0.0
    warmup: int = 0  # updates over which the learning rate rises linearly from 0
    decay_start: int = field(default=0, metadata=LATER)  # update after which it falls linearly …
    decay_stop: int = field(
        default=0, metadata=LATER
    )  # … and the last at which it is above 0; 0: it never falls

    moments: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.lr < 0 or self.weight_decay < 0:
            raise UserError(f"lr = {self.lr}, weight_decay = {self.weight_decay}: neither may be negative.")
        if wrong := wrong_ramp(self.warmup, self.decay_start, self.decay_stop):
            raise UserError(wrong)

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
        self._tables: dict[tuple[int, torch.dtype], np.ndarray] = {}

    def __call__(self, name: str, like: Tensor) -> Tensor:
        return self.of([float(getattr(o, name)) for o in self.optimisers], like)

    def lr(self, t: int) -> list[float]:
        return [o.lr * ramp(t, o.warmup, o.decay_start, o.decay_stop) for o in self.optimisers]

    def table(self, t: int, like: Tensor, numbers: Callable[[int, Hyper], list[list[float]]]) -> np.ndarray:
        """(place, number) at step ``t``, in the weight's own precision; made once for all weights."""
        if (t, like.dtype) not in self._tables:
            made = torch.tensor(numbers(t, self), dtype=torch.float64).to(like.dtype).numpy()
            self._tables = {(t, like.dtype): made}
        return self._tables[t, like.dtype]

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
        if all(x.device.type == "cpu" and x.is_contiguous() for x in (w, state["m"], state["v"])):
            places = [x.view(len(w), -1).numpy() for x in (w, g.contiguous(), state["m"], state["v"])]
            _adam(*places, hyper.table(t, w, self.numbers), self.decoupled)
        else:
            self.plainly(w, g, state, t, hyper)

    def numbers(self, t: int, hyper: Hyper) -> list[list[float]]:
        """By variant: what is left of a weight (decoupled) or how much of it joins the gradient; β₁, 1 − β₁, β₂, 1 − β₂, √(1 − β₂ᵗ),
        lr/(1 − β₁ᵗ), ε."""
        return [
            [
                1 - lr * o.weight_decay if self.decoupled else o.weight_decay,
                o.beta1,
                1 - o.beta1,
                o.beta2,
                1 - o.beta2,
                (1 - o.beta2**t) ** 0.5,
                lr / (1 - o.beta1**t),
                o.eps,
            ]
            for o, lr in zip(hyper.optimisers, hyper.lr(t), strict=True)
            if isinstance(o, Adam)
        ]

    def plainly(self, w: Tensor, g: Tensor, state: Mapping[str, Tensor], t: int, hyper: Hyper) -> None:
        """The same operation by operation, for other devices; a library's square root may round otherwise."""
        decay, beta1, fresh1, beta2, fresh2, root, size, eps = (
            hyper.of(list(column), w) for column in zip(*self.numbers(t, hyper), strict=True)
        )
        if self.decoupled:
            w.mul_(decay)
        else:
            g = g + decay * w
        m = state["m"].mul_(beta1).add_(fresh1 * g)
        v = state["v"].mul_(beta2).add_((fresh2 * g).mul_(g))
        scale = v.sqrt().div_(root).add_(eps)
        w.sub_(torch.div(size * m, scale, out=scale))


@compiled()
def _adam(w, g, m, v, numbers, decoupled):  # type: ignore[no-untyped-def]
    """One pass over the memory of a weight, (place, number). Every operation rounds by itself, square roots and quotients too."""
    for i in range(w.shape[0]):
        decay, beta1, fresh1, beta2 = numbers[i, 0], numbers[i, 1], numbers[i, 2], numbers[i, 3]
        fresh2, root, size, eps = numbers[i, 4], numbers[i, 5], numbers[i, 6], numbers[i, 7]
        for k in range(w.shape[1]):
            gradient, weight = g[i, k], w[i, k]
            if decoupled:
                weight = weight * decay
            else:
                gradient = gradient + decay * weight
            m[i, k] = m[i, k] * beta1 + fresh1 * gradient
            v[i, k] = v[i, k] * beta2 + fresh2 * gradient * gradient
            w[i, k] = weight - size * m[i, k] / (np.sqrt(v[i, k]) / root + eps)


@optimisers.register("adamw")
@dataclass(frozen=True)
class AdamW(Adam):
    """Loshchilov & Hutter 2019: weight decay acts on the weights directly, w ← (1 − lr · weight_decay) w."""

    weight_decay: float = 0.01

    decoupled = True
