"""A cursor moves a figure by the same declaration everywhere, and what it shows is read alone."""

import base64

import numpy as np
import plotly.graph_objects as go
import pytest

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.gathering.drawing import frames
from ontogeny.one_run import Run
from ontogeny.views.base import FRAMES, Bind, Drawn
from ontogeny.views.bindings import packed, with_slider

STUDY = {
    "name": "waves",
    "task": {"kind": "modular_addition", "p": 5, "train_fraction": 0.6, "equals": True},
    "architecture": {"kind": "transformer", "n_heads": 1, "d_model": 8, "d_head": 8, "d_mlp": 8},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 30},
    "checkpoints": {"per_decade": 8},
    "lenses": ["key_frequencies", "neuron_fourier"],
    "vary": {"seed": [0, 1]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return on.run(STUDY, tmp_path_factory.mktemp("waves"), stages=("train", "look"))


@pytest.fixture
def asked(monkeypatch):
    """What is read of which run, at which steps."""
    seen = []
    whole = Run.lens

    def lens(self, name, steps=None, under=(), **options):
        seen.append((self.name, name, steps))
        return whole(self, name, steps, under, **options)

    monkeypatch.setattr(Run, "lens", lens)
    return seen


def test_a_figure_of_one_run_at_one_step_is_drawn_from_that_alone(store, asked):
    run = store.run(seed=1)
    step = run.steps[2]
    drawn = store.draw("key_frequency_bars", run="seed=1", step=step)
    assert asked == [("seed=1", "key_frequencies", [step])]
    share = run.lens("key_frequencies", [step])["share"].values[0]
    np.testing.assert_allclose(drawn.figure.data[0].y, share, rtol=1e-3)
    assert drawn.says.startswith(f"At step {step}") and not with_slider(drawn).layout.sliders


def test_a_frame_is_what_the_figure_there_shows(store, asked):
    run = store.run(seed=0)
    drawn = store.draw("key_frequency_bars", run="seed=0")
    step = run.steps[3]
    there = store.draw("key_frequency_bars", run="seed=0", step=step)
    frame = drawn.frame(step=step)
    assert set(frame) == {0} and set(frame[0]) == {"y", "marker.color"}
    np.testing.assert_array_equal(frame[0]["y"], there.figure.data[0].y)
    assert list(frame[0]["marker.color"]) == list(there.figure.data[0].marker.color)
    # a figure at one step fetches another by itself, and reads nothing else
    asked.clear()
    np.testing.assert_array_equal(there.frame(step=run.steps[-1])[0]["y"], drawn.figure.data[0].y)
    assert asked == [("seed=0", "key_frequencies", [run.steps[-1]])]


def test_neurons_keep_their_places_while_the_cursor_moves(store):
    first = store.run(seed=0).steps[0]
    drawn = store.draw("neuron_frequency_heatmap")
    alone = store.draw("neuron_frequency_heatmap", step=first)
    np.testing.assert_array_equal(alone.figure.data[0].customdata, drawn.figure.data[0].customdata)
    np.testing.assert_allclose(alone.figure.data[0].z, drawn.frame(step=first)[0]["z"], atol=1e-3)


def test_pictures_that_are_large_hold_one_step_and_fetch_the_others(store):
    run = store.run(seed=0)
    drawn = store.draw("neuron_mosaic")
    assert drawn.cursors == {"step": [run.steps[-1]]}
    frame = drawn.frame(step=run.steps[0])
    assert frame[0]["source"] == store.draw("neuron_mosaic", step=run.steps[0]).figure.data[0].source
    assert frame[0]["source"] != drawn.figure.data[0].source


def test_two_cursors_move_together(store):
    run = store.run(seed=0)
    drawn = store.draw("grid_heatmap")
    maps = run.lens("grid_activations", [run.steps[0]])["activation"].values[0]
    for unit in (0, 3):
        np.testing.assert_allclose(
            drawn.frame(step=run.steps[0], output=unit)[0]["z"], maps[..., unit], rtol=1e-3
        )


def test_a_cursor_that_cannot_stand_there_says_where_it_can(store):
    drawn = store.draw("key_frequency_bars")
    with pytest.raises(UserError, match="nearest"):
        drawn.frame(step=10**6)
    with pytest.raises(UserError, match="step"):
        drawn.frame(output=0)
    held = Drawn(go.Figure(go.Scatter(y=[0])), [Bind(0, "y", "run", np.zeros((2, 1)), ("a", "b"))])
    with pytest.raises(UserError, match="0, 1"):
        held.frame(run=2)


def test_a_page_carries_so_many_steps_and_both_ends():
    steps = list(range(0, 5000, 10))
    kept = frames(steps, FRAMES)
    assert len(kept) == FRAMES and (kept[0], kept[-1]) == (0, 4990) and sorted(set(kept)) == kept
    assert frames(steps, 1) == [4990] and frames([0, 5], FRAMES) == [0, 5]


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8"])
def test_frames_are_typed_arrays_that_say_the_same(kind):
    values = (np.arange(-150, 150).reshape(10, 30) * (0.37 if kind.startswith("f") else 1)).astype(kind)
    said = packed(values)
    shape = tuple(map(int, said["shape"].split(",")))
    np.testing.assert_allclose(
        np.frombuffer(base64.b64decode(said["bdata"]), said["dtype"]).reshape(shape), values, rtol=1e-6
    )
    assert (
        packed(np.arange(5)) == [0, 1, 2, 3, 4]
        and packed("red") == "red"
        and packed(["red"] * 99) == ["red"] * 99
    )
