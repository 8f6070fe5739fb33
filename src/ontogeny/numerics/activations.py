"""Non-linearities by the name that specs use."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor
from torch.nn.functional import gelu, relu


def quadratic(x: Tensor) -> Tensor:
    """x², the activation with which a hidden layer is a quadratic form."""
    return x.square()


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu, "quadratic": quadratic}
