"""Codes against the true codes."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.dictionaries import cosines, counts, told
from ontogeny.subject import Subject


@lens(
    reads=("tap:hook_acts", "weights:W_dec", "truth"),
    gives={
        "silent": gives("feature", long_name="share of its occurrences of which no own atom tells"),
        "absorbed": gives("feature", long_name="share of its occurrences that others stand in for"),
        "amplitude": gives("feature", long_name="size that own atoms give it, relative to the truth"),
        "silent_mean": gives(
            long_name="share of its occurrences of which no own atom tells, mean over features"
        ),
        "absorbed_mean": gives(
            long_name="share of its occurrences that others stand in for, mean over features"
        ),
        "amplitude_mean": gives(
            long_name="size that own atoms give it, relative to the truth, mean over features"
        ),
    },
    cost="moderate",
)
def truth_codes(model: Subject, *, near: float = 0.8, most: float = 0.5) -> Found:
    """Do the atoms of a true feature say when it is there, or do other atoms absorb it?

    Equation: the own atoms of feature i are those nearest to it, with a cosine ≥ ``near``. silent_i = P(no own atom active | i active);
    absorbed_i = P(no own atom active, and Σ_j a_j w_j·f_i ≥ ``most`` · c_i by others | i active); amplitude_i = Σ s c_i / Σ c_i² where
    both are active, s what own atoms put along f_i: 1 is the true size, below 1 is shrinkage.

    Shapes: silent, absorbed, amplitude (feature,), NaN without an own atom or where never active in the probe; silent_mean,
    absorbed_mean, amplitude_mean () over the others. Units: shares; amplitude relative to the truth. A feature that is always there together
    with a more general one is absorbed by definition of sparsity, not by accident: one atom for both costs less. Small true codes fall below
    any threshold and are silent without being absorbed. Units of normalised inputs are put back before they are compared only if
    normalise is "none": amplitude is NaN otherwise. Source: Chanin et al. 2024, with the truth in the place of their probes.
    """
    truth = model.probe.truth
    assert truth is not None
    acts, atoms = model.tap("hook_acts"), model.weights["W_dec"]
    own = counts(cosines(atoms, truth.features), near).own
    flat = (x.reshape(-1, *x.shape[-2:]) for x in (acts, atoms, own))
    each = [told(truth.codes, a, w, truth.features, o, most) for a, w, o in zip(*flat, strict=True)]
    silent, absorbed, amplitude = (torch.stack(x).reshape(*model.lead, -1) for x in zip(*each, strict=True))
    if getattr(model.architecture, "normalise", "none") != "none":
        absorbed, amplitude = torch.full_like(absorbed, torch.nan), torch.full_like(amplitude, torch.nan)
    each_feature = {"silent": silent, "absorbed": absorbed, "amplitude": amplitude}
    return Found(each_feature | {f"{name}_mean": value.nanmean(-1) for name, value in each_feature.items()})
