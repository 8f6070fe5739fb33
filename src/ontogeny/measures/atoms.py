"""Dictionaries compared: atoms in rows (atoms × d), always. And matrices, by their singular values."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ontogeny.measures.base import measure
from ontogeny.measures.kinds import PERMUTATION, RANDOM, ROTATION, SAMPLE_SCALE, SCALE, SIGN, UNTRAINED
from ontogeny.numerics.neighbours import unit_rows
from ontogeny.numerics.transport import assignment

#: Of atoms: in another order; × a positive number each; × −1; a rotation that mixes atoms.
ORDER, LENGTH, ATOM_SIGN, MIXING = "atom_permutation", SAMPLE_SCALE, "atom_sign", "atom_rotation"
#: A shuffle of atoms changes nothing here, so it is no null.
OF_ATOMS = (RANDOM, UNTRAINED)


@measure(
    kind="similarity",
    range=(-1, 1),
    input="atoms",
    invariances=(ORDER, LENGTH, SCALE),
    nulls=OF_ATOMS,
    symmetric=False,
    label="MMCS",
    least=1,
)
class mmcs:
    """Does every atom of the first dictionary have one in the second that points the same way?

    Equation: mean over atoms i of the first (the reference) of max over atoms j of the second cos(a_i, b_j), signed.

    Range −1 … 1; asymmetric: ``reverse`` is the mean over the second's atoms. 1: all are found. High: a larger dictionary
    finds more by chance: .19 for 512 random atoms in 256 dimensions, .32 for 128 in 64, .40 for 64 in 32; and one atom may answer
    for many (see the share of distinct partners in an alignment). Null: random atoms of the same number; an untrained dictionary.
    Source: Sharkey, Braun & Millidge 2022.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return unit_rows(x)

    def pair(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        best, back = [], torch.full((len(y),), -torch.inf, dtype=x.dtype, device=x.device)
        for block in x.split(max(1, 2**24 // len(y))):
            cosines = (block @ y.mT).clamp(-1, 1)
            best.append(cosines.amax(1))
            back = torch.maximum(back, cosines.amax(0))
        return {"value": torch.cat(best).double().mean(), "reverse": back.double().mean()}


@measure(
    kind="similarity",
    range=(0, 1),
    input="atoms",
    invariances=(ORDER, LENGTH, SCALE, ATOM_SIGN),
    nulls=OF_ATOMS,
    label="MCC of atoms",
    least=1,
)
class mcc:
    """How alike are two dictionaries once atoms are paired one to one?

    Equation: mean over pairs of |cos(a_i, b_π(i))|, π the one-to-one pairing of largest sum (Hungarian method), min(atoms) pairs.

    Range 0 … 1; 1: every atom of the smaller dictionary has its own twin, up to sign. High: chance grows with the number of atoms per
    dimension. Null: random atoms of the same number; an untrained dictionary. Takes one table of atoms × atoms: 1.1 GB of two float32
    dictionaries of 16,384.
    """

    def prepare(self, x: Tensor) -> Tensor:
        return unit_rows(x)

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        few, many = (x, y) if len(x) <= len(y) else (y, x)
        cosines = (
            (few @ many.mT).abs_().clamp_(max=1).cpu().numpy()
        )  # the one table of atoms × atoms, in the precision of the atoms
        return torch.tensor(cosines[assignment(cosines)].astype(np.float64).mean())


@measure(
    kind="distance",
    range=(0, math.sqrt(2)),
    input="matrix",
    invariances=(PERMUTATION, SIGN, ROTATION, SCALE, ORDER, ATOM_SIGN, MIXING),
    nulls=OF_ATOMS,
    label="singular-value distance",
    least=1,
)
class singular_value_distance:
    """Do two matrices stretch space alike, whatever the directions?

    Equation: |σ_X − σ_Y|₂, σ the singular values divided by their L2 norm ("l2"), by their sum ("sum"), or squared and divided by the sum
    of squares ("energy"); the shorter spectrum has zeros added.

    Range 0 … √2; 0: the same spectrum up to a factor. Low: says nothing of directions: two independent random matrices of one shape
    are at about 0. Null: a random matrix of the same shape; untrained weights. A shuffle changes nothing.
    """

    normalise: Literal["l2", "sum", "energy"] = "l2"

    def prepare(self, x: Tensor) -> Tensor:
        s = torch.linalg.svdvals(x.double())
        s = s.square() if self.normalise == "energy" else s
        return s / (s.norm() if self.normalise == "l2" else s.sum())

    def pair(self, x: Tensor, y: Tensor) -> Tensor:
        longest = max(len(x), len(y))
        x, y = (torch.nn.functional.pad(s, (0, longest - len(s))) for s in (x, y))
        return (x - y).norm()
