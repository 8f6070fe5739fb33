"""Which units are like a unit: by NumPy's correlation, with itself left out, and in another run."""

import numpy as np
import pytest

from ontogeny import handles
from ontogeny.errors import UserError
from ontogeny.numerics.map_correlation import most_alike


def test_by_the_size_of_the_correlation():
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((20, 5, 5))
    maps[3], maps[7] = -2 * maps[0] + 0.1 * rng.standard_normal((5, 5)), 4.0
    found = most_alike(maps[0], maps, but=0, count=19)
    want = np.nan_to_num(np.corrcoef(maps.reshape(20, -1)[[0, *range(1, 7), *range(8, 20)]])[0, 1:])
    assert found["units"][0] == 3 and found["r"][0] < -0.95 and 0 not in found["units"]
    assert sorted(map(abs, found["r"])) == pytest.approx(sorted([0.0, *np.abs(want)]), abs=1e-3)


def test_in_the_run_and_in_other_seeds(trained):
    runs = handles.open_store(trained).runs()
    store = handles.open_store(trained)
    one, other = (store.run(str(name)) for name in runs.index[:2])
    found = one.like(1, among=[other], count=3)
    assert found["run"].tolist() == [one.name] + [other.name] * 3  # two hidden units, and three
    assert found["unit"][0] == 0 and (found["r"].abs() <= 1).all()
    same = one.like(1, among=[one], count=1)
    assert len(same) == 2
    with pytest.raises(UserError, match="no unit"):
        one.like(10**6)
