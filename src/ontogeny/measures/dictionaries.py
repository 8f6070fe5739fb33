"""Dictionaries beside the truth and beside one another, by every score that is in use, and beside what is known of each by construction.

Rows of the table (``reference``) that are made of one run alone:

    its features            all true features of its world
    shared features         those that other worlds have too
    own features            those that they have not
    features, shuffled      the pairs with its features, in another order
    random vectors          as many as it has features
    itself, turned          its atoms in other coordinates: every relation is kept, no direction is
    itself, mixed           a rotation of its *atoms*: the same singular values, and no atom of the one is in the other
    itself, blurred to c    each of its atoms moved to a cosine c from where it was
    itself, half mispaired  its atoms, half of the pairs in another order

and those that are made of two:

    the other's own features                      features of the second's world that are not shared
    the other dictionary                          all atoms of the second
    best half, best quarter of the pairs          the same, of the pairs with the largest cosines
    atoms of shared features                      the atoms nearest to each shared feature on either side: pairs by the truth
    atoms of own features                         the atoms nearest to the features that the two do not share
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ontogeny.errors import UserError
from ontogeny.measures.atoms import LENGTH, ORDER, mcc, mmcs, singular_value_distance
from ontogeny.measures.base import measure
from ontogeny.measures.cca import svcca, svcca_first_component
from ontogeny.measures.cka import cka_linear_debiased
from ontogeny.measures.neighbours import knn_jaccard
from ontogeny.measures.procrustes import procrustes_normalized
from ontogeny.measures.rsa import rsa_cosine
from ontogeny.numerics.dictionaries import cosines
from ontogeny.numerics.random import Key
from ontogeny.numerics.transport import assignment
from ontogeny.subject import Subject

#: Of two sets of vectors; and of their pairs, row by row.
OF_SETS = ("MMCS", "MMCS back", "MCC", "singular-value distance")
OF_PAIRS: dict[str, Any] = {
    "kNN Jaccard": knn_jaccard,
    "SVCCA": svcca,
    "SVCCA, first component": svcca_first_component,
    "CKA": cka_linear_debiased,
    "RSA": rsa_cosine,
    "Procrustes distance": procrustes_normalized,
}
SCORES = (*OF_SETS[:3], "pair cosine", *OF_PAIRS, OF_SETS[3])
BLURS = {"itself, blurred to .9": 0.9, "itself, blurred to .7": 0.7, "itself, blurred to .5": 0.5}
ALONE = (
    "its features",
    "shared features",
    "own features",
    "features, shuffled",
    "random vectors",
    "itself, turned",
    "itself, mixed",
    *BLURS,
    "itself, half mispaired",
)
TOGETHER = (
    "the other's own features",
    "the other dictionary",
    "best half of the pairs",
    "best quarter of the pairs",
    "atoms of shared features",
    "atoms of own features",
)
ROUNDING = 1e-3  # an error that is shorter has no direction in float32
LARGE = 10.0  # in units in which variance exceeds 1, published code kept one component; atoms of norm 1 would hide it
Pairs = tuple[Tensor, Tensor]
Row = tuple[
    Tensor, Tensor, Pairs | None
]  # two sets of vectors, and which belong together where that is known


class Held(NamedTuple):
    """A dictionary over the steps of its run, its world, and its part of the table."""

    atoms: Tensor  # (step, atom, d), unit rows
    features: Tensor  # (feature, d)
    common: Tensor  # rows of features; entry j is the same feature in every world
    own: Tensor
    table: Tensor  # (step, reference of ALONE, score)


@measure(
    kind="similarity",
    range=(-1, 1),
    invariances=(ORDER, LENGTH),
    nulls=("reinitialised",),
    reads=("weights:W_dec", "truth?"),
    symmetric=False,
    label="MMCS of two dictionaries",
    gives={
        "scores": ("step", "reference", "score"),
        "right": ("step",),
        "alike": ("step",),
        "alike_by_truth": ("step",),
        "shared_error": ("step",),
    },
    ticks={"reference": (*ALONE, *TOGETHER), "score": SCORES},
)
class dictionary_scores:
    """Do two dictionaries hold the same features, and which score can tell?

    ``scores`` (step, reference, score): the dictionary of the first run beside its true features, beside the second's dictionary, and beside
    what is known by construction (the rows: see the module). Pairs are one to one with the largest sum of cosines (Hungarian method), made
    anew in every row, unless the construction or the truth says which they are. MMCS, MMCS back, MCC and singular-value distance compare
    sets; pair cosine is the mean cosine of the pairs; kNN Jaccard (``k``), SVCCA, CKA (debiased), RSA (cosine) and Procrustes distance take
    pairs as samples and coordinates as units. SVCCA, first component is what published code computed: it kept one, wherever variance
    exceeds 1 in the units of the vectors (here: atoms of length 10).

    Of the atoms a_j, b_j nearest to each shared feature f_j on either side: right = mean cos(a_j, f_j), alike = mean cos(a_j, b_j),
    alike_by_truth = mean cos(a_j, f_j) cos(b_j, f_j), what alike would be if the two had nothing in common but the feature;
    shared_error = mean cosine of what is left of a_j and of b_j without f_j, where something is left.

    ``value``: MMCS with the second dictionary at the last step. Range −1 … 1. The null of every entry is the same entry at step 0:
    untrained dictionaries, matched anew; the ceiling, another seed on the same data. NaN in the rows of two where both began at the same
    weights (a run beside itself, one seed on two data sets): what they share may be what they began with, an MMCS of .99 after 100
    updates of 3,000 in the study ``universality``. NaN where fewer than k + 2 pairs are left, and in the rows of the truth where nobody
    knows it (an SAE that was imported): the others are there. Source of the design: Sharkey, Braun & Millidge 2022.
    """

    k: int = 10
    seed: int = 0

    def prepare(self, model: Subject) -> Held:
        atoms = normalize(model.weights["W_dec"], dim=-1)
        atoms = atoms.reshape(-1, *atoms.shape[-2:])
        truth, nothing = model.probe.truth, torch.empty(0, dtype=torch.long)
        features, common = (
            (truth.features, truth.common) if truth else (atoms.new_empty(0, atoms.shape[-1]), nothing)
        )
        own = torch.ones(len(features), dtype=torch.bool)
        own[common] = False
        held = Held(atoms, features, common, own.nonzero().squeeze(-1), torch.empty(0))
        key = Key(self.seed, "dictionary_scores")
        return held._replace(table=torch.stack([self._table(alone(step, held, key)) for step in atoms]))

    def pair(self, x: Held, y: Held) -> dict[str, Tensor]:
        if x.atoms.shape[-1] != y.atoms.shape[-1]:
            raise UserError(
                f"dictionary_scores compares directions: one dictionary has {x.atoms.shape[-1]} coordinates, the other {y.atoms.shape[-1]}."
            )
        steps = list(zip(x.atoms, y.atoms, strict=True))
        together = torch.stack([self._table(beside(a, b, x, y)) for a, b in steps])
        right, *shared = (
            torch.stack(each) for each in zip(*(at_shared(a, b, x, y) for a, b in steps), strict=True)
        )
        if x.atoms[0].shape == y.atoms[0].shape and torch.equal(x.atoms[0], y.atoms[0]):
            together, *shared = (torch.full_like(one, torch.nan) for one in (together, *shared))
        return {
            "value": cosines(*steps[-1]).amax(-1).double().mean(),
            "scores": torch.cat([x.table, together], -2),
            "right": right,
            **dict(zip(("alike", "alike_by_truth", "shared_error"), shared, strict=True)),
        }

    def _table(self, rows: Iterable[Row]) -> Tensor:
        return torch.stack([self._scores(*row) for row in rows])

    def _scores(self, x: Tensor, y: Tensor, of: Pairs | None) -> Tensor:
        """(score,) of two sets of vectors and of their pairs, those of the largest cosines where none are given."""
        if min(len(x), len(y)) < self.k + 2:
            return torch.full((len(SCORES),), torch.nan, dtype=torch.float64)
        i, j = of or pairs(x, y)
        a, b = x[i], y[j]
        both_ways = _of(mmcs, x, y)
        said = [
            both_ways["value"],
            both_ways["reverse"],
            _of(mcc, x, y)["value"],
            torch.cosine_similarity(a, b, dim=-1).double().mean(),
        ]
        for one in OF_PAIRS.values():
            size = LARGE if one is svcca_first_component else 1.0
            options = {"k": self.k} if one is knn_jaccard else {}
            said.append(_of(one, size * a, size * b, **options)["value"])
        said.append(_of(singular_value_distance, x, y)["value"])
        return torch.stack([torch.as_tensor(v, dtype=torch.float64) for v in said])


def alone(atoms: Tensor, held: Held, key: Key) -> list[Row]:
    """The rows of ALONE at one step: what is compared, and in which pairs where these are known."""
    (n, d), features = atoms.shape, held.features
    turn, mix = (rotation(key.normal(name, size, size, std=1.0)) for name, size in (("turn", d), ("mix", n)))
    aside = key.normal("blur", n, d, std=1.0)
    aside = normalize(aside - (aside * atoms).sum(-1, keepdim=True) * atoms, dim=-1)
    random = normalize(key.normal("random", *(features if len(features) else atoms).shape, std=1.0), dim=-1)
    i, j = pairs(atoms, features)
    here = torch.arange(n)
    wrong, moved = here.clone(), key.permutation(n, "which")[: n // 2]
    wrong[moved] = moved.roll(1)
    return [
        (atoms, features, (i, j)),
        (atoms, features[held.common], None),
        (atoms, features[held.own], None),
        (atoms, features, (i, j[key.permutation(len(j), "order")])),
        (atoms, random, None),
        (atoms, atoms @ turn, (here, here)),
        (atoms, mix @ atoms, None),
        *((atoms, c * atoms + (1 - c**2) ** 0.5 * aside, (here, here)) for c in BLURS.values()),
        (atoms, atoms, (here, wrong)),
    ]


def beside(a: Tensor, b: Tensor, x: Held, y: Held) -> list[Row]:
    """The rows of TOGETHER at one step."""
    i, j = pairs(a, b)
    order = (a[i] * b[j]).sum(-1).argsort(descending=True)
    best = [(a[i[order[: len(i) // part]]], b[j[order[: len(i) // part]]]) for part in (2, 4)]
    m = min(len(x.common), len(y.common))
    shared = nearest(a, x.features[x.common[:m]]), nearest(b, y.features[y.common[:m]])
    return [
        (a, y.features[y.own], None),
        (a, b, (i, j)),
        *((left, right, (torch.arange(len(left)),) * 2) for left, right in best),
        (*shared, (torch.arange(m),) * 2),
        (nearest(a, x.features[x.own]), nearest(b, y.features[y.own]), None),
    ]


def pairs(x: Tensor, y: Tensor) -> Pairs:
    """The one-to-one pairs of rows of the largest sum of cosines."""
    i, j = assignment(cosines(x, y).double().numpy())
    return torch.as_tensor(i), torch.as_tensor(j)


def rotation(normal: Tensor) -> Tensor:
    """A rotation (or reflection), each as likely as any other, of a square of normal numbers (Mezzadri 2007)."""
    q, r = torch.linalg.qr(normal)
    return q * r.diagonal().sign()


def nearest(atoms: Tensor, features: Tensor) -> Tensor:
    """The atom of the largest cosine with each feature: (feature, d)."""
    return atoms[cosines(atoms, features).argmax(0)] if len(features) else features


def at_shared(a: Tensor, b: Tensor, x: Held, y: Held) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """right, alike, alike_by_truth and shared_error of the atoms nearest to the shared features."""
    m = min(len(x.common), len(y.common))
    f = x.features[x.common[:m]]
    one, other = nearest(a, f), nearest(b, y.features[y.common[:m]])
    of_one, of_other = (one * f).sum(-1), (other * f).sum(-1)
    left, right = one - of_one[:, None] * f, other - of_other[:, None] * f
    wrong = torch.minimum(left.norm(dim=-1), right.norm(dim=-1)) > ROUNDING
    rest = torch.cosine_similarity(left, right, dim=-1).masked_fill(~wrong, torch.nan)
    means = (of_one, (one * other).sum(-1), of_one * of_other, rest)
    return tuple(value.double().nanmean() for value in means)  # type: ignore[return-value]


def _of(one: Any, x: Tensor, y: Tensor, **options: int) -> dict[str, Tensor]:
    """What a registered measure says of two arrays, on the core that is at work already."""
    it = one.implementation(**options)
    a, b = it.prepare(x), it.prepare(y)
    said = it.pair(a, b) if hasattr(it, "pair") else it.pairs([a], [b])[0, 0]
    return said if isinstance(said, dict) else {"value": said}
