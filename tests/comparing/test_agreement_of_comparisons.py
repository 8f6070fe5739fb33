"""The labelled agreement: kinds become distances, runs must match."""

import numpy as np
import pytest
import xarray as xr

from ontogeny.comparing.agreement import agreement
from ontogeny.errors import UserError
from ontogeny.numerics.mantel import mantel


def unit_points(n=12, seed=0):
    x = np.random.default_rng(seed).normal(size=(n, 3))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def distances(x):
    return np.linalg.norm(x[:, None] - x[None], axis=-1)


def labelled(values, kind, runs=None):
    runs = list(range(len(values))) if runs is None else runs
    return xr.DataArray(
        values, dims=("run", "run_other"), coords={"run": runs, "run_other": runs}, attrs={"kind": kind}
    )


def test_a_similarity_a_divergence_and_a_distance_of_the_same_points_agree():
    x = unit_points()
    similarity, divergence = labelled(x @ x.T, "similarity"), labelled(distances(x) ** 2, "divergence")
    for one, other in ((similarity, divergence), (xr.Dataset({"value": similarity}), distances(x))):
        found = agreement(one, other, k=(1, 3), permutations=999)
        assert float(found["pearson"]) == pytest.approx(1)
        assert float(found["stress_unscaled"]) == pytest.approx(0, abs=1e-6)
        assert found["jaccard"].sel(k=3) == 1
        assert float(found["pearson_p"]) == 0.001
    assert found.attrs["n"] == 12 and "partial_pearson" not in found


def test_a_control_adds_the_partial_tests():
    D1, D2, control = (distances(unit_points(seed=s)) for s in range(3))
    found = agreement(D1, D2, control, permutations=999, seed=7)
    expected = mantel(D1, D2, control, method="spearman", permutations=999, seed=7)
    assert float(found["partial_spearman"]) == pytest.approx(expected.r)
    assert float(found["partial_spearman_p"]) == expected.p
    assert np.isnan(found["trustworthiness"].sel(k=10)) and not np.isnan(found["knn_overlap"].sel(k=10))


def test_what_cannot_be_compared_is_refused():
    x = unit_points()
    D = distances(x)
    with pytest.raises(UserError, match="kind"):
        agreement(labelled(D, "distance").drop_attrs(), D)
    with pytest.raises(UserError, match="other runs"):
        agreement(labelled(D, "distance"), labelled(D, "distance", runs=list(range(1, 13))))
    with pytest.raises(UserError, match="12 models, the second about 11"):
        agreement(D, D[1:, 1:])
