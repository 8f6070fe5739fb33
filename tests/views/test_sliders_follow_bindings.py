"""Bindings become sliders: every step holds exactly what was bound, and everything of one axis moves together."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.thinning import evenly_thinned, log_thinned
from ontogeny.views.base import Bind, Drawn
from ontogeny.views.bindings import ROOM, bind, with_slider
from ontogeny.views.light import significant

Z = np.random.default_rng(0).normal(size=(3, 4, 5))
Y = np.arange(6.0).reshape(3, 2)
TICKS = ("d = 1", "d = 2", "d = 4")


def drawn(**more):
    fig = go.Figure([go.Heatmap(z=np.zeros((4, 5))), go.Scatter(y=[0, 0], name="kept"), go.Scatter(y=[9])])
    return Drawn(fig, [Bind(0, "z", "run", Z, TICKS), Bind(1, "y", "run", Y, TICKS)], **more)


def test_bind_moves_the_axis_to_the_front():
    array = xr.DataArray(np.moveaxis(Z, 0, 1), dims=("output", "run", "frequency"), coords={"run": [1, 2, 4]})
    one = bind(0, "z", array, "run")
    assert np.array_equal(one.values, Z)
    assert one.ticks == ("1", "2", "4")
    assert bind(0, "z", array, "run", TICKS).ticks == TICKS


def test_bind_refuses_a_missing_axis_and_wrong_labels():
    array = xr.DataArray(Z, dims=("run", "output", "frequency"), name="p")
    with pytest.raises(UserError, match=r"'step'.*run, output, frequency"):
        bind(0, "z", array, "step")
    with pytest.raises(UserError, match="3 ticks, but 1"):
        bind(0, "z", array, "run", ["only"])


def test_each_step_holds_what_was_bound():
    (slider,) = with_slider(drawn()).layout.sliders
    assert [step.label for step in slider.steps] == list(TICKS)
    for i, step in enumerate(slider.steps):
        changes, traces = step.args
        assert step.method == "restyle" and list(traces) == [0, 1]
        np.testing.assert_allclose(changes["z"][0], Z[i], rtol=5e-4)
        assert list(changes["y"][1]) == list(Y[i])
        assert changes["y"][0] is None  # a heatmap of this figure has no y, and gets none


def test_steps_are_plain_json_of_four_digits():
    step = json.loads(with_slider(drawn()).to_json())["layout"]["sliders"][0]["steps"][1]
    assert step["args"][0]["z"][0] == [[float(f"{v:.4g}") for v in row] for row in Z[1]]


@pytest.mark.parametrize(("start", "tick"), [(None, 2), (0, 0), (1, 1)])
def test_the_figure_begins_at_the_start(start, tick):
    fig = with_slider(drawn(start=start))
    assert fig.layout.sliders[0].active == tick
    np.testing.assert_allclose(np.array(fig.data[0].z), Z[tick], rtol=5e-4)
    assert list(fig.data[1].y) == list(Y[tick])
    assert list(fig.data[2].y) == [9]


def test_the_drawn_figure_is_left_alone_and_the_slider_gets_room():
    one = drawn()
    fig = with_slider(one, height=300)
    assert np.array_equal(np.array(one.figure.data[0].z), np.zeros((4, 5)))
    assert not one.figure.layout.sliders
    assert fig.layout.height == 300 + ROOM


def test_without_bindings_there_is_no_slider():
    assert not with_slider(Drawn(go.Figure(go.Scatter(y=[1])))).layout.sliders


def test_dotted_attributes_scalars_and_texts_can_be_bound():
    one = Drawn(
        go.Figure(go.Scatter(y=[1, 2], marker={"color": "red"})),
        [
            Bind(0, "marker.size", "run", np.array([3.0, 4.0]), ("a", "b")),
            Bind(0, "hovertemplate", "run", ("one", "two"), ("a", "b")),
        ],
        start=0,
    )
    fig = with_slider(one)
    assert fig.data[0].marker.size == 3 and fig.data[0].hovertemplate == "one"
    assert fig.layout.sliders[0].steps[1].args[0] == {"marker.size": [4.0], "hovertemplate": ["two"]}


def test_two_axes_are_two_sliders_and_cannot_claim_one_attribute():
    fig = go.Figure([go.Scatter(y=[0]), go.Scatter(y=[0])])
    mine, other = Bind(0, "y", "run", Y, TICKS), Bind(1, "y", "step", Y[:2], ("0", "1"))
    sliders = with_slider(Drawn(fig, [mine, other])).layout.sliders
    assert [len(s.steps) for s in sliders] == [3, 2]
    assert sliders[1].pad.t > sliders[0].pad.t
    with pytest.raises(UserError, match="both 'run' and 'step'"):
        with_slider(Drawn(fig, [mine, Bind(0, "y", "step", Y[:2], ("0", "1"))]))


def test_disagreeing_ticks_and_impossible_starts_are_refused():
    with pytest.raises(UserError, match="disagree"):
        with_slider(Drawn(go.Figure([go.Scatter(), go.Scatter()]), [
            Bind(0, "y", "run", Y, TICKS), Bind(1, "y", "run", Y[:2], TICKS[:2])
        ]))  # fmt: skip
    with pytest.raises(UserError, match="cannot start at tick 3"):
        with_slider(drawn(start=3))


def test_four_significant_digits_at_every_magnitude():
    values = np.array([123456.0, -0.000123456, 1.5e-200, 0.0, 9.9996])
    expected = [123500.0, -0.0001235, 1.5e-200, 0.0, 10.0]
    np.testing.assert_allclose(significant(values), expected, rtol=1e-12)
    assert np.isnan(significant([np.nan])[0]) and np.isinf(significant([np.inf])[0])


@pytest.mark.parametrize("thinned", [log_thinned, evenly_thinned])
def test_thinning_keeps_both_ends_and_the_budget(thinned):
    indices = thinned(1000, 30)
    assert indices[0] == 0 and indices[-1] == 999
    assert len(indices) <= 30 and (np.diff(indices) > 0).all()
    assert list(thinned(5, 30)) == [0, 1, 2, 3, 4]
