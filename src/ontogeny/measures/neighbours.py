"""Do two representations give samples the same neighbours? Neighbours by cosine, the sample itself left out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ontogeny.measures.base import measure
from ontogeny.measures.kinds import OF_SAMPLES, ORTHOGONAL, SAMPLE_SCALE, SCALE
from ontogeny.numerics.neighbours import nearest, shared, unit_rows

ANGLES = (*ORTHOGONAL, SCALE, SAMPLE_SCALE)


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=ANGLES,
    nulls=OF_SAMPLES,
    label="kNN Jaccard",
    least=3,
)
class knn_jaccard:
    """What share of the neighbours of a sample are the same in two representations?

    Equation: mean over samples of |N_X ∩ N_Y| / |N_X ∪ N_Y|, N the ``k`` nearest by cosine.

    Range 0 … 1; chance is about k/(2(n − 1) − k): .003 for n = 2,000 and k = 10, but .36 for n = 20.
    High: samples that are copies of one another are neighbours everywhere. It says nothing of distances beyond the k-th, and
    doubling k changes it: sweep k. Null: samples shuffled; untrained models, which share the inputs' neighbours.
    Source: Schumacher et al. 2021; Wang et al. 2020.
    """

    k: int = 10

    def prepare(self, x: Tensor) -> Tensor:
        return nearest(x, self.k).sort(-1).values

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        common = shared(x, y).double()
        return (common / (2 * self.k - common)).mean()


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=ANGLES,
    nulls=OF_SAMPLES,
    label="mutual kNN",
    least=3,
)
class mutual_knn:
    """What share of a sample's neighbours in one representation are neighbours in the other?

    Equation: mean over samples of |N_X ∩ N_Y| / k, N the ``k`` nearest by cosine.

    Range 0 … 1; chance is k/(n − 1). High and null: as ``knn_jaccard``, of which it is a monotone relative sample by sample.
    Source: Huh, Cheung, Wang & Isola 2024.
    """

    k: int = 10

    def prepare(self, x: Tensor) -> Tensor:
        return nearest(x, self.k).sort(-1).values

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        return shared(x, y).double().mean() / self.k


@measure(
    kind="similarity",
    range=(0, 1),
    input="samples",
    invariances=ANGLES,
    nulls=OF_SAMPLES,
    label="rank similarity",
    least=3,
)
class rank_similarity:
    """Do the neighbours that two representations share come in the same order?

    Equation: mean over samples of Σ_{j ∈ N_X ∩ N_Y} 2 / ((1 + |r_X(j) − r_Y(j)|)(r_X(j) + r_Y(j))) / Σ_{i ≤ |N_X ∩ N_Y|} 1/i, r the rank among the ``k``
    nearest by cosine; 0 where none is shared.

    Range 0 … 1; 1: the shared neighbours are the nearest, in the same order. High: one shared neighbour that is the nearest on both
    sides gives a sample 1, whatever the others are: read it beside ``knn_jaccard``. Null: samples shuffled; untrained models.
    Source: Wang et al. 2020; Klabunde et al. 2025.
    """

    k: int = 10

    def prepare(self, x: Tensor) -> Tensor:
        return nearest(x, self.k)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        harmonic = (1 / torch.arange(1, self.k + 1, dtype=torch.float64, device=x.device)).cumsum(0)
        rank = torch.arange(1, self.k + 1, device=x.device)
        weight = 2 / ((1 + (rank[:, None] - rank).abs()) * (rank[:, None] + rank)).double()
        values = []
        for a, b in zip(x.split(2**16), y.split(2**16), strict=True):
            same = a[:, :, None] == b[:, None, :]
            common = same.sum((1, 2))
            best = harmonic[(common - 1).clamp(min=0)]
            values.append((same * weight).sum((1, 2)) / best)
        return torch.cat(values).mean()


class Placed(NamedTuple):
    """Samples as unit vectors, and their neighbours."""

    rows: Tensor
    near: Tensor


@measure(
    kind="similarity",
    range=(-1, 1),
    input="samples",
    invariances=ANGLES,
    nulls=OF_SAMPLES,
    label="second-order cosine",
    least=3,
)
class second_order_cosine:
    """Is a sample as near to its neighbours in one representation as in the other?

    Equation: mean over samples i of cos(s_X(i), s_Y(i)), s(i) the cosines of i with the union of its ``k`` nearest neighbours on either side.

    Range −1 … 1, in practice above 0. High: among neighbours all cosines are large and alike, so unrelated representations of few
    units score .9: only the distance from the null says something. Null: samples shuffled; untrained models.
    Source: Hamilton, Leskovec & Jurafsky 2016.
    """

    k: int = 10

    def prepare(self, x: Tensor) -> Placed:
        return Placed(unit_rows(x), nearest(x, self.k))

    def pair(self, x: Placed, y: Placed) -> Tensor:
        values = []
        for first in range(0, len(x.near), 2**12):
            rows = slice(first, first + 2**12)
            union = torch.cat([x.near[rows], y.near[rows]], -1)
            again = (y.near[rows][:, :, None] == x.near[rows][:, None, :]).any(-1)
            counted = torch.cat([torch.ones_like(again), ~again], -1)
            s, t = (
                torch.einsum("nd,nkd->nk", z.rows[rows], z.rows[union]).double() * counted for z in (x, y)
            )
            values.append(torch.cosine_similarity(s, t, dim=-1))
        return torch.cat(values).mean()
