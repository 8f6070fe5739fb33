"""How many directions of input space each output of a bilinear network uses."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.effective_rank import components_for, entropy_rank, ratio_rank
from ontogeny.subject import Subject


@lens(
    reads=("lens:eigenspectrum",),
    gives={
        "entropy_rank": gives("output", long_name="effective rank, entropy of λ²", units="components"),
        "ratio_rank": gives("output", long_name="effective rank, Σ|λ| / max|λ|", units="components"),
        "n_99": gives("output", long_name="components with 99 % of Σλ²", units="components"),
    },
)
def effective_rank(model: Subject) -> Found:
    """How many eigenvectors does the interaction matrix of each output spread over?

    Equation, with λ the eigenvalues of B[r] and p = λ²/Σλ²: entropy_rank = exp(−Σ p ln p); ratio_rank = Σ|λ| / max|λ|; n_99 = the
    smallest number of eigenvalues with 99 % of Σλ².

    Shapes: each (output,). Units: components; from 1 to min(2 d_hidden, input).
    High: many directions matter. One frequency alone already has four, tied in |λ|, so divide by 4 for a count of frequencies in
    a clean model. The ratio form counts a long tail of small eigenvalues fully and is the largest at an initialisation; it says
    little about a trained model with noise. Weights that no input sees count too.
    Source: the entropy form follows Roy & Vetterli, "The effective rank", EUSIPCO 2007, on energies.
    """
    eigenvalues = model.result("eigenspectrum", "eigenvalues")
    return Found(
        entropy_rank=entropy_rank(eigenvalues),
        ratio_rank=ratio_rank(eigenvalues),
        n_99=components_for(eigenvalues, 0.99),
    )
