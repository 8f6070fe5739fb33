"""Shape of a cloud of points: pieces and loops that last over many scales, angles around a loop, a graph of its parts.

The computing is ripser's, persim's, DREiMac's and KeplerMapper's, in the extra ``topology``.
"""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from ontogeny.errors import UnknownName, UserError
from ontogeny.numerics.arranging import principal
from ontogeny.numerics.extras import extra

Array = NDArray[np.float64]
Distance = Literal["bottleneck", "wasserstein"]
LANDMARKS = 400  # points from which loops are found; of more, a spread-out subset


def persistence(points: Array, landmarks: int = LANDMARKS) -> list[Array]:
    """Bars (n, 2) of birth and death: of pieces, and of loops (Vietoris–Rips complex, Z₂ coefficients), the longest first.

    (n, d) → [H0, H1]. A piece is born at 0 and dies when it joins another; one never dies (inf). A loop is born when its points are joined around,
    and dies when it is filled. Of more than ``landmarks`` points a greedily spread-out subset is taken, which moves no end by more
    than its covering radius.
    """
    X = _checked(points)
    few = landmarks if len(X) > landmarks else None
    found = _extra("ripser").ripser(X, maxdim=1, n_perm=few)["dgms"]
    return [_longest(np.asarray(bars, dtype=np.float64)) for bars in found]


def radius_of(points: Array) -> float:
    """Root mean square distance of points (n, d) from their middle."""
    return float(np.sqrt(np.square(points - points.mean(0)).sum(-1).mean()))


def loop_share(bars: Array, points: Array) -> Array:
    """Persistence of loops in units of that of a dense perfect circle of the same size: (death − birth)/(√3 · root mean square radius)."""
    radius = radius_of(points)
    return (bars[:, 1] - bars[:, 0]) / (np.sqrt(3) * radius) if radius > 0 else np.zeros(len(bars))


def circular_coordinate(points: Array, loop: int = 0, landmarks: int = LANDMARKS) -> Array:
    """An angle (n,) in [0, 2π) of every point around the loop that lasts ``loop``-th longest (de Silva, Morozov & Vejdemo-Johansson 2011, by
    DREiMac's sparse version): harmonic, so that it turns as evenly as it can. Where it begins and which way it turns means nothing.
    """
    X = _checked(points)
    if len(persistence(X, landmarks)[1]) <= loop:
        raise UserError(
            f"There are not {loop + 1} loops in these {len(X)} points, so nothing goes around one."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = _extra("dreimac").CircularCoords(X, n_landmarks=min(landmarks, len(X)))
        try:
            angles = found.get_coordinates(cocycle_idx=loop, perc=0.9)
        except Exception as error:  # DREiMac raises nothing more special
            raise UserError(
                f"Loop {loop} of these {len(X)} points is too short to go around: {error}"
            ) from None
    return np.asarray(angles, dtype=np.float64) % (2 * np.pi)


def diagram_distance(first: Array, second: Array, how: Distance = "bottleneck") -> float:
    """How far bars have to be moved to turn one diagram into another: by the farthest ("bottleneck") or all together ("wasserstein", order 1, Euclidean).

    Bars may be moved onto the diagonal, where they are nothing. Bars that never end are left out.
    """
    if how not in ("bottleneck", "wasserstein"):
        raise UnknownName("distance of diagrams", how, ("bottleneck", "wasserstein"))
    finite = [bars[np.isfinite(bars).all(-1)] for bars in (first, second)]
    if not any(map(len, finite)):
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(getattr(_extra("persim"), how)(*finite))


class Graph(NamedTuple):
    """A Mapper graph: which points are in a node, and which nodes share points."""

    nodes: list[NDArray[np.int64]]
    edges: list[tuple[int, int]]

    @property
    def loops(self) -> int:
        """Independent cycles: edges − nodes + pieces. Where intervals overlap in two directions, triangles are among them."""
        return len(self.edges) - len(self.nodes) + self.pieces

    @property
    def pieces(self) -> int:
        """Connected parts."""
        joined = np.zeros((len(self.nodes), len(self.nodes)))
        for i, j in self.edges:
            joined[i, j] = 1
        return int(connected_components(joined, directed=False)[0]) if len(joined) else 0


def mapper(
    points: Array,
    seen: Array | None = None,
    intervals: int | None = None,
    overlap: float = 0.4,
    reach: float | None = None,
) -> Graph:
    """Points seen through a function (n, m) (the first two principal components, unless given), cut into overlapping intervals (4 to 10, with √n); in
    each, groups that hang together (DBSCAN within ``reach``: three times the median distance to the nearest neighbour) are nodes, and nodes that share points are joined (Singh, Mémoli &
    Carlsson 2007). How it misleads: pieces and loops come and go with intervals, overlap and reach; believe what many settings show.
    """
    X = _checked(points)
    kmapper, cluster = _extra("kmapper"), _extra("sklearn.cluster")
    if reach is None:
        near = _extra("sklearn.neighbors").NearestNeighbors(n_neighbors=2).fit(X).kneighbors(X)[0][:, 1]
        reach = 3 * float(np.median(near)) or 1e-9
    if intervals is None:
        intervals = int(np.clip(round(len(X) ** 0.5 / 1.6), 4, 10))
    function = principal(X, 2) if seen is None else np.asarray(seen, dtype=np.float64).reshape(len(X), -1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: dict[str, Any] = kmapper.KeplerMapper(verbose=0).map(
            function,
            X,
            cover=kmapper.Cover(n_cubes=intervals, perc_overlap=overlap),
            clusterer=cluster.DBSCAN(eps=reach, min_samples=2),
        )
    names = list(found["nodes"])
    edges = {
        tuple(sorted((names.index(a), names.index(b))))
        for a, others in found["links"].items()
        for b in others
    }
    return Graph([np.array(found["nodes"][name]) for name in names], sorted(edges))  # type: ignore[arg-type]


def _longest(bars: Array) -> Array:
    return bars[np.argsort(-(bars[:, 1] - bars[:, 0]), kind="stable")] if len(bars) else np.zeros((0, 2))


def _checked(points: Array) -> Array:
    X = np.asarray(points, dtype=np.float64)
    if X.ndim != 2 or len(X) < 3:
        raise UserError(f"A shape is of three or more points, (n, d); these are {X.shape}.")
    if not np.isfinite(X).all():
        raise UserError(f"{int((~np.isfinite(X)).any(1).sum())} of {len(X)} points are NaN or infinite.")
    return X


def _extra(module: str) -> Any:
    return extra(module, "topology", "Shapes need")
