"""The loss around a point in the space of weights: on planes, and its curvature.

A loss is a function of weights with any leading axes, ``loss({name: (*lead, …)}) → (*lead[, part])``, so that many points are one pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from ontogeny.numerics.cores import one_core_each
from ontogeny.numerics.random import Key

Point = Mapping[str, Tensor]
Loss = Callable[[dict[str, Tensor]], Tensor]

DENSE = 64  # weights up to which the Hessian is written out: Lanczos needs more of them than it is asked for


def filter_normalised(
    centre: Point, own: Mapping[str, Sequence[int]], lead: int, key: Key
) -> dict[str, Tensor]:
    """A random direction, of each filter as long as the filter of the weights: d ‖w‖ / ‖d‖, with d normal, the same for all leading axes.

    ``own[name]``: the axes, counted from the last (−1), along which a weight has one filter after another. Source: Li et al. 2018.
    """

    def of(name: str, w: Tensor) -> Tensor:
        d = torch.randn(w.shape[lead:], generator=key.generator(name), dtype=torch.float64).to(w)
        over = tuple(axis for axis in range(-d.ndim, 0) if axis not in own[name])
        if not over:
            return d.sign() * w.abs()
        return d * w.norm(dim=over, keepdim=True) / d.norm(dim=over, keepdim=True)

    return {name: of(name, w) for name, w in centre.items()}


def on_plane(
    loss: Loss, centre: Point, first: Point, second: Point, along: Tensor, across: Tensor, points: int = 2
) -> Tensor:
    """loss(centre + α first + β second) for all α and β: (across, along, *lead, part); ``points`` of them are one pass, on one core."""
    beta, alpha = (x.reshape(-1) for x in torch.meshgrid(across, along, indexing="ij"))

    def at(some: Tensor) -> Tensor:
        a, b = alpha[some], beta[some]
        with torch.no_grad():
            return loss(
                {
                    name: w
                    + torch.tensordot(a.to(w), first[name], 0)
                    + torch.tensordot(b.to(w), second[name], 0)
                    for name, w in centre.items()
                }
            )

    with one_core_each() as share:
        values = torch.cat(share(at, torch.arange(len(alpha)).split(points)))
    return values.unflatten(0, (len(across), len(along)))


class Curvature(NamedTuple):
    """Eigenvalues of the Hessian at either end of its spectrum, outermost first."""

    largest: Tensor  # (rank,)
    smallest: Tensor  # (rank,)
    residual: float  # the largest ‖Hv − λv‖ / |λ|max of them: how far they are from eigenvalues


def curvature(loss: Loss, centre: Point, k: int, key: Key) -> Curvature:
    """The k largest and the k smallest eigenvalues of ∂²loss/∂θ², by Lanczos on products Hv; written out for up to 64 weights."""
    weights = {name: w.detach().clone().requires_grad_() for name, w in centre.items()}
    leaves = list(weights.values())
    sizes = [w.numel() for w in leaves]
    n = sum(sizes)

    def flat(parts: tuple[Tensor | None, ...]) -> Tensor:
        return torch.cat(
            [
                torch.zeros(s, dtype=w.dtype, device=w.device) if g is None else g.reshape(-1)
                for g, s, w in zip(parts, sizes, leaves, strict=True)
            ]
        )

    with torch.enable_grad():
        gradient = flat(torch.autograd.grad(loss(weights), leaves, create_graph=True, allow_unused=True))

        def times(v: np.ndarray) -> np.ndarray:
            direction = torch.as_tensor(np.array(v).reshape(-1)).to(gradient)
            if not gradient.requires_grad:
                return np.zeros(n)
            hv = torch.autograd.grad(gradient, leaves, direction, retain_graph=True, allow_unused=True)
            return np.asarray(flat(hv).double().cpu().numpy())

        k = min(k, n)
        if n <= max(DENSE, 2 * k + 1):
            h = np.stack([times(row) for row in np.eye(n)])
            values, vectors = np.linalg.eigh((h + h.T) / 2)
            low, high = (values[:k], vectors[:, :k]), (values[-k:], vectors[:, -k:])
        else:
            start = torch.randn(n, generator=key.generator("start"), dtype=torch.float64).numpy()
            operator = LinearOperator((n, n), matvec=times, dtype=np.float64)
            high, low = (eigsh(operator, k, which=end, v0=start, tol=1e-5) for end in ("LA", "SA"))
        worst = max(
            float(np.linalg.norm(times(v) - value * v))
            for values, vectors in (low, high)
            for value, v in zip(values, vectors.T, strict=True)
        )
    scale = max(abs(high[0]).max(), abs(low[0]).max())
    largest, smallest = np.sort(high[0])[::-1].copy(), np.sort(low[0])
    return Curvature(torch.from_numpy(largest), torch.from_numpy(smallest), worst / scale if scale else 0.0)
