"""One number a run, which runs count, and statements that hold or do not."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.claims import Chosen, Condition, Part, Quantity
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.holds import holds
from ontogeny.findings.per_run import by_seed, meets, per_run
from ontogeny.findings.value import value

N = 6
LENS = "lens:fits@final"
R2 = Quantity(source="fits", variable="r2")
X = Quantity(source="fits", variable="r2", where={"fit": "x"}, bounds=(0, 1))
ACCURACY = Quantity(source="runs", variable="all_accuracy")
RIGHT = Chosen("seeds that are right", ((ACCURACY, Condition(at_least=1.0)),))


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


def quantity(**more):
    return R2.model_copy(update=more)


def test_a_number_is_picked_reduced_and_compared(data):
    found = per_run(data[LENS], quantity(where={"fit": "z"}, minus=Part(where={"fit": "x"})))
    assert found["value"].to_numpy() == pytest.approx(0.2)
    assert found["seed"].tolist() == list(range(N))
    both = per_run(data[LENS], quantity(where={"fit": ["x", "z"]}, reduce="max"))
    assert both["value"].to_numpy() == pytest.approx(np.arange(N) / 100 + 0.2)
    place = per_run(data[LENS], quantity(reduce="place of max"))
    assert (place["value"] == 8).all()  # the first neuron of the third fit
    spread = per_run(data[LENS], quantity(where={"fit": ["x", "z"]}, reduce="max", minus=Part(reduce="min")))
    assert spread["value"].to_numpy() == pytest.approx(0.2)


def test_an_unknown_tick_or_reduction_is_refused(data):
    with pytest.raises(UserError, match="no fit = 'w'"):
        per_run(data[LENS], quantity(where={"fit": ["x", "w"]}))
    with pytest.raises(UnknownName, match="reduction"):
        per_run(data[LENS], quantity(reduce="mode"))
    with pytest.raises(UnknownName, match="coordinate"):
        per_run(data[LENS], quantity(where={"fitt": "x"}))


def test_missing_numbers_are_left_out_of_a_reduction_and_stay_missing_where_nothing_is_left(data):
    data[LENS]["r2"][0, 0, 1:] = np.nan
    data[LENS]["r2"][1, 0] = np.nan
    data[LENS]["r2"][2, 0] = np.inf
    found = per_run(data[LENS], quantity(where={"fit": "x"}, reduce="size"))["value"].to_numpy()
    assert found[0] == 0 and np.isnan(found[1]) and np.isposinf(found[2])


def test_only_the_runs_of_the_population_count(data):
    (one,) = value(data, quantity=X, of=(RIGHT,))
    assert (one.n, one.of_all, one.of) == (N - 1, N, "seeds that are right")
    assert one.value == pytest.approx(0.02) and one.seeds == (0, 1, 2, 3, 4)
    both = Chosen("some", (*RIGHT.having, (X, Condition(at_least=0.02))))
    (some,) = value(data, quantity=X, of=(both,))
    assert some.n == 3 and some.value == pytest.approx(0.03)
    (none,) = value(data, quantity=X, of=(Chosen("none", ((ACCURACY, Condition(at_least=2.0)),)),))
    assert none.n == 0 and np.isnan(none.value) and none.of_all == N


def test_further_populations_are_columns_of_one_row(data):
    (one,) = value(data, quantity=X, of=(RIGHT, Chosen("every seed")), published={"them": "0.02"})
    (other,) = one.beside
    assert (one.n, other.n, other.of) == (N - 1, N, "every seed")
    assert one.published[0].source == other.published[0].source == "them"


def test_seeds_without_a_number_are_named(data):
    data[LENS]["r2"][0] = np.nan
    data[LENS]["r2"][3] = np.inf
    (one,) = value(data, quantity=X, published={"them": "0.02"})
    assert (one.missing, one.infinite, one.n) == ((0,), (3,), 4)
    assert one.verdict == "not in every seed"
    (never,) = holds(data, quantity=X, at_least=0.0, published={"them": True})
    assert never.missing == (0,) and never.verdict == "not in every seed"


def test_a_column_of_the_runs_is_a_number_too():
    table = {
        "run": list("abcdef"),
        "seed": [0, 0, 1, 1, 2, 2],
        "d_hidden": [1, 2] * 3,
        "x": [9, 1, 9, 2, 9, 3],
    }
    two = Quantity(source="runs", variable="x", where={"d_hidden": 2})
    (one,) = value({"runs": pd.DataFrame(table)}, quantity=two, published={"them": 2.5})
    assert one.values == (1.0, 2.0, 3.0) and one.verdict == "as published"
    with pytest.raises(UserError, match="No row"):
        value({"runs": pd.DataFrame(table)}, quantity=two.model_copy(update={"where": {"d_hidden": 3}}))


def test_several_runs_of_a_seed_are_one_seed(data):
    data["runs"]["seed"] = [0, 0, 1, 1, 2, 2]
    mine = by_seed(data, ACCURACY, Chosen("every seed"))
    assert mine.seeds == (0, 1, 2) and mine.values == pytest.approx([1, 1, 0.95])


@pytest.mark.parametrize(
    ("at_least", "yes", "property_of"),
    [(0.0, 6, "every seed"), (0.03, 3, "differs by seed"), (1.0, 0, "no seed")],
)
def test_a_statement_holds_of_a_share_of_seeds(data, at_least, yes, property_of):
    (one,) = holds(data, quantity=X, at_least=at_least)
    assert one.value == yes / N and one.n == N
    low, high = one.interval
    assert low <= one.value <= high
    assert one.property_of == property_of and f"asked for at least {at_least:g}" in one.why


def test_a_statement_that_no_seed_supports_is_not_confirmed(data):
    (never,) = holds(data, quantity=R2, at_least=5.0, published={"them": True})
    (always,) = holds(data, quantity=R2, at_least=0.0, published={"them": True})
    (denied,) = holds(data, quantity=R2, at_least=5.0, published={"them": False})
    assert (never.verdict, never.needed) == ("too few seeds", 10)
    assert always.verdict == denied.verdict == "as published"
    assert always.published[0].source == "them"
    with pytest.raises(UserError, match="opposite"):
        holds(data, quantity=R2, at_least=5.0, published={"them": True, "others": False})


def test_a_threshold_is_met_by_what_stands_on_it():
    values = np.array([0.1, 0.1 + 1e-12, 0.1 - 1e-12, 0.09, np.nan])
    assert meets(values, Condition(at_least=0.1)).tolist()[:4] == [1, 1, 1, 0]
    assert meets(values, Condition(at_most=0.1)).tolist()[:4] == [1, 1, 1, 1]
    assert meets(values, Condition(equals=0.1)).tolist()[:4] == [1, 1, 1, 0]
    assert np.isnan(meets(values, Condition(equals=0.1))[4])
    with pytest.raises(ValueError, match="at_least, at_most or equals"):
        Condition()


def test_a_number_must_be_named(data):
    with pytest.raises(UserError, match="which number"):
        value(data)
