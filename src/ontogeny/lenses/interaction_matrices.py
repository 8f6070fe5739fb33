"""The symmetric matrix behind each output of a bilinear network."""

from __future__ import annotations

from ontogeny.errors import UserError
from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.bilinear import interaction_matrices as matrices
from ontogeny.subject import Subject


@lens(
    reads=("site:form",),
    gives={"B": gives("output", "input", "input_other", long_name="interaction matrix", units="logit")},
    keep=False,
)
def interaction_matrices(model: Subject, *, outputs: tuple[int, ...] = ()) -> Found:
    """What does each pair of inputs contribute to each output?

    Equation: B[r] = Σ_h W_p[r,h] ½ (W_l[h] ⊗ W_r[h] + W_r[h] ⊗ W_l[h]), so logit_r(x) = xᵀ B[r] x exactly. ``outputs`` selects
    some r; empty means all. Computed when asked for and not stored: 4 MB a model at 64 outputs.

    Shapes: B (output, input, input_other), input = position · vocab + token. Units: logit.
    A large entry off the diagonal blocks is a pair of operands that speaks for the output (half of it: its mirror image has the other
    half). Off-diagonal entries within a diagonal block are seen by no input, however large.
    Errors: an output that the task does not have.
    """
    W_l, W_r, W_p = model.form()
    there = W_p.shape[-2]
    chosen = list(outputs) or list(range(there))
    if not all(0 <= r < there for r in chosen):
        raise UserError(f"outputs = {chosen}: this model has the outputs 0 to {there - 1}.")
    inputs = range(W_l.shape[-1])
    return Found(
        B=matrices(W_l, W_r, W_p[..., chosen, :]),
        ticks={"output": chosen, "input": inputs, "input_other": inputs},
    )
