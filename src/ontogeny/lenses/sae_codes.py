"""How sparse the codes of a dictionary are, and which of its atoms are dead."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject

DECADES = 6  # of the histogram: densities from 10⁻⁶ to 1


@lens(
    reads=("tap:hook_acts",),
    gives={
        "l0": gives(long_name="active atoms of an input", units="atoms"),
        "dead": gives(long_name="share of dead atoms"),
        "density": gives("atom", long_name="share of inputs on which the atom is active"),
        "mean_active": gives("atom", long_name="mean activation where active"),
        "histogram": gives("bin", long_name="share of atoms of this density"),
    },
    cost="cheap",
)
def sae_codes(model: Subject, *, bins: int = 4) -> Found:
    """How many atoms does an input use, how often is each atom used, and which are dead?

    Equation: density_j = P(a_j ≠ 0) over the probe; l0 = Σ_j density_j, the mean number of active atoms; dead = share of atoms with
    density 0; histogram = share of atoms by log₁₀ density, ``bins`` a decade; mean_active_j = E[a_j | a_j ≠ 0].

    Shapes: l0, dead (); density, mean_active (atom,), NaN where never active; histogram (bin,), without the dead, ticks are left
    edges. Units: atoms, shares, units of the activations. Range: l0 in [0, atoms]. A small l0 is not interpretability: it is bought with
    error (sae_reconstruction) and with absorption (truth_codes). Dead means not active on this probe: with n examples an atom of
    density below 1/n looks dead, and batch_topk codes depend on which examples are there. Source: Bricken et al. 2023.
    """
    acts = model.tap("hook_acts")
    active = (acts != 0).to(acts.dtype)
    density = active.mean(-2)
    mean_active = acts.sum(-2) / active.sum(-2)
    edges = torch.logspace(-DECADES, 0, DECADES * bins + 1)[:-1]
    place = torch.searchsorted(edges.to(density), density.contiguous(), right=True) - 1
    living = density > 0
    histogram = torch.stack(
        [((place.clamp_min(0) == i) & living).to(acts.dtype).mean(-1) for i in range(len(edges))], -1
    )
    return Found(
        l0=density.sum(-1),
        dead=(~living).to(acts.dtype).mean(-1),
        density=density,
        mean_active=mean_active,
        histogram=histogram,
        ticks={"bin": [float(f"{e:.3g}") for e in edges.tolist()]},
    )
