"""Principal components of the token embedding."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.correlation import pearson
from ontogeny.numerics.pca import pca
from ontogeny.numerics.random import Key
from ontogeny.numerics.spectra import singular_values
from ontogeny.subject import Subject

DRAWS = 32  # Gaussian matrices the control averages over


@lens(
    reads=("site:embedding", "grid"),
    gives={
        "explained": gives("component", long_name="share of the embedding's variance"),
        "cumulative": gives("component", long_name="cumulative share of the embedding's variance"),
        "explained_gaussian": gives("component", long_name="share of variance, Gaussian matrix"),
        "scores": gives("token", "component", long_name="score of the token"),
        "correlation": gives("component", "variable", long_name="correlation of the scores"),
        "singular_values": gives("component", long_name="singular value of the uncentred rows"),
    },
)
def embedding_geometry(model: Subject, *, seed: int = 0) -> Found:
    """How many directions does the embedding of the numbers use, and which functions of the number are they?

    Equation: PCA of the rows W_E[0 … p − 1], centred over tokens (of a network on one-hot inputs: rows of its first map, positions side by side); ``explained`` = s² / Σ s². ``singular_values`` are those of the plain,
    uncentred rows. ``correlation``: Pearson of every component's scores with k, with (k − k̄)² and with (−1)^k.
    ``explained_gaussian``: the same shares for Gaussian matrices of the same shape (mean of 32 draws); p points of noise have a slope too.

    A share near 1 means that the numbers lie on a line. A correlation of ±1 with k means equally spaced numbers; with (k − k̄)², a
    parabola; with (−1)^k, that even and odd numbers stand apart. It misleads: smooth curves always look like a line and a parabola to PCA, whatever made them (the horseshoe effect), and
    every component is oriented so that the largest number has a score ≥ 0.

    Source: PCA, Jolliffe 2002; arch effect, Diaconis, Goel & Holmes 2008.
    """
    p = max(model.probe.grid.values())
    W_E = model.site("embedding")[..., :p, :]
    of = pca(W_E)
    k = torch.arange(p, dtype=torch.float64, device=W_E.device)
    parity = 1 - 2 * (k % 2)
    shapes = torch.stack([k, (k - k.mean()).square(), parity], -1)
    noise = Key(seed, "embedding_geometry").normal("gaussian", DRAWS, *W_E.shape[-2:], std=1)
    ticks = {
        "component": range(1, of.explained.shape[-1] + 1),
        "token": range(p),
        "variable": ["k", "(k − mean)²", "(−1)^k"],
    }
    return Found(
        explained=of.explained,
        cumulative=of.explained.cumsum(-1),
        explained_gaussian=pca(noise).explained.mean(0).expand(*model.lead, -1),
        scores=of.scores,
        correlation=pearson(of.scores, shapes),
        singular_values=singular_values(W_E),
        ticks=ticks,
    )
