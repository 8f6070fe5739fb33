"""Views of the addition circuit show what they are given: constructed results in, traces out."""

import numpy as np
import pytest
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.views.ablation_heatmap import ablation_heatmap
from ontogeny.views.attention_bars import attention_bars
from ontogeny.views.bindings import with_slider
from ontogeny.views.embedding_scatter import embedding_scatter
from ontogeny.views.error_heatmap import error_heatmap
from ontogeny.views.grid_heatmap import grid_heatmap
from ontogeny.views.neuron_histogram import neuron_histogram
from ontogeny.views.polynomial_scatter import polynomial_scatter
from ontogeny.views.readout_heatmap import readout_heatmap
from ontogeny.views.trajectory_path import trajectory_path
from ontogeny.views.weight_spectra_curves import weight_spectra_curves
from ontogeny.views.wl_spectrum import wl_spectrum

STEPS = [0, 100, 2000]
K = np.arange(5) - 2.0


def results(variables, run="one", **coords):
    """One run: (run, …)."""
    data = {name: (("run", *dims), np.asarray(values)[None]) for name, (dims, values) in variables.items()}
    return xr.Dataset(data, coords={"run": [run], **coords})


def over_steps(*values):
    return np.stack([np.asarray(v, dtype=float) for v in values])


def moves(drawn):
    """The slider's labels and the attributes it moves; drawing it is part of the test."""
    fig = with_slider(drawn)
    slider = fig.layout.sliders[0]
    return [s.label for s in slider.steps], {b.attribute for b in drawn.bindings}


def test_numbers_stand_at_their_scores_and_the_scree_beside_them():
    scores = over_steps(np.zeros((5, 2)), np.stack([K, 0 * K], 1), np.stack([K, K**2 - 2], 1))
    explained = over_steps([0.5, 0.5], [1, 0], [0.8, 0.2])
    data = results(
        {
            "scores": (("step", "token", "component"), scores),
            "explained": (("step", "component"), explained),
            "cumulative": (("step", "component"), explained.cumsum(-1)),
            "explained_gaussian": (("step", "component"), np.full((3, 2), 0.5)),
            "correlation": (("step", "component", "variable"), np.tile(np.eye(2), (3, 1, 1))),
        },
        step=STEPS,
        token=range(5),
        component=[1, 2],
    )
    drawn = embedding_scatter(embedding_geometry=data)
    numbers, share, cumulative, _ = drawn.figure.data
    assert numbers.x.tolist() == K.tolist() and numbers.y.tolist() == (K**2 - 2).tolist()
    np.testing.assert_allclose(share.y, [0.8, 0.2])
    np.testing.assert_allclose(cumulative.y, [0.8, 1.0])
    assert "80.0% and 20.0%" in drawn.says
    assert moves(drawn) == (["step 0", "step 100", "step 2,000"], {"x", "y"})


def correlations():
    r = np.full((3, 2, 4, 1), np.nan)
    r[-1, 0, :, 0] = [0.95, 0.96, -0.99, np.nan]
    r[-1, 1, :, 0] = [0.5, 0.95, -0.2, np.nan]
    return results(
        {"r": (("step", "stage", "neuron", "variable"), r)},
        step=STEPS,
        stage=["pre", "post"],
        variable=["a + b"],
    )


def test_the_histogram_counts_every_neuron_that_varies_once():
    drawn = neuron_histogram(neuron_correlation=correlations())
    pre, post = drawn.figure.data
    assert sum(pre.y) == 3 and sum(post.y) == 3
    assert pre.y[np.argmin(np.abs(np.asarray(pre.x) + 0.975))] == 1
    assert "3 of 4 neurons" in drawn.says and "1 after it" in drawn.says
    assert "(1 constant)" in drawn.figure.layout.annotations[0].text
    with pytest.raises(UnknownName, match="a \\+ b"):
        neuron_histogram(neuron_correlation=correlations(), variable="a+b")


@pytest.mark.parametrize(("p", "annotated"), [(4, True), (20, False)])
def test_errors_are_coloured_around_zero_and_written_in_on_small_grids(p, annotated):
    error = np.zeros((3, p, p), int)
    error[-1, 0, 1] = -5
    data = results(
        {
            "error": (("step", "a", "b"), error),
            "errors": (("step",), [0, 0, 1]),
            "largest_error": (("step",), [0, 0, 5]),
        },
        step=STEPS,
    )
    drawn = error_heatmap(error_grid=data)
    trace, axis = drawn.figure.data[0], drawn.figure.layout.coloraxis
    assert np.asarray(trace.z)[0, 1] == -5 and (axis.cmin, axis.cmax) == (-5, 5)
    assert bool(trace.texttemplate) is annotated
    assert f"1 of {p * p} inputs" in drawn.says and "up to 5" in drawn.says


def test_ablations_stand_side_by_side_without_the_full_model():
    error = np.zeros((3, 3, 4, 4), int)
    error[-1, 1, 0, 0], error[-1, 1, 3, 3] = 3, -3
    data = results(
        {
            "error": (("step", "condition", "a", "b"), error),
            "accuracy": (("step", "condition", "split"), np.tile([[1.0], [0.4], [1.0]], (3, 1, 1))),
        },
        step=STEPS,
        condition=["full", "PC1", "PC1 + PC2"],
        split=["all"],
    )
    drawn = ablation_heatmap(embedding_ablation=data)
    one, two = (np.asarray(trace.z) for trace in drawn.figure.data)
    assert one[0, 0] == 3 and one[3, 3] == -3 and not two.any()
    assert "100% (full), 40% (PC1)" in drawn.says
    assert moves(drawn)[1] == {"z"}


