"""Addition of two digits without a modulus: the first step of a generalised Fibonacci sequence."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ontogeny.registry import tasks
from ontogeny.tasks.modular import Pairs


@tasks.register("addition")
@dataclass(frozen=True)
class Addition(Pairs):
    """c = a + b for a, b < p: labels 0 … 2p − 2 among 2p outputs. There is no modulus, so the task has no period."""

    p: int = 10
    train_fraction: float = 0.72
    equals: bool = True

    def label(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    @property
    def outputs(self) -> int:
        return 2 * self.p

    @property
    def period(self) -> None:
        return None
