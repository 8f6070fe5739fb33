"""Groups of neurons that do alike, and whether there are any."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.clusters import WHOLE, grouped
from ontogeny.numerics.fourier2d import harmonics_2d, shares_of
from ontogeny.numerics.pca import pca
from ontogeny.subject import Subject

WAYS = ("spectrum", "map")
KEPT = 24  # principal components of maps that are compared


@lens(
    reads=lambda options: (
        "tap:{tap}".format(**options),
        "grid",
        *(("period",) if options["by"] == "spectrum" else ()),
    ),
    gives={
        "cluster": gives("…", long_name="group, by size", units="index"),
        "representative": gives("…", long_name="whether it is the most typical of its group"),
        "distance": gives("…", long_name="distance from the mean of its group"),
        "count": gives(long_name="groups", units="groups"),
        "stability": gives(long_name="agreement of the groups over bootstrap samples"),
        "p": gives(long_name="share of clouds without groups that fall into as tight parts"),
    },
    cost="costly",
    keep=False,
)
def neuron_clusters(
    model: Subject,
    *,
    tap: str = "neurons[-1]",
    by: Literal["spectrum", "map"] = "spectrum",
    count: int = 0,
    draws: int = 10,
    seed: int = 0,
) -> Found:
    """Do neurons, or the units of any tap, come in groups, which one is typical of each, and are the groups there at all?

    Equation: k-means of the units' vectors. ``by`` "spectrum": the shares of their variance at each frequency, √share, which forget phase; "map": their
    activations over (a, b), centred and of unit norm, on their first 24 principal components. stability: mean adjusted Rand index between the groups and those that
    bootstrap samples of the neurons give. p = (1 + #{Gaussian clouds of the same covariances whose k-means are as tight}) / 20. ``count`` 0: the largest number, 2 to
    8, that is about as stable as the most stable one (within .03), and one group where p > .05. Neurons that are constant belong to none.

    Shapes: cluster, representative, distance on the axes of the tap, NaN of constant units; count, stability, p (). Units: none. It misleads: k-means finds
    round groups of like size; a continuum that is no Gaussian cloud (a ring of phases) is cut too, and its stability then is low. Neurons of one frequency and different phases are
    one group by spectrum and a ring by map. Groups are numbered by size at every step by itself: number 0 of two steps may be different neurons.
    Source: stability, Ben-Hur, Elisseeff & Guyon 2002; adjusted Rand index, Hubert & Arabie 1985; p, Liu, Hayes, Nobel & Marron 2008.
    """
    if by not in WAYS:
        raise UnknownName("way to compare neurons", by, WAYS)
    value, axes = model.tap(tap), model.axes_of(tap)[1:]
    maps = model.on_grid(value, example_axis=len(model.lead)).double()
    own = maps.shape[len(model.lead) + 2 :]
    maps = maps.flatten(len(model.lead) + 2)
    vectors = _spectra(maps) if by == "spectrum" else _maps(maps)
    found = grouped(vectors, count, draws, seed)
    shaped = {name: one if name in WHOLE else one.unflatten(-1, own) for name, one in found.items()}
    return Found(shaped, of={name: {"axes": axes} for name in shaped if name not in WHOLE})


def _spectra(maps: Tensor) -> Tensor:
    """√ of the share of variance at each frequency: (…, neuron, frequency)."""
    return shares_of(harmonics_2d(maps).square()).clamp_min(0).sqrt().mT[..., 1:]


def _maps(maps: Tensor) -> Tensor:
    """Maps (…, a, b, neuron), centred and of unit norm, on their principal components: (…, neuron, component)."""
    rows = maps.flatten(-3, -2).mT
    rows = rows - rows.mean(-1, keepdim=True)
    norm = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    unit = torch.where(norm > 0, rows / norm.clamp_min(1e-300), 0)
    scores = pca(unit).scores[..., :KEPT]
    return torch.where(norm > 0, scores, torch.nan)