def test_any_unit_is_a_map_and_the_slider_walks_through_units():
    values = np.arange(3 * 3 * 2 * 2).reshape(3, 3, 2, 2) - 5.0
    data = results({"activation": (("a", "b", "head", "key"), values)})
    drawn = grid_heatmap(grid_activations=data)
    np.testing.assert_array_equal(np.asarray(drawn.figure.data[0].z), values[:, :, 0, 0])
    assert drawn.bindings[0].ticks == ("head 0, key 0", "head 0, key 1", "head 1, key 0", "head 1, key 1")
    np.testing.assert_array_equal(drawn.bindings[0].values[2], values[:, :, 1, 0])
    with pytest.raises(UserError, match="one of units"):
        grid_heatmap(grid_activations=results({"activation": (("a", "b"), np.zeros((3, 3)))}))


def test_every_neuron_is_a_dot_at_its_two_fits():
    r2 = np.random.default_rng(0).random((3, 2, 2, 5))
    data = results(
        {"r2": (("step", "stage", "fit", "neuron"), r2)},
        step=STEPS,
        stage=["pre", "post"],
        fit=["linear", "quadratic"],
    )
    drawn = polynomial_scatter(polynomial_fit=data)
    np.testing.assert_allclose(drawn.figure.data[1].x, r2[-1, 1, 0])
    np.testing.assert_allclose(drawn.figure.data[1].y, r2[-1, 1, 1])
    with pytest.raises(UnknownName):
        polynomial_scatter(polynomial_fit=data, x="cubic")


def test_neurons_stand_in_the_order_that_the_lens_says():
    amplitude = np.zeros((3, 3, 3))  # step, neuron, frequency
    amplitude[-1] = [[9, 0, 2], [0, 1, 0], [0, 4, 0]]
    data = results(
        {
            "amplitude": (("step", "neuron", "frequency"), amplitude),
            "share": (("step", "frequency"), np.tile([0, 0.75, 0.25], (3, 1))),
        },
        step=STEPS,
        frequency=range(3),
    )
    order = results({"order": (("rank",), np.array([2, 1, 0]))})
    drawn = wl_spectrum(readout_spectrum=data, readout_order=order)
    assert drawn.figure.data[0].customdata[0].tolist() == [2, 1, 0]
    assert "1 (75%), 2 (25%)" in drawn.says


def test_bars_are_heads_by_position_and_follow_the_steps():
    mean = np.zeros((3, 2, 3))
    mean[-1] = [[0.5, 0.4, 0.1], [0.2, 0.2, 0.6]]
    data = results(
        {
            "mean": (("step", "head", "key"), mean),
            "std": (("step", "head", "key"), mean / 10),
        },
        step=STEPS,
    )
    drawn = attention_bars(attention=data)
    assert [trace.name for trace in drawn.figure.data] == ["to a", "to b", "to ="]
    np.testing.assert_allclose(drawn.figure.data[2].y, [0.1, 0.6])
    np.testing.assert_allclose(drawn.figure.data[2].error_y.array, [0.01, 0.06])
    assert moves(drawn)[1] == {"y", "error_y.array"}
    assert "10.0%, 60.0%" in drawn.says


def test_the_path_and_the_velocity_of_every_group():
    scores = np.random.default_rng(1).random((2, 3, 2))
    data = results(
        {
            "scores": (("group", "step", "component"), scores),
            "explained": (("group", "component"), [[0.7, 0.2], [0.5, 0.5]]),
            "velocity": (("group", "step"), [[np.nan, 2, 1], [np.nan, 0.2, 0.1]]),
            "from_init": (("group", "step"), [[0, 1, 4], [0, 1, 2]]),
        },
        step=STEPS,
        group=["all", "mlp"],
    )
    drawn = trajectory_path(trajectory=data)
    np.testing.assert_allclose(drawn.figure.data[0].x, scores[0, :, 0], rtol=1e-3)
    assert [trace.name for trace in drawn.figure.data[1:]] == ["all", "mlp"]
    assert "distance 4" in drawn.says and "90%" in drawn.says


def test_the_readout_stands_in_the_order_of_the_correlation_with_dead_neurons_last():
    W_L = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])  # neuron, output
    drawn = readout_heatmap(
        readout=results({"W_L": (("neuron", "output"), W_L)}),
        neuron_correlation=correlations().isel(step=-1),
    )
    trace = drawn.figure.data[0]
    assert np.asarray(trace.z)[0].tolist() == [5, 1, 3, 7]  # r = −.2, .5, .95, NaN
    assert drawn.says == "1 neurons fall with a + b, 2 rise, 1 never vary."


def test_every_matrix_is_a_curve_of_its_directions():
    ratio = np.array([[8.0, 8.0], [4.0, 6.0], [1.0, 5.0]])
    data = results({"participation_ratio": (("step", "matrix"), ratio)}, step=STEPS, matrix=["W_E", "W_U"])
    drawn = weight_spectra_curves(weight_spectra=data)
    assert drawn.figure.data[0].y.tolist() == [8, 4, 1] and drawn.figure.data[1].name == "W_U"
    assert "from 1 (W_E) to 5 (W_U)" in drawn.says
    with pytest.raises(UnknownName):
        weight_spectra_curves(weight_spectra=data, quantity="rank")
