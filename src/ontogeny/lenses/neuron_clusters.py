"""Groups of neurons that do alike, and whether there are any."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ontogeny.errors import UnknownName
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.clusters import group
from ontogeny.numerics.fourier2d import harmonics_2d, shares_of
from ontogeny.numerics.pca import pca
from ontogeny.subject import Subject

WAYS = ("spectrum", "map")
KEPT = 24  # principal components of maps that are compared


@lens(
    reads=("site:neurons[{layer}]", "grid", "period"),
    gives={
        "cluster": gives("neuron", long_name="group of the neuron, by size", units="index"),
        "representative": gives("neuron", long_name="whether the neuron is the most typical of its group"),
        "distance": gives("neuron", long_name="distance from the mean of its group"),
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
    layer: int = -1,
    by: Literal["spectrum", "map"] = "spectrum",
    count: int = 0,
    draws: int = 10,
    seed: int = 0,
) -> Found:
    """Do neurons come in groups, which neuron is typical of each, and are the groups there at all?

    Equation: k-means of the neurons' vectors. ``by`` "spectrum": the shares of their variance at each frequency, √share, which forget phase; "map": their
    activations over (a, b), centred and of unit norm, on their first 24 principal components. stability: mean adjusted Rand index between the groups and those that
    bootstrap samples of the neurons give. p = (1 + #{Gaussian clouds of the same covariances whose k-means are as tight}) / 20. ``count`` 0: the largest number, 2 to
    8, that is about as stable as the most stable one (within .03), and one group where p > .05. Neurons that are constant belong to none.

    Shapes: cluster, representative, distance (neuron,), NaN of constant neurons; count, stability, p (). Units: none. It misleads: k-means finds
    round groups of like size; a continuum that is no Gaussian cloud (a ring of phases) is cut too, and its stability then is low. Neurons of one frequency and different phases are
    one group by spectrum and a ring by map. Groups are numbered by size at every step by itself: number 0 of two steps may be different neurons.
    Source: stability, Ben-Hur, Elisseeff & Guyon 2002; adjusted Rand index, Hubert & Arabie 1985; p, Liu, Hayes, Nobel & Marron 2008.
    """
    if by not in WAYS:
        raise UnknownName("way to compare neurons", by, WAYS)
    maps = model.on_grid(model.site(f"neurons[{layer}]"), example_axis=-2).double()
    vectors = _spectra(maps) if by == "spectrum" else _maps(maps)
    flat = vectors.reshape(-1, *vectors.shape[len(model.lead) :])
    found = {
        name: torch.full(flat.shape[:2], torch.nan, dtype=torch.float64)
        for name in ("cluster", "representative", "distance")
    }
    single = {
        name: torch.full(flat.shape[:1], torch.nan, dtype=torch.float64)
        for name in ("count", "stability", "p")
    }
    for i, rows in enumerate(flat.cpu()):
        alive = rows.isfinite().all(-1)
        if int(alive.sum()) < 8:
            continue
        x = rows[alive].numpy()
        groups = group(x, count, draws=draws, seed=seed)
        far = np.linalg.norm(x - groups.centres[groups.of], axis=1)
        typical = np.zeros(len(x))
        for g in range(groups.count):
            typical[np.flatnonzero(groups.of == g)[far[groups.of == g].argmin()]] = 1
        for name, values in (("cluster", groups.of), ("representative", typical), ("distance", far)):
            found[name][i, alive] = torch.as_tensor(values, dtype=torch.float64)
        for name in single:
            single[name][i] = float(getattr(groups, name))
    lead = tuple(model.lead)
    return Found(
        {name: x.reshape(*lead, -1) for name, x in found.items()}
        | {name: x.reshape(lead) for name, x in single.items()}
    )


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
