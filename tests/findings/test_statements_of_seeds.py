"""One number a run, which runs count, statements that hold or do not, and what a spread says."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.holds import holds
from ontogeny.findings.per_run import meets, per_run
from ontogeny.findings.value import value

N = 6
LENS = "lens:fits@final"


@pytest.fixture
def data():
    """Six runs of seeds 0 … 5; r2[run, fit, neuron] = run/100 + fit/10, of neurons 0 … 3 each the same; run 5 did not learn."""
    r2 = np.arange(N)[:, None, None] / 100 + np.arange(3)[None, :, None] / 10 + np.zeros((N, 3, 4))
    fits = xr.Dataset(
        {"r2": (("run", "fit", "neuron"), r2)},
        coords={"run": list("abcdef"), "seed": ("run", range(N)), "fit": ["x", "y", "z"]},
    )
    runs = pd.DataFrame({"run": list("abcdef"), "seed": range(N), "all_accuracy": [1.0] * (N - 1) + [0.9]})
    return {LENS: fits, "runs": runs}


def test_a_number_is_picked_reduced_and_compared(data):
    found = per_run(data[LENS], LENS, "r2", {"fit": "z"}, minus={"where": {"fit": "x"}})
    assert found["value"].to_numpy() == pytest.approx(0.2)
    assert found["seed"].tolist() == list(range(N))
    both = per_run(data[LENS], LENS, "r2", {"fit": ["x", "z"]}, "max")
    assert both["value"].to_numpy() == pytest.approx(np.arange(N) / 100 + 0.2)
    place = per_run(data[LENS], LENS, "r2", reduce="place of max")
    assert (place["value"] == 8).all()  # the first neuron of the third fit


def test_an_unknown_tick_or_reduction_or_part_is_refused(data):
    with pytest.raises(UserError, match="no fit = 'w'"):
        per_run(data[LENS], LENS, "r2", {"fit": ["x", "w"]})
    with pytest.raises(UnknownName, match="reduction"):
        per_run(data[LENS], LENS, "r2", reduce="mode")
    with pytest.raises(UnknownName, match="minus"):
        per_run(data[LENS], LENS, "r2", minus={"were": {"fit": "x"}})


def test_missing_numbers_are_left_out_of_a_reduction_and_stay_missing_where_nothing_is_left(data):
    data[LENS]["r2"][0, 0, 1:] = np.nan
    data[LENS]["r2"][1, 0] = np.nan
    found = per_run(data[LENS], LENS, "r2", {"fit": "x"}, "size")["value"].to_numpy()
    assert found[0] == 0 and np.isnan(found[1])


def test_only_the_runs_that_have_it_count(data):
    having = {"name": "all_accuracy", "at_least": 1.0}
    (one,) = value(data, source=LENS, name="r2", where={"fit": "x"}, having=having)
    assert one.n == N - 1 and one.value == pytest.approx(0.02)
    assert "the 5 of 6 runs with all_accuracy ≥ 1" in one.why
    both = [having, {"of": LENS, "name": "r2", "where": {"fit": "x"}, "at_least": 0.02}]
    (some,) = value(data, source=LENS, name="r2", where={"fit": "x"}, having=both)
    assert some.n == 3 and some.value == pytest.approx(0.03)
    (none,) = value(data, source=LENS, name="r2", having={"name": "all_accuracy", "at_least": 2.0})
    assert none.n == 0 and np.isnan(none.value)


@pytest.mark.parametrize(
    ("at_least", "yes", "scope"), [(0.0, 6, "task"), (0.03, 3, "seed"), (1.0, 0, "set-up")]
)
def test_a_statement_holds_of_a_share_of_seeds(data, at_least, yes, scope):
    (one,) = holds(data, source=LENS, name="r2", where={"fit": "x"}, at_least=at_least, published=True)
    assert one.value == yes / N and one.n == N
    low, high = one.interval
    assert low <= one.value <= high
    assert one.scope == scope


def test_a_statement_that_no_seed_supports_is_not_confirmed(data):
    (never,) = holds(data, source=LENS, name="r2", at_least=5.0, published=True)
    (always,) = holds(data, source=LENS, name="r2", at_least=0.0, published=True)
    assert never.verdict != "agrees" and always.verdict == "agrees"
    (denied,) = holds(data, source=LENS, name="r2", at_least=5.0, published=False)
    assert denied.verdict == "agrees" and denied.scope == "task"


def test_a_statement_needs_a_condition():
    with pytest.raises(UserError, match="at_least, at_most or equals"):
        meets(np.zeros(3), {})


def test_a_missing_number_makes_a_statement_neither_true_nor_false(data):
    data[LENS]["r2"][0] = np.nan
    (one,) = holds(data, source=LENS, name="r2", at_least=0.0)
    assert one.n == N - 1 and "1 seeds have no such number" in one.why


@pytest.mark.parametrize(
    ("published", "resolution", "scope"),
    [
        (0.02, 1.0, "task"),
        (0.5, 1.0, "set-up"),
        (0.02, 0.001, "seed"),
        (0.5, 0.001, "seed"),
        (0.02, None, ""),
    ],
)
def test_a_number_is_of_the_task_if_seeds_hardly_differ_and_the_published_one_is_among_them(
    data, published, resolution, scope
):
    (one,) = value(
        data, source=LENS, name="r2", where={"fit": "x"}, published=published, resolution=resolution
    )
    assert one.scope == scope


def test_every_published_value_must_be_among_them(data):
    first, second = value(
        data, source=LENS, name="r2", where={"fit": "x"}, published=0.02, again=0.9, resolution=1.0
    )
    assert first.scope == second.scope == "set-up"
    assert (first.verdict, second.verdict) == ("agrees", "disagrees")
    (only,) = value(data, source=LENS, name="r2", where={"fit": "x"}, again=0.02)
    assert only.published == 0.02
