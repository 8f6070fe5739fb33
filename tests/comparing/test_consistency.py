"""What runs share is found where it was put in, and not found where it was not."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from ontogeny.comparing import consistency
from ontogeny.numerics.map_correlation import correlations

RNG = np.random.default_rng(2)


@pytest.fixture(autouse=True)
def same_draws():
    """Every test draws from the beginning, whichever ran before it."""
    RNG.bit_generator.state = np.random.default_rng(2).bit_generator.state


def lens(**variables):
    """Datasets over three runs: name → (axes behind run, values)."""
    return {
        "it": xr.Dataset(
            {name: (("run", *axes), np.asarray(values)) for name, (axes, values) in variables.items()}
        )
    }


def verdicts(rows):
    return {row.quantity: row.verdict for row in rows}


def test_numbers_are_the_same_by_the_scale_of_what_training_changed():
    last = lens(
        loss=((), [1e-7, 5e-5, 3e-6]),
        rank=((), [4.0, 4.1, 4.2]),
        grokked=((), [3100, 3800, 4300]),
        delay=((), [3000, np.nan, 10]),
        nowhere=((), [np.nan] * 3),
    )
    assert verdicts(consistency.numbers(last, lens(loss=((), [4.0, 4.1, 4.0])))) == {
        "loss": "the same", "rank": "the same", "grokked": "differs", "delay": "not in all",
    }  # fmt: skip
    assert verdicts(consistency.numbers(last))["loss"] == "differs"  # by its own scale, 500 times apart


def test_a_number_by_split_is_one_a_part_and_neurons_and_controls_are_none():
    data = lens(
        accuracy=(("split",), [[1, 0.2], [1, 0.8], [1, 0.5]]),
        share=(("neuron",), RNG.random((3, 9))),
        control_mean=((), [1, 1, 1]),
    )
    data["it"] = data["it"].assign_coords(split=["train", "test"])
    assert verdicts(consistency.numbers(data)) == {"accuracy, train": "the same", "accuracy, test": "differs"}


def test_spread_counts_in_scales():
    (one,) = consistency.numbers(lens(x=((), [-2.0, 0.0, 1.0])))
    assert one.spread == pytest.approx(1.5)
    (zero,) = consistency.numbers(lens(x=((), [0.0, 0.0, 0.0])))
    assert zero.spread == 0 and zero.verdict == "the same"


def test_maps_that_share_an_order_agree_and_independent_ones_do_not():
    order = RNG.permutation(200).astype(float)
    same = np.stack([np.exp(order / 50), order**3, -1 / (1 + order)])
    faint = 0.5 * stats.zscore(order) + RNG.standard_normal((3, 200))
    found = consistency.maps(
        lens(
            same=(("frequency",), same),
            faint=(("frequency",), faint),
            apart=(("a", "b"), RNG.random((3, 14, 14))),
            neurons=(("neuron",), same),
        )
    )
    assert verdicts(found) == {
        "same": "the same",
        "faint": "alike on average",
        "apart": "no more than chance",
    }
    assert found[0].agreement == pytest.approx(1) and abs(found[0].chance) < 0.05


def test_a_map_known_in_parts_is_compared_where_both_know_it():
    order = np.arange(60.0)
    holes = np.stack([np.where(order % 3 == i, np.nan, order) for i in range(3)])
    (one,) = consistency.maps(lens(step=(("token",), holes)))
    assert one.agreement == pytest.approx(1)


def test_correlations_are_spearmans_with_or_without_holes():
    whole = RNG.integers(0, 9, (4, 50)).astype(float)
    expected = stats.spearmanr(whole, axis=1).statistic
    np.testing.assert_allclose(correlations(whole), expected)
    holed = np.concatenate([whole, np.full((4, 1), np.nan)], axis=1)
    np.testing.assert_allclose(correlations(holed), expected)
    assert np.isnan(correlations(np.stack([whole[0], np.ones(50)]))[0, 1])


def test_one_run_that_is_not_alike_spoils_the_same():
    order = RNG.permutation(300).astype(float)
    maps = np.stack([order, order, order, order, RNG.random(300)])
    flat = np.stack([order, order, np.ones(300), np.ones(300), np.ones(300)])
    found = {
        row.quantity: row.verdict
        for row in consistency.maps(
            {"it": xr.Dataset({"most": (("run", "token"), maps), "two": (("run", "token"), flat)})}
        )
    }
    assert found == {"most": "alike on average", "two": "not in all"}


def test_among_many_independent_maps_hardly_any_is_called_alike():
    data = lens(**{f"m{i}": (("output",), RNG.random((3, 40))) for i in range(60)})
    assert sum(row.verdict != "no more than chance" for row in consistency.maps(data)) <= 1


def test_inputs_that_were_trained_on_do_not_count():
    """Trained inputs are learned early in every run that shares the split; beyond that these maps have nothing in common."""
    trained = RNG.random((12, 12)) < 0.4
    step = np.where(trained, RNG.random((3, 12, 12)), 10 + RNG.random((3, 12, 12)))
    (one,) = consistency.maps(
        lens(learned_step=(("a", "b"), step), trained_on=(("a", "b"), np.stack([trained] * 3)))
    )
    assert one.quantity == "learned_step, held-out inputs" and one.verdict == "no more than chance"


def test_infinite_is_not_missing():
    (one,) = consistency.numbers(lens(loss=((), [1.0, 1.0, np.inf])))
    assert one.verdict == "infinite in some"
