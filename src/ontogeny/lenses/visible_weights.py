"""How much of a bilinear network its inputs can see."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.bilinear_products import PARTS, squared_norms
from ontogeny.subject import Subject


@lens(
    reads=("site:form",),
    gives={
        "share": gives(long_name="visible share of ‖B‖²"),
        "energy": gives("part", "output", long_name="squared norm of the interaction matrix", units="logit²"),
    },
)
def visible_weights(model: Subject) -> Found:
    """What share of the interaction matrices does any input touch?

    Equation: share = Σ_r ‖B[r] on visible entries‖² / Σ_r ‖B[r]‖². An input has one token at each position, so two different tokens of
    one position never meet: the off-diagonal entries of the blocks of a position with itself are invisible. ``energy`` has both
    squared norms, and their sum, for each output.

    Shapes: share (); energy (part, output), parts whole, visible, invisible. Units: share 1, energy logit².
    High: the weights are about what inputs see. About .51 at an initialisation with two positions; weight decay removes what is invisible
    and the loss does not hold it, so a share that still rises says that weights drift after the function is learned. It is not a measure of
    quality: rescaling the hidden units leaves it, and models with the same function can differ in it.
    """
    energy = squared_norms(*model.form(), model.signature.positions)
    whole, visible, _ = energy.sum(-1).unbind(-1)
    return Found(share=visible / whole, energy=energy, ticks={"part": list(PARTS)})
