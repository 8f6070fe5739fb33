"""Two dictionaries as two maps side by side, atom by atom: who belongs to whom, what lies near, and what an atom does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.numerics.alignment import Matched, Matching, correlations, cosines, match
from ontogeny.numerics.arranging import cloud
from ontogeny.representations.concepts import clusters as clustered
from ontogeny.representations.inputs import checked

NEAREST = 5  # atoms of the other side that are shown of each
EXAMPLES = 8  # samples on which an atom is most active
TILE = 14  # pixels of the small map of an atom
GROUPS = 7  # as many as there are colours
ONE_TO_ONE = 4096  # atoms up to which pairs are one to one unless somebody asks otherwise
Whole = NDArray[np.int32]
Single = NDArray[np.float32]


@dataclass(frozen=True)
class Side:
    """One dictionary as it is drawn; everything is by atom.

    ``places`` (atom, 2); ``partner``: its atom of the other side, −1 for none, and ``score``, that pair's correlation or cosine; ``nearest``
    (atom, 5) and ``near``: the atoms of the other side with the largest scores. Where activations are known: ``density``, the share of samples on
    which it is active; ``examples`` (atom, 8): the samples on which it is most active, and ``most``, how much there; ``tiles`` (atom, 14, 14): its mean activation
    over blocks of a grid of samples, 255 at its largest.
    """

    name: str
    places: Single
    partner: Whole
    score: Single
    nearest: Whole
    near: Single
    cluster: Whole  # −1: in none
    labels: tuple[str, ...] = ()
    density: Single | None = None
    examples: Whole | None = None
    most: Single | None = None
    tiles: NDArray[np.uint8] | None = None


@dataclass(frozen=True, repr=False)
class LinkedMaps:
    """``left`` and ``right`` with their pairs; ``save("maps.html")`` writes one page that needs no network."""

    left: Side
    right: Side
    pairs: Matched
    by: Literal["correlation", "cosine"]
    layout: str
    inputs: tuple[str, ...] = ()  # what the samples are called

    def __repr__(self) -> str:
        return f"<LinkedMaps {self.left.name} and {self.right.name}: {self.pairs.says()}>"

    def _repr_html_(self) -> str:
        import html

        page = html.escape(self.page(), quote=True)
        return (
            f'<iframe srcdoc="{page}" style="width:100%;height:780px;border:0" title="linked maps"></iframe>'
        )

    def page(self) -> str:
        """The HTML page."""
        from ontogeny.representations.linked_page import render

        return render(self)

    def save(self, path: str | Path) -> Path:
        """Write the page."""
        where = Path(path)
        if where.suffix != ".html":
            raise UserError(f"{where.name}: linked maps are one .html page.")
        where.write_text(self.page(), encoding="utf-8")
        return where


def linked_maps(
    X: Any,
    Y: Any,
    *,
    activations: tuple[Any, Any] | None = None,
    labels: Sequence[str] | None = None,
    labels_other: Sequence[str] | None = None,
    inputs: Sequence[str] = (),
    grid: tuple[int, int] | None = None,
    names: tuple[str, str] = ("A", "B"),
    clusters: int = GROUPS,
    how: Matching | None = None,
    layout: Literal["umap", "pca"] = "umap",
    seed: int = 0,
) -> LinkedMaps:
    """Where does each feature of one dictionary lie in the other?

    ``X``, ``Y``: vectors of features, a row each (atoms × d, atoms × e). Pairs and neighbours are found by the correlation of ``activations`` (samples × atoms
    of X, the same samples × atoms of Y), or by the cosine of rows where none are given and d = e; ``how``: see ``on.align`` (one to one up to
    4,096 atoms, above these "mutual"). Each dictionary is laid out by itself, by the cosine between its atoms: "umap" (extra ``maps``) or "pca", its two largest directions.
    ``clusters``: k-means of X's directions; a feature of Y has the colour of its partner. ``inputs``: what samples are called; ``grid``: samples are
    all (a, b) in this order.

    How it misleads: UMAP keeps neighbourhoods and nothing else; the size of a cluster and the distance between two mean nothing, and the two maps share no
    coordinates: what connects them is partners and colours. Every atom that can be paired is, however badly: read the score.
    """
    x, y = checked("X", X).values.float(), checked("Y", Y).values.float()
    acts = None
    if activations is not None:
        acts = tuple(checked(n, a).values.float() for n, a in zip(("X", "Y"), activations, strict=True))
        for side, of, vectors in zip("XY", acts, (x, y), strict=True):
            if of.shape[1] != len(vectors):
                raise UserError(
                    f"The activations of {side} are samples × atoms: {of.shape[1]} columns, and there are {len(vectors)} atoms."
                )
        if len(acts[0]) != len(acts[1]):
            raise UserError(f"The samples are not matched: X has {len(acts[0])}, Y has {len(acts[1])}.")
        if grid is not None and grid[0] * grid[1] != len(acts[0]):
            raise UserError(f"A grid of {grid[0]} × {grid[1]} has not {len(acts[0])} samples.")
    elif x.shape[1] != y.shape[1]:
        raise UserError(
            f"Atoms of {x.shape[1]} and of {y.shape[1]} dimensions share no space: pairs need the activations of both on the same samples."
        )
    scores = correlations(*acts) if acts else cosines(x, y)
    if how is None:
        how = "hungarian" if max(scores.shape) <= ONE_TO_ONE else "mutual"
    pairs = match(scores, how)
    groups = clustered(x, min(clusters, max(len(x) // 4, 2)), seed) if len(x) >= 8 and clusters > 1 else {}
    group = np.full(len(x), -1, np.int32)
    for i, rows in enumerate(groups.values()):
        group[rows] = i
    scores = scores.nan_to_num(nan=-2.0)
    sides = []
    for mine, (vectors, table, said) in enumerate(((x, scores, labels), (y, scores.mT, labels_other))):
        if said is not None and len(said) != len(vectors):
            raise UserError(f"There are {len(said)} labels for the {len(vectors)} atoms of {'XY'[mine]}.")
        here, there = (pairs.left, pairs.right) if mine == 0 else (pairs.right, pairs.left)
        partner, score = np.full(len(vectors), -1, np.int32), np.full(len(vectors), np.nan, np.float32)
        order = np.argsort(pairs.score, kind="stable")  # the best of several stays
        partner[here[order]], score[here[order]] = there[order], pairs.score[order]
        near, nearest = table.topk(min(NEAREST, table.shape[1]))
        sides.append(
            Side(
                names[mine],
                cloud(vectors.double().numpy(), layout, seed).astype(np.float32),
                partner,
                score,
                nearest.numpy().astype(np.int32),
                near.numpy().astype(np.float32),
                group if mine == 0 else np.where(partner >= 0, group[partner], -1).astype(np.int32),
                tuple(said or ()),
                **(_doing(acts[mine], grid) if acts else {}),
            )
        )
    return LinkedMaps(sides[0], sides[1], pairs, "correlation" if acts else "cosine", layout, tuple(inputs))


def _doing(acts: Tensor, grid: tuple[int, int] | None) -> dict[str, Any]:
    """What the atoms do on the samples, (sample, atom)."""
    most, examples = acts.topk(min(EXAMPLES, len(acts)), dim=0)
    found: dict[str, Any] = {
        "density": (acts > 0).float().mean(0).numpy(),
        "examples": examples.mT.contiguous().numpy().astype(np.int32),
        "most": most.mT.contiguous().numpy(),
    }
    if grid is not None:
        maps = acts.mT.reshape(-1, 1, *grid)
        small = torch.nn.functional.interpolate(maps, (TILE, TILE), mode="area").squeeze(1)
        top = small.abs().amax((-2, -1), keepdim=True).clamp_min(1e-30)
        found["tiles"] = (255 * (small / top).clamp(0, 1)).round().to(torch.uint8).numpy()
    return found
