"""Which frequencies a bilinear network computes each output with."""

from __future__ import annotations

from typing import Literal

import torch

from ontogeny.errors import UnknownName
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.bilinear import FORMS
from ontogeny.numerics.bilinear import frequency_distribution as distribution
from ontogeny.numerics.spectra import strongest_first
from ontogeny.subject import Subject


@lens(
    reads=("site:form", "grid", "period"),
    gives={
        "p": gives("side", "output", "frequency", long_name="frequency share"),
        "ranked": gives(
            "side", "output", "rank", long_name="share of an output's strongest, second, … frequency"
        ),
    },
)
def frequency_distribution(model: Subject, *, form: Literal["power", "amplitude_top4"] = "power") -> Found:
    """Which frequencies of each operand does the network use for each output?

    Equation: p(f | r) ∝ diag(F B[r]² Fᴴ) on the operand's block of the interaction matrix B[r], folded to 0 ≤ f ≤ ⌊p/2⌋ (bins
    0 < f < p/2 count twice): the λ²-weighted power of all eigenvectors of B[r]. ``form="amplitude_top4"``, for comparison with
    published figures: Σ |λ| |rFFT v| over the top four eigenvectors; one frequency has four eigenvalues tied in |λ|, so it shows
    about one frequency an output, and which one is arbitrary where frequencies tie.

    Shapes: p (side, output, frequency), each row of frequencies summing to 1; ranked (side, output, rank): the shares of its
    frequencies but the constant, strongest first. Units: share.
    A high p(f | r) says that much of B[r] oscillates at f, not that it is used: weights that no input sees count too, and so do
    waves of one operand alone. A model that treats its operands alike has equal sides.
    Errors: an unknown form names the known ones.
    """
    if form not in FORMS:
        raise UnknownName("form of the frequency distribution", form, FORMS)
    p, vocab = model.period, model.signature.vocab
    blocks = [slice(i * vocab, i * vocab + p) for i in range(len(model.grid))]
    shares = torch.stack([distribution(*model.form(), block, form) for block in blocks], dim=-3)
    return Found(
        p=shares,
        ranked=strongest_first(shares),
        ticks={"side": list(model.grid), "rank": range(1, p // 2 + 1)},
    )
