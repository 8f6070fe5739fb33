"""Eigenvalues of the interaction matrix of each output of a bilinear network."""

from __future__ import annotations

from torch.nn.functional import pad

from ontogeny.axes import Labelled, array
from ontogeny.errors import UserError
from ontogeny.lenses.base import lens
from ontogeny.numerics.bilinear import eigenspectrum as spectrum
from ontogeny.subject import Subject


@lens(reads=("weights:W_l", "weights:W_r", "weights:W_p"), cost="moderate")
def eigenspectrum(model: Subject, *, components: int = 0) -> dict[str, Labelled]:
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
    inputs = model.weights["W_l"].shape[-1]
    count = min(components or inputs, inputs)
    values = spectrum(model.weights["W_l"], model.weights["W_r"], model.weights["W_p"])[..., :count]
    return {
        "eigenvalues": array(
            pad(values, (0, count - values.shape[-1])),
            "output",
            "component",
            long_name="eigenvalue of the interaction matrix",
            units="logit",
            coords={"output": range(model.signature.outputs), "component": range(count)},
        )
    }
