"""Things arranged by the distances between them: along a line with what is alike side by side, or on a plane."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist, squareform

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.agreement import stress
from ontogeny.numerics.extras import extra

Array = NDArray[np.float64]
Plan = Literal["mds", "umap"]
PLANS = ("mds", "umap")
OPTIMAL = (
    500  # things up to which the best of all orders of a tree is found; it takes their number to the fourth
)


class Tree(NamedTuple):
    """An order of things, and the joins of the tree above it."""

    order: NDArray[np.int64]  # (n,) which thing stands at each place
    joins: Array  # (n − 1, 4, 2): four corners of each join, (place along the order, height)


def tree(distances: Array) -> Tree:
    """Groups by average linkage: the two that are nearest on average are joined, again and again, at the height of their distance.

    (n, n) → :class:`Tree`. Branches are turned so that neighbours in the order are as near as they can be (Bar-Joseph, Gifford & Jaakkola
    2001). How it misleads: a tree comes out of any distances, also of those without groups; long bare stems say that there are some.
    """
    D = _checked(distances)
    linkage = hierarchy.linkage(squareform(D, checks=False), "average", optimal_ordering=len(D) <= OPTIMAL)
    drawn = hierarchy.dendrogram(linkage, no_plot=True)
    places = (np.array(drawn["icoord"]) - 5) / 10  # SciPy's leaves stand at 5, 15, 25, …
    return Tree(
        np.array(drawn["leaves"], dtype=np.int64), np.stack([places, np.array(drawn["dcoord"])], axis=-1)
    )


class Plane(NamedTuple):
    """Places on a plane, and how far the distances between these are from those that were asked for (0: equal up to a scale)."""

    places: Array  # (n, 2)
    stress: float


def plane(distances: Array, plan: Plan = "mds", seed: int = 0) -> Plane:
    """Places on a plane whose distances are as near as can be to (n, n) of these.

    "mds": least squares (scikit-learn's SMACOF from the classical solution: no chance in it). "umap": neighbourhoods alone; ``seed`` decides, and
    distances between groups mean nothing. Both are in the extra ``maps``. The longest direction lies along the first coordinate.
    """
    if plan not in PLANS:
        raise UnknownName("way to lay out a map", plan, PLANS)
    D = _checked(distances)
    found = _least_squares(D) if plan == "mds" else _neighbourhoods(D, "precomputed", seed)
    found = found - found.mean(0)
    _, _, axes = np.linalg.svd(found, full_matrices=False)
    found = found @ axes.T
    found *= np.where(found[np.abs(found).argmax(0), [0, 1]] < 0, -1, 1)
    return Plane(found, stress(D, cdist(found, found))["stress"])


def principal(points: Array, keep: int) -> Array:
    """Points (n, d) on their largest principal components: (n, keep), zeros where there are fewer. Either sign of a component is as good."""
    centred = points - points.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    found = np.zeros((len(points), keep))
    found[:, : min(keep, len(axes))] = centred @ axes[:keep].T
    return found


def cloud(vectors: Array, plan: Literal["umap", "pca"] = "umap", seed: int = 0) -> Array:
    """Places of many things on a plane by the cosine between their vectors, (n, d) → (n, 2).

    "umap": who is near whom, and nothing else; ``seed`` decides (umap-learn, in the extra ``maps``). "pca": the two directions in which unit
    vectors vary most; no chance in it, and little of many dimensions is seen.
    """
    if plan not in ("umap", "pca"):
        raise UnknownName("way to lay out a map", plan, ("umap", "pca"))
    X = np.asarray(vectors, dtype=np.float64)
    size = np.linalg.norm(X, axis=1, keepdims=True)
    X = X / np.where(size > 0, size, 1)
    if plan == "umap" and len(X) > 3:
        X = _neighbourhoods(X.astype(np.float32), "cosine", seed)
    found = principal(X, 2)
    return found * np.where(found[np.abs(found).argmax(0), [0, 1]] < 0, -1, 1)


def _least_squares(D: Array) -> Array:
    smacof = _map("sklearn.manifold").smacof
    centre = np.eye(len(D)) - 1 / len(D)
    values, vectors = np.linalg.eigh(-centre @ D**2 @ centre / 2)
    start = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    found, *_ = smacof(D, n_components=2, init=start, n_init=1, max_iter=1000, eps=1e-9)
    return np.asarray(found)


def _neighbourhoods(X: NDArray[np.floating], metric: str, seed: int) -> Array:
    """UMAP of vectors under a metric, or of distances ("precomputed")."""
    layout = _map("umap").UMAP(metric=metric, n_neighbors=min(15, len(X) - 1), random_state=seed, n_jobs=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that new points cannot be added, which nobody wants to
        return np.asarray(layout.fit_transform(X), dtype=np.float64)


def _map(module: str) -> Any:
    return extra(module, "maps", "A map needs")


def _checked(distances: Array) -> Array:
    D = np.asarray(distances, dtype=np.float64)
    if D.ndim != 2 or D.shape[0] != D.shape[1] or len(D) < 3:
        raise UserError(f"Three or more things are arranged, by n × n distances; these are {D.shape}.")
    if not np.isfinite(D).all():
        raise UserError(f"{int((~np.isfinite(D)).sum())} of the distances are NaN or infinite.")
    D = (D + D.T) / 2
    np.fill_diagonal(D, 0)
    return D
