"""Attention of the last position."""

from __future__ import annotations

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject


@lens(
    reads=("site:attention[{layer}]",),
    gives={
        "mean": gives("head", "key", long_name="mean attention", units="share"),
        "std": gives("head", "key", long_name="deviation of attention", units="share"),
        "min": gives("head", "key", long_name="smallest attention", units="share"),
        "max": gives("head", "key", long_name="largest attention", units="share"),
        "imbalance": gives("head", long_name="|mean attention to a − mean attention to b|", units="share"),
        "asymmetry": gives("head", long_name="mean |attention to a − attention to b|", units="share"),
    },
)
def attention(model: Subject, *, layer: int = -1) -> Found:
    """How much does each head attend from the last position to each position, on average over the inputs?

    Equation: softmax weights of the last query; mean, standard deviation, smallest and largest over the inputs. A head's weights sum
    to 1 over keys. A standard deviation near 0 means that the weights do not depend on the tokens; 1/2 and 1/2 to a and b makes
    the head's output symmetric in them. ``imbalance`` is the difference between the means to a and to b, ``asymmetry`` the mean size of
    the difference at single inputs: a head that looks at the larger number, wherever it stands, has none of the first and much of the
    second. It misleads: weight is no effect (the values read may be zero or cancelled).
    Weights over (a, b): the lens ``grid_activations`` with ``tap="attention"``.
    """
    pattern = model.site(f"attention[{layer}]")  # (…, example, head, key)
    a_less_b = pattern[..., 0] - pattern[..., 1]
    return Found(
        mean=pattern.mean(-3),
        std=pattern.std(-3, correction=0),
        min=pattern.amin(-3),
        max=pattern.amax(-3),
        imbalance=a_less_b.mean(-2).abs(),
        asymmetry=a_less_b.abs().mean(-2),
    )
