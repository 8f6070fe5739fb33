"""Do two comparisons of the same models agree?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ontogeny.axes import Labelled, dataset, labelled, to_numpy
from ontogeny.errors import UserError
from ontogeny.numerics.agreement import K, correlations, neighbourhoods, stress, to_distance
from ontogeny.numerics.mantel import mantel

if TYPE_CHECKING:
    import xarray as xr

BY_K = {
    "knn_overlap": "share of the k nearest neighbours in common",
    "jaccard": "Jaccard index of the neighbour sets",
    "trustworthiness": "trustworthiness",
    "continuity": "continuity",
    "chance_knn_overlap": "overlap expected of unrelated matrices",
    "chance_jaccard": "Jaccard index expected of unrelated matrices",
}
ONCE = {
    "pearson": "Pearson correlation of distances",
    "spearman": "Spearman correlation of distances",
    "stress": "stress at the best scale",
    "scale": "best scale of the second matrix",
    "stress_unscaled": "stress at scale 1",
}


def agreement(
    D1: Any,
    D2: Any,
    control: Any = None,
    *,
    k: Sequence[int] = K,
    permutations: int = 9999,
    seed: int = 0,
) -> xr.Dataset:
    """Do two comparisons of the same models agree in distances, in their order, and in who is whose neighbour?

    ``D1``, ``D2``: results of measures (Dataset, or DataArray with ``attrs["kind"]``), turned into distances first: cosine s →
    √(2(1 − s)), inner product g → √(g_ii + g_jj − 2 g_ij), divergence → √; or (N, N) arrays, which are distances. ``control``:
    a third matrix to hold fixed, such as |Δd|; always distances. Not for models ordered by a setting: see
    :mod:`ontogeny.numerics.matched`.

    pearson, spearman of the upper triangles, with Mantel's p-value (``…_p``), and partial (``partial_…``) if there is a
    control; stress with the best scale α and with α = 1; over ``k``: knn_overlap, jaccard, each with its chance level,
    trustworthiness, continuity (missing for k ≥ N/2).

    High: the two name the same models alike. It misleads where both follow a third thing, such as the width: read the partial
    correlation; and where k nears N, where every overlap nears 1: read the distance to chance. Errors: matrices that are not
    square, symmetric, finite, or about the same runs.
    """
    first, second = as_distances(D1, "first"), as_distances(D2, "second")
    _same_runs(D1, D2, len(first), len(second))
    if control is not None:
        control = to_numpy(getattr(control, "values", control)).astype(float)
    values = {**correlations(first, second), **stress(first, second)}
    arrays = {name: labelled(values[name], long_name=title) for name, title in ONCE.items()}
    for method in ("pearson", "spearman"):
        arrays |= _tests(method, first, second, None, permutations, seed)
        if control is not None:
            arrays |= _tests(method, first, second, control, permutations, seed)
    near = neighbourhoods(first, second, k)
    arrays |= {
        name: labelled(near[name], "k", long_name=title, coords={"k": list(k)})
        for name, title in BY_K.items()
    }
    return dataset(arrays, attrs={"n": len(first), "permutations": permutations, "seed": seed})


def _tests(method: str, D1: Any, D2: Any, control: Any, permutations: int, seed: int) -> dict[str, Labelled]:
    test = mantel(D1, D2, control, method=method, permutations=permutations, seed=seed)
    given = f"partial_{method}" if control is not None else method
    title = f"{'partial ' if control is not None else ''}{method.title()} correlation of distances"
    return {
        given: labelled(test.r, long_name=title),
        f"{given}_p": labelled(test.p, long_name=f"{title}, Mantel p"),
        f"{given}_null_mean": labelled(test.null_mean, long_name=f"{title}, mean of the null"),
        f"{given}_null_sd": labelled(test.null_sd, long_name=f"{title}, spread of the null"),
    }


def _array(given: Any) -> Any:
    return given["value"] if hasattr(given, "data_vars") else given


def as_distances(given: Any, which: str = "given") -> np.ndarray:
    """The values of a measure as distances, by what the result says that it is; a plain array is distances already."""
    given = _array(given)
    if not hasattr(given, "attrs"):
        return to_distance(to_numpy(given))
    if "kind" not in given.attrs:
        raise UserError(
            f"The {which} matrix does not say what it is: set attrs['kind'] to similarity, inner_product, divergence or distance "
            "(arithmetic on a DataArray can drop its attributes), or pass a plain array of distances."
        )
    return to_distance(given.values, given.attrs["kind"])


def _same_runs(D1: Any, D2: Any, n1: int, n2: int) -> None:
    if n1 != n2:
        raise UserError(
            f"The first matrix is about {n1} models, the second about {n2}; both must be about the same."
        )
    one, other = (getattr(_array(D), "coords", {}).get("run") for D in (D1, D2))
    if one is not None and other is not None and list(one.values) != list(other.values):
        raise UserError(
            "The two matrices are about other runs, or the same in another order; select and sort them alike."
        )
