"""Eigenvalues of the interaction matrix of each output of a bilinear network."""

from __future__ import annotations

from torch.nn.functional import pad

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.bilinear import eigenspectrum as spectrum
from ontogeny.subject import Subject


@lens(
    reads=("site:form",),
    gives={
        "eigenvalues": gives(
            "output", "component", long_name="eigenvalue of the interaction matrix", units="logit"
        )
    },
    cost="moderate",
)
def eigenspectrum(model: Subject, *, components: int = 0) -> Found:
    """Which eigenvalues does the interaction matrix of each output have?

    Equation: B[r] v = λ v with logit_r(x) = xᵀ B[r] x, by |λ| descending; at most 2 d_hidden are not zero. ``components`` keeps the first
    so many; 0 keeps as many as there are inputs. Zeros pad what a narrow model does not have, so that all widths fit one array.

    Shapes: eigenvalues (output, component). Units: logit.
    A large |λ| is a direction that the output listens to, positive for, negative against. One frequency gives four tied in |λ|, two
    of each sign: steps of four, not four features. The scale grows with the weights; compare shares or effective ranks instead.
    Errors: a negative number of components.
    """
    if components < 0:
        raise UserError(f"components = {components}: eigenspectrum keeps the first so many, or all with 0.")
    W_l, W_r, W_p = model.form()
    inputs = W_l.shape[-1]
    count = min(components or inputs, inputs)
    values = spectrum(W_l, W_r, W_p)[..., :count]
    return Found(eigenvalues=pad(values, (0, count - values.shape[-1])), ticks={"component": range(count)})
