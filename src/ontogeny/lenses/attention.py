"""Attention of the last position."""

from __future__ import annotations

from ontogeny.axes import Labelled, array
from ontogeny.lenses.base import lens
from ontogeny.subject import Subject


@lens(reads=("tap:last:blocks.0.attn.hook_pattern",))
def attention(model: Subject, *, layer: int = 0) -> dict[str, Labelled]:
    """How much does each head attend from the last position to each position, on average over the inputs?

    Equation: softmax weights of the last query; mean, standard deviation, smallest and largest over the inputs. A head's weights sum
    to 1 over keys. A standard deviation near 0 means that the weights do not depend on the tokens; 1/2 and 1/2 to a and b makes
    the head's output symmetric in them. ``imbalance`` is the difference between the means to a and to b, ``asymmetry`` the mean size of
    the difference at single inputs: a head that looks at the larger number, wherever it stands, has none of the first and much of the
    second. It misleads: weight is no effect (the values read may be zero or cancelled).
    Weights over (a, b): the lens ``grid_activations`` with ``tap="last:blocks.0.attn.hook_pattern"``.
    """
    pattern = model.tap(f"last:blocks.{layer}.attn.hook_pattern")  # (…, example, head, key)
    ticks = {"head": range(pattern.shape[-2]), "key": range(pattern.shape[-1])}
    return {
        "mean": array(
            pattern.mean(-3), "head", "key", long_name="mean attention", units="share", coords=ticks
        ),
        "std": array(
            pattern.std(-3, correction=0), "head", "key", long_name="deviation of attention", units="share"
        ),
        "min": array(pattern.amin(-3), "head", "key", long_name="smallest attention", units="share"),
        "max": array(pattern.amax(-3), "head", "key", long_name="largest attention", units="share"),
        "imbalance": array(
            (pattern[..., 0] - pattern[..., 1]).mean(-2).abs(),
            "head",
            long_name="|mean attention to a − mean attention to b|",
            units="share",
        ),
        "asymmetry": array(
            (pattern[..., 0] - pattern[..., 1]).abs().mean(-2),
            "head",
            long_name="mean |attention to a − attention to b|",
            units="share",
        ),
    }
