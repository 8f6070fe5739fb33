"""Curves that are one curve, begun at different steps, lie on one another once they are aligned."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.views.aligned_curves import aligned_curves

WHEN = {"first": 300.0, "second": 500.0, "never": np.nan}


@pytest.fixture
def handed():
    """The same fall of the loss around each run's own step."""
    tables = [
        pd.DataFrame({"run": run, "seed": i, "step": (steps := np.arange(0, 1000, 10)), "test_loss": np.exp(-(steps - at) / 50), "test_accuracy": steps > at})
        for i, (run, at) in enumerate({**WHEN, "never": 2000.0}.items())
    ]  # fmt: skip
    metrics = pd.concat(tables, ignore_index=True)
    metrics.attrs["varied"] = ["seed"]
    names = {"run": list(WHEN), "seed": ("run", [0, 1, 2])}
    events = xr.Dataset(
        {"grokked": ("run", list(WHEN.values())), "memorised": ("run", [np.nan] * 3)}, coords=names
    )
    restricted = np.tile(np.exp(-np.arange(11.0)), (3, 1))[..., None]
    measures = xr.Dataset(
        {"restricted_loss": (("run", "step", "split"), restricted)},
        coords={**names, "step": np.arange(0, 1100, 100), "split": ["test"]},
    )
    return {"metrics": metrics, "learning_events": events, "progress_measures": measures}


def test_they_lie_on_one_another(handed):
    drawn = aligned_curves(**handed)
    first, second = (t for t in drawn.figure.data if t.xaxis in (None, "x"))
    assert (first.name, second.name) == ("seed = 0", "seed = 1")
    both = pd.merge(
        pd.DataFrame({"x": first.x, "a": first.y}), pd.DataFrame({"x": second.x, "b": second.y}), on="x"
    )
    assert len(both) > 50
    np.testing.assert_allclose(both["a"], both["b"], rtol=1e-3)


def test_a_run_without_the_event_is_named_and_not_drawn(handed):
    drawn = aligned_curves(**handed)
    assert (
        "Grokked at step 300 (seed = 0), 500 (seed = 1)" in drawn.says and "not drawn: seed = 2" in drawn.says
    )
    assert len(drawn.figure.data) == 2 * 3  # two runs; loss, restricted loss, accuracy


def test_restricted_loss_can_be_done_without(handed):
    assert len(aligned_curves(**{**handed, "progress_measures": None}).figure.data) == 2 * 2


def test_nothing_to_align_and_no_such_event_are_said(handed):
    with pytest.raises(UserError, match="None of 3 runs has 'memorised'"):
        aligned_curves(**handed, event="memorised")
    with pytest.raises(UnknownName, match="groked"):
        aligned_curves(**handed, event="groked")
