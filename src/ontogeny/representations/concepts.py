"""Named subsets of features ("semantic subspaces"): is what two dictionaries say of a concept more alike than what they say of the rest?

Features of X are paired with features of Y: by the correlation of their activations on the same samples, or by the cosine of their
vectors where both lie in one space. Of each concept its own pairs are made, and everything is compared with what random subsets of as
many features give, paired anew in the same way: pairing alone makes correspondence, and small subsets are easier to pair.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ontogeny import registry
from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.base import Measure, one_by_one
from ontogeny.numerics.alignment import MATCHINGS, Matching, correlations, cosines, match
from ontogeny.numerics.neighbours import unit_rows
from ontogeny.numerics.random import Key
from ontogeny.numerics.resampling import benjamini_hochberg, permutation_p
from ontogeny.representations.inputs import checked
from ontogeny.representations.rendering import mean_and_sd, number, p_value, rendered, written

if TYPE_CHECKING:
    from ontogeny.representations.result import Format

USUAL = ("rsa_cosine", "cka_linear_debiased", "svcca")
LEAST = 4  # features, the fewest of which relations are compared
PAIRS = "cosine of pairs", "correlation of pairs"


@dataclass(frozen=True, repr=False)
class Concepts:
    """``data``: one row a concept and measure; ``about``: how it was done; ``warnings``: what to know before it is believed."""

    data: pd.DataFrame
    about: str
    warnings: tuple[str, ...] = ()

    def to_dataframe(self) -> pd.DataFrame:
        """Columns concept, features, pairs, partners, measure, value, rest; mean, SD and p of random subsets and of shuffled pairs; p over concepts."""
        return self.data.copy()

    def table(self, format: Format = "markdown") -> str:
        """A table for a paper: one row a concept and measure."""
        head = ["concept", "features", "pairs", "partners", "measure", "", "value", "the rest"]
        head += ["random subsets, re-matched", "p", "p over concepts", "pairs shuffled", "p"]
        rows = [
            [
                one.concept, str(one.features), str(one.pairs), str(one.partners), one.measure, "↑" if one.kind == "similarity" else "↓",
                number(one.value), number(one.rest), mean_and_sd(one.subset_mean, one.subset_sd), p_value(one.p_subset),
                p_value(one.p_over_concepts), mean_and_sd(one.shuffled_mean, one.shuffled_sd), p_value(one.p_shuffled),
            ]
            for one in (SimpleNamespace(**{str(k): v for k, v in r.items()}) for r in self.data.to_dict("records"))
        ]  # fmt: skip
        return rendered(head, rows, [self.about, *(f"Note: {w}." for w in self.warnings)], format)

    def save(self, path: str | Path) -> Path:
        """By the ending: .md, .html, .tex and .txt hold the table, .csv the data frame."""
        return written(self.table, self.data, Path(path))

    def __repr__(self) -> str:
        return self.table("text")

    def _repr_html_(self) -> str:
        return self.table("html")


def compare_concepts(
    X: Any,
    Y: Any,
    concepts: Mapping[str, str | Sequence[int]],
    *,
    labels: Sequence[str] | None = None,
    labels_other: Sequence[str] | None = None,
    activations: tuple[Any, Any] | None = None,
    measures: str | Sequence[str] = USUAL,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    how: Matching = "hungarian",
    draws: int = 999,
    seed: int = 0,
) -> Concepts:
    """Are two dictionaries more alike in some concepts than in others, and than chance?

    ``X``, ``Y``: vectors of features, a row each (atoms × d, atoms × e). ``concepts``: a name → rows of X, or a regular expression that is
    searched in ``labels``, one label a row of X (upper and lower case alike). With ``labels_other`` the partners of a concept are those
    rows of Y whose labels have it too; else any row of Y may be.

    Pairs are made by ``how`` (see ``on.align``) from the correlation of ``activations`` (samples × atoms of X, the same samples × atoms of
    Y), or from the cosine of rows where none are given and d = e. Of the pairs: their mean score, and ``measures`` of matched samples, with rows as samples.

    ``rest``: the same of all features outside the concept. Random subsets: as many random features of X (and, with ``labels_other``, as many random
    candidates of Y), paired anew: is the concept more alike than features at large? p = (1 + #{as alike})/(1 + draws), and over all concepts
    (Benjamini & Hochberg). Pairs shuffled: the concept's own pairs in other orders: is there any relation at all? No test where
    pairs were chosen by the cosine of the same vectors: chosen pairs are related.

    How it misleads: a concept whose features are one tight cluster has neighbours in common wherever the cluster lies; "the rest" has more
    pairs, and measures such as SVCCA fall with their number: read the random subsets. Features that one label covers are chosen by whoever wrote the labels.
    """
    chosen = [measures] if isinstance(measures, str) else list(measures)
    uses = {name: registry.measures[name] for name in chosen}
    if wrong := [name for name, one in uses.items() if one.input != "samples"]:
        raise UserError(
            f"'{wrong[0]}' compares {uses[wrong[0]].input}; of concepts, pairs of features are compared as samples."
        )
    if unknown := sorted(set(options or {}) - set(uses)):
        raise UnknownName("measure among those that are compared", unknown[0], uses)
    if how not in MATCHINGS:
        raise UnknownName("matching", how, MATCHINGS)
    if draws < 19:
        raise UserError(f"{draws} draws cannot give a p-value below {1 / (1 + draws):.2g}; ask for 999.")
    x, y = checked("X", X), checked("Y", Y)
    scores = _scores(x.values, y.values, activations)
    usable, candidates = (np.flatnonzero(torch.isfinite(scores).any(axis).numpy()) for axis in (1, 0))
    given = {
        name: {k: v for k, v in one.options((options or {}).get(name, {})).items() if k != "tap"}
        for name, one in uses.items()
    }
    it = _Pairing(x.values, y.values, scores, [(one, given[name]) for name, one in uses.items()], how)
    word = PAIRS[activations is not None]
    kinds = {word: "similarity", **{name: one.kind for name, one in uses.items()}}
    sign = np.array([1.0 if kind == "similarity" else -1.0 for kind in kinds.values()])
    rows = []
    for name, asked in concepts.items():
        mine = _members(name, asked, labels, len(x.values), usable)
        theirs = _partners(name, asked, labels_other, len(y.values), candidates)
        rest = np.setdiff1d(usable, mine)
        rest_theirs = candidates if labels_other is None else np.setdiff1d(candidates, theirs)
        left, right = it.pairs(mine, theirs)
        value = it.said(left, right)
        key = Key(seed, f"concept {name}")
        subsets = it.each(
            [
                (_some(usable, len(mine), key, "X", i), candidates if labels_other is None else _some(candidates, len(theirs), key, "Y", i))
                for i in range(draws)
            ]
        )  # fmt: skip
        shuffled = it.of(
            [(left, right[key.permutation(len(right), "order", i).numpy()]) for i in range(draws)]
        )
        other = (
            it.said(*it.pairs(rest, rest_theirs))
            if min(len(rest), len(rest_theirs)) >= LEAST
            else value * np.nan
        )
        columns = {
            "measure": list(kinds), "kind": list(kinds.values()), "value": value, "rest": other,
            "subset_mean": subsets.mean(0), "subset_sd": subsets.std(0, ddof=1), "p_subset": permutation_p(sign * value, sign * subsets),
            "shuffled_mean": shuffled.mean(0), "shuffled_sd": shuffled.std(0, ddof=1), "p_shuffled": permutation_p(sign * value, sign * shuffled),
        }  # fmt: skip
        counts = {
            "concept": name,
            "features": len(mine),
            "pairs": len(left),
            "partners": len(np.unique(right)),
        }
        rows.append(pd.DataFrame({**counts, **columns}))
    data = pd.concat(rows, ignore_index=True)
    data["p_over_concepts"] = data.groupby("measure", sort=False)["p_subset"].transform(
        lambda p: benjamini_hochberg(p.to_numpy())
    )
    made = "correlation of activations" if activations is not None else "cosine"
    about = (
        f"↑ higher is more alike, ↓ lower is more alike; pairs by {made} ({how}); mean ± SD of {draws} draws, "
        f"p = (1 + #{{as alike}})/(1 + draws); p over concepts: Benjamini–Hochberg; seed {seed}."
    )
    return Concepts(data, about, (*x.warnings, *y.warnings))


def clusters(X: Any, count: int, seed: int = 0) -> dict[str, list[int]]:
    """Features (rows) in ``count`` clusters by direction (k-means of unit vectors): {"cluster 1": rows, …}, the largest first."""
    from scipy.cluster.vq import kmeans2

    x = checked("X", X).values
    if not 1 < count <= len(x) // LEAST:
        raise UserError(
            f"{count} clusters of {len(x)} features: 2 to {len(x) // LEAST} leave {LEAST} features to each on average."
        )
    _, of = kmeans2(unit_rows(x.double()).numpy(), count, minit="++", rng=np.random.default_rng(seed))
    groups = sorted((np.flatnonzero(of == c).tolist() for c in range(count)), key=len, reverse=True)
    return {f"cluster {i}": rows for i, rows in enumerate((g for g in groups if len(g) >= LEAST), 1)}


@dataclass(frozen=True)
class _Pairing:
    """How pairs are made of two sets of rows, and what is said of them."""

    x: Tensor
    y: Tensor
    scores: Tensor
    measures: list[tuple[Measure, dict[str, Any]]]
    how: Matching

    def pairs(self, mine: np.ndarray, theirs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = match(self.scores[mine][:, theirs], self.how)
        return mine[found.left], theirs[found.right]

    def said(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(1 + measure,): the mean score of the pairs, and every measure of them."""
        a, b = self.x[left], self.y[right]
        values = [self.scores[left, right].mean()]
        for one, options in self.measures:
            if len(left) < max(one.least, int(options.get("k", 0)) + 2):
                values.append(torch.tensor(torch.nan))
                continue
            values.append(
                one.pairs([one.prepare(a, **options)], [one.prepare(b, **options)], **options)["value"][0, 0]
            )
        return np.array([float(v) for v in values])

    def of(self, pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """(draw, 1 + measure)."""
        return one_by_one(lambda p: torch.from_numpy(self.said(*p)), pairs, self.x).numpy()

    def each(self, subsets: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """The same of subsets, each paired anew."""
        return one_by_one(lambda s: torch.from_numpy(self.said(*self.pairs(*s))), subsets, self.x).numpy()


def _scores(x: Tensor, y: Tensor, activations: tuple[Any, Any] | None) -> Tensor:
    if activations is None:
        if x.shape[1] != y.shape[1]:
            raise UserError(
                f"X has {x.shape[1]} coordinates and Y {y.shape[1]}: vectors of different spaces have no cosine. Pair their features by what they do "
                "on the same samples: activations=(samples × features of X, samples × features of Y)."
            )
        return cosines(x, y)
    a, b = (checked(f"activations of {name}", z).values for name, z in zip("XY", activations, strict=True))
    for name, acts, vectors in (("X", a, x), ("Y", b, y)):
        if acts.shape[1] != len(vectors):
            raise UserError(
                f"{name} has {len(vectors)} features and its activations {acts.shape[1]}; columns of the one are rows of the other."
            )
    if len(a) != len(b):
        raise UserError(
            f"The samples are not matched: the activations of X have {len(a)}, those of Y {len(b)}."
        )
    return correlations(a, b)


def _members(
    name: str, asked: str | Sequence[int], labels: Sequence[str] | None, n: int, usable: np.ndarray
) -> np.ndarray:
    """Rows of X that belong to a concept and have a score with anything."""
    if not isinstance(asked, str):
        rows = np.unique(np.asarray(asked, dtype=np.int64))
        if len(rows) and not (rows[0] >= 0 and rows[-1] < n):
            raise UserError(
                f"The concept '{name}' names row {rows[-1] if rows[-1] >= n else rows[0]}; X has rows 0 to {n - 1}."
            )
    elif labels is None:
        raise UserError(
            f"The concept '{name}' is a pattern ({asked!r}); labels=[…] are what it is searched in, one a row of X."
        )
    else:
        rows = _found(name, asked, labels, n, "X")
    kept = np.intersect1d(rows, usable)
    if len(kept) < LEAST:
        raise UserError(
            f"The concept '{name}' has {len(rows)} features in X, {len(kept)} of which vary; relations are compared of {LEAST} or more."
        )
    return kept


def _partners(
    name: str, asked: str | Sequence[int], labels: Sequence[str] | None, n: int, candidates: np.ndarray
) -> np.ndarray:
    """Rows of Y among which partners are looked for."""
    if labels is None:
        return candidates
    if not isinstance(asked, str):
        raise UserError(
            f"The concept '{name}' is a list of rows of X; which rows of Y belong to it, labels_other cannot say."
        )
    kept = np.intersect1d(_found(name, asked, labels, n, "Y"), candidates)
    if len(kept) < LEAST:
        raise UserError(
            f"The concept '{name}' has {len(kept)} features in Y; relations are compared of {LEAST} or more."
        )
    return kept


def _found(name: str, pattern: str, labels: Sequence[str], n: int, side: str) -> np.ndarray:
    if len(labels) != n:
        raise UserError(f"There are {len(labels)} labels for the {n} features of {side}; one each is needed.")
    try:
        word = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise UserError(f"The concept '{name}': {pattern!r} is no regular expression ({error}).") from None
    return np.flatnonzero([bool(word.search(label)) for label in labels])


def _some(of: np.ndarray, size: int, key: Key, side: str, i: int) -> np.ndarray:
    return of[key.permutation(len(of), side, i)[:size].sort().values.numpy()]
