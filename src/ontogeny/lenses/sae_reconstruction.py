"""How well inputs are rebuilt."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject


@lens(
    reads=("tap:hook_recons",),
    gives={
        "explained": gives(long_name="share of variance explained"),
        "squared_error": gives(long_name="mean squared error of an input"),
        "cosine": gives(long_name="cosine of input and reconstruction"),
        "norm_ratio": gives(long_name="norm of reconstructions over that of inputs"),
        "shrinkage": gives(long_name="factor by which reconstructions are too small"),
    },
    cost="cheap",
)
def sae_reconstruction(model: Subject) -> Found:
    """How much of its inputs does the autoencoder rebuild, and how much smaller?

    Equation: explained = 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖²; squared_error = mean ‖x − x̂‖²; cosine = mean of cos(x, x̂); norm_ratio =
    Σ‖x̂‖ / Σ‖x‖; shrinkage γ = Σ‖x̂‖² / Σ x·x̂, the factor by which x̂ is too small: x̂/γ would be nearer to x (1: none;
    below 1: shrunk).

    Shapes: each (). Units: shares; squared_error in squared units of the inputs. Range: explained in (−∞, 1]; a mean alone explains 0.
    Much may be explained by a few large directions: of a language model's residual stream 99 % are, and the model without the rest is
    broken, so see what the reconstruction does in it (sae_splice). L1 shrinks; TopK, gates and jumps do not, or less.
    Errors: none. Source: explained variance is common; γ is Rajamanoharan et al. 2024a, 5.1.
    """
    x, rebuilt = model.probe.labels, model.tap("hook_recons")
    error = (x - rebuilt).square().sum((-2, -1))
    variance = (x - x.mean(-2, keepdim=True)).square().sum()
    inner = (x * rebuilt).sum((-2, -1))
    norm = torch.linalg.vector_norm
    return Found(
        explained=1 - error / variance,
        squared_error=error / x.shape[-2],
        cosine=torch.nn.functional.cosine_similarity(x.expand_as(rebuilt), rebuilt, dim=-1).mean(-1),
        norm_ratio=norm(rebuilt, dim=-1).sum(-1) / norm(x, dim=-1).sum(-1),
        shrinkage=rebuilt.square().sum((-2, -1)) / inner,
    )
