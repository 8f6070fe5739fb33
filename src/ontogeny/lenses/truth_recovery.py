"""A dictionary against the true features."""

from __future__ import annotations

import torch

from ontogeny.lenses.base import Found, gives, lens
from ontogeny.numerics.dictionaries import cosines, counts, matched
from ontogeny.numerics.random import Key
from ontogeny.subject import Subject


@lens(
    reads=("weights:W_dec", "truth"),
    gives={
        "mmcs_of_truth": gives(long_name="mean max cosine of a true feature with an atom"),
        "mmcs_of_atoms": gives(long_name="mean max cosine of an atom with a true feature"),
        "mcc": gives(long_name="mean |cosine| of matched atoms and features"),
        "found": gives(long_name="share of features with an atom of cosine {near:g} or more"),
        "split": gives(long_name="share of found features with several atoms"),
        "merged": gives(long_name="share of atoms near several features"),
        "chance_of_truth": gives(long_name="mean max cosine of a true feature with a random atom"),
        "chance_of_atoms": gives(long_name="mean max cosine of a random atom with a true feature"),
        "nearest_cosine": gives("feature", long_name="cosine with the nearest atom"),
        "atoms_of_feature": gives("feature", long_name="atoms of the feature"),
        "features_of_atom": gives("atom", long_name="features near the atom"),
    },
    cost="moderate",
)
def truth_recovery(model: Subject, *, near: float = 0.8, merged_at: float = 0.5, seed: int = 0) -> Found:
    """Which true features has the dictionary found, and does it split or merge them?

    Equation: c_ji = cos(w_j, f_i) of atoms and true features. mmcs_of_truth = mean_i max_j c_ji, mmcs_of_atoms = mean_j max_i c_ji (they
    differ); mcc = mean of |c| over the pairing with the largest Σ|c| (Hungarian), of min(atoms, features) pairs. found: share of
    features with an atom of cosine ≥ ``near``. split: share of the found ones that are the nearest of two atoms or more, each at least
    ``near``; merged: share of atoms with two features or more of cosine ≥ ``merged_at`` (the sum of m orthogonal features has 1/√m with
    each). chance: the same two means for a random dictionary of this shape (seeded).

    Shapes: mmcs_of_truth, mmcs_of_atoms, mcc, found, split, merged, chance_of_truth, chance_of_atoms (); nearest_cosine,
    atoms_of_feature (feature,), most frequent feature first; features_of_atom (atom,). Range: cosines in [−1, 1]. High mmcs_of_truth
    with many more atoms than features is cheap: compare with chance (.19 at d = 256 with 512 atoms, .40 at d = 32 with 64). Rare
    features are found last, and dead atoms lower mmcs_of_atoms alone. Source: Sharkey, Braun, Millidge 2022.
    """
    atoms, features = model.weights["W_dec"], model.probe.truth.features  # type: ignore[union-attr]
    cosine = cosines(atoms, features)
    best, nearest = cosine.amax(-2), cosine.amax(-1)
    count = counts(cosine, near)
    found = (best >= near).to(cosine.dtype)
    split = ((count.atoms_of_feature > 1) & (best >= near)).to(cosine.dtype).sum(-1) / found.sum(-1)
    merged = counts(cosine, merged_at).features_of_atom
    each = cosine.reshape(-1, *cosine.shape[-2:])
    mcc = torch.stack([one[matched(one)].abs().mean() for one in each]).reshape(model.lead)
    random = Key(seed, "truth_recovery").normal("dictionary", *atoms.shape[-2:], std=1.0).to(atoms)
    chance = cosines(random, features)
    return Found(
        mmcs_of_truth=best.mean(-1),
        mmcs_of_atoms=nearest.mean(-1),
        mcc=mcc,
        found=found.mean(-1),
        split=split,
        merged=(merged > 1).to(cosine.dtype).mean(-1),
        chance_of_truth=chance.amax(-2).mean().expand(model.lead),
        chance_of_atoms=chance.amax(-1).mean().expand(model.lead),
        nearest_cosine=best,
        atoms_of_feature=count.atoms_of_feature,
        features_of_atom=merged,
    )
