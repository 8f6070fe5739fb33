"""How many true features are active in a sample."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.subject import Subject


@lens(
    reads=("truth",),
    gives={
        "active_mean": gives(long_name="active features of a sample", units="features"),
        "active_sd": gives(long_name="deviation of active features", units="features"),
        "empty": gives(long_name="samples with no active feature", units="samples"),
        "samples": gives(long_name="samples of the probe", units="samples"),
        "rate": gives("feature", long_name="share of samples with the feature"),
        "common": gives("feature", long_name="whether other worlds have the feature"),
    },
    cost="cheap",
)
def truth_activity(model: Subject) -> Found:
    """How many true features does a sample have, and how many samples have none?

    Equation: n = Σ_i 1[c_i > 0] of a sample of the probe. active_mean, active_sd: its mean and deviation; empty: the number of samples
    with n = 0; rate_i = P(c_i > 0); common: whether other worlds have the feature.

    Shapes: active_mean, active_sd, empty, samples (); rate, common (feature,). Units: features, samples, shares. Empty samples are allowed:
    they teach nothing but b_dec, and one that is correlated has many more of them at the same mean. A mean says little where features come in
    clusters: look at the deviation.
    """
    truth = model.probe.truth
    assert truth is not None
    on = truth.codes > 0
    n = on.sum(-1).float()
    common = torch.zeros(on.shape[-1], dtype=torch.bool)
    common[truth.common] = True

    def alike(x: torch.Tensor) -> torch.Tensor:
        return x.expand((*model.lead, *x.shape))

    return Found(
        active_mean=alike(n.mean()),
        active_sd=alike(n.std()),
        empty=alike((n == 0).sum()),
        samples=alike(torch.tensor(len(n))),
        rate=alike(on.float().mean(0)),
        common=alike(common),
    )
