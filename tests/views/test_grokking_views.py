"""Views of grokking show what they are given: constructed results in, traces out."""

import base64
import struct
import zlib

import numpy as np
import pytest
import xarray as xr

from ontogeny.errors import UserError
from ontogeny.views.bindings import with_slider
from ontogeny.views.frequency_over_time import frequency_over_time
from ontogeny.views.key_frequency_bars import key_frequency_bars
from ontogeny.views.neuron_frequency_heatmap import neuron_frequency_heatmap
from ontogeny.views.neuron_mosaic import GAP, averaged, neuron_mosaic, tiles
from ontogeny.views.png import LEVELS, data_uri
from ontogeny.views.prediction_trace_grid import prediction_trace_grid
from ontogeny.views.progress_curves import progress_curves
from ontogeny.views.theme import PALETTE, SEQUENTIAL

STEPS = [0, 10, 100, 1000]
SPLIT = ["train", "test", "all"]


def runs(variables, **coords):
    """Two runs, the second of them the first's values plus nothing: (run, …)."""
    return xr.Dataset(
        {name: (("run", *dims), np.stack([values, values])) for name, (dims, values) in variables.items()},
        coords={"run": ["first", "second"], **coords},
    )


@pytest.fixture
def neurons():
    share = np.zeros((4, 3, 4))
    share[-1] = [[0, 0, 0, np.nan], [0.2, 0.9, 0.95, np.nan], [0.8, 0.1, 0.05, np.nan]]
    dominant = np.tile([2.0, 1.0, 1.0, np.nan], (4, 1))
    return runs(
        {
            "share": (("step", "frequency", "neuron"), share),
            "dominant_frequency": (("step", "neuron"), dominant),
            "dominant_share": (("step", "neuron"), np.tile([0.8, 0.9, 0.95, np.nan], (4, 1))),
            "specialised": (("step",), np.array([0, 0, 0, 0.5])),
            "control_max": (("step",), np.full(4, 0.3)),
        },
        step=STEPS,
        frequency=range(3),
    )


@pytest.fixture
def order():
    return runs({"order": (("rank",), np.array([2, 1, 0, 3]))})


def test_neurons_stand_in_one_order_at_all_steps(neurons, order):
    drawn = neuron_frequency_heatmap(neuron_fourier=neurons, neuron_order=order)
    trace = drawn.figure.data[0]
    assert trace.customdata[0].tolist() == [2, 1, 0, 3]
    np.testing.assert_allclose(np.asarray(trace.z)[1, :3], [0.95, 0.9, 0.2])
    assert np.isnan(np.asarray(trace.z)[:, 3]).all()
    assert "50% of 4 neurons" in drawn.says
    slider = with_slider(drawn).layout.sliders[0]
    assert [s.label for s in slider.steps] == ["step 0", "step 10", "step 100", "step 1,000"]


def test_key_bars_change_colour_with_the_slider():
    share = np.array([[0, 0.5, 0.5], [0, 0.5, 0.5], [0, 0.1, 0.9], [0, 0.01, 0.99]])
    data = runs(
        {
            "share": (("step", "frequency"), share),
            "is_key": (("step", "frequency"), share > 0.8),
            "share_explained": (("step",), np.array([0, 0, 0.9, 0.99])),
        },
        step=STEPS,
        frequency=range(3),
    )
    drawn = key_frequency_bars(key_frequencies=data)
    slider = with_slider(drawn).layout.sliders[0]
    colours = [list(step.args[0]["marker.color"][0]) for step in slider.steps]
    assert [row.count(PALETTE[1]) for row in colours] == [0, 0, 1, 1]
    assert colours[-1][2] == PALETTE[1]
    assert "key frequencies are 2, with 99.0%" in drawn.says


def losses(variable):
    values = np.array([[4, 4, 4], [1, 5, 4], [1e-3, 5, 4], [1e-5, 1e-4, 1e-4]])
    return {variable: (("step", "split"), values)}


def progress(borders, **options):
    named = {f"{name}{end}": when for end, of in borders.items() for name, when in of.items()}
    return progress_curves(
        performance=runs(losses("loss"), step=STEPS, split=SPLIT),
        progress_measures=runs(losses("restricted_loss") | losses("excluded_loss"), step=STEPS, split=SPLIT),
        learning_phases=runs({name: ((), np.float64(step)) for name, step in named.items()}),
        **options,
    )


def test_progress_curves_leave_out_step_0_and_shade_known_phases():
    borders = {
        "_nats": {"memorisation_ends": 50, "cleanup_starts": 200, "cleanup_ends": np.nan},
        "_accuracy": {"memorisation_ends": 40, "cleanup_starts": 300, "cleanup_ends": 900},
        "": {"memorisation_ends": 500, "cleanup_starts": 600, "cleanup_ends": 700},
    }
    drawn = progress(borders)
    assert [t.name for t in drawn.figure.data] == [
        "train loss",
        "test loss",
        "restricted loss, test",
        "excluded loss, train",
    ]
    assert all(min(t.x) == 10 for t in drawn.figure.data)
    assert [(s.x0, s.x1) for s in drawn.figure.layout.shapes] == [(10, 50), (50, 200)]
    assert "it ends: not reached by nats, step 900 by accuracy, step 700 by log-fall." in drawn.says
    other = progress(borders, rule="log-fall").figure.layout.shapes
    assert [(s.x0, s.x1) for s in other] == [(10, 500), (500, 600), (600, 700)]
    with pytest.raises(UserError, match="log-fall"):
        progress(borders, rule="logfall")


def test_inputs_stand_in_the_panel_of_their_part():
    trained = np.array([[True, False], [False, True]])
    step = np.array([[10.0, 1000.0], [np.nan, 100.0]])
    data = runs(
        {
            "learned_step": (("a", "b"), step),
            "trained_on": (("a", "b"), trained),
            "median_step": (("split",), np.array([55.0, 1000.0])),
            "spread": (("split",), np.array([90.0, 0.0])),
            "learned": (("split",), np.array([1.0, 0.5])),
        },
        split=["train", "test"],
    )
    left, right = prediction_trace_grid(prediction_trace=data).figure.data
    np.testing.assert_array_equal(left.z, [[10, np.nan], [np.nan, 100]])
    np.testing.assert_array_equal(right.z, [[np.nan, 1000], [np.nan, np.nan]])


def test_transient_frequencies_are_named():
    occupancy = np.array([[0, 0.5, 0.5], [0, 0.9, 0.1], [0, 0.1, 0.9], [0, 0.0, 1.0]])
    data = runs(
        {
            "occupancy": (("step", "frequency"), occupancy),
            "transient": (("frequency",), np.array([False, True, False])),
            "commitment_step": (("neuron",), np.array([100.0, 100.0, np.nan])),
        },
        step=STEPS,
        frequency=range(3),
    )
    drawn = frequency_over_time(neuron_commitment=data, run="second")
    assert "Transient: 1." in drawn.says and "from step 100" in drawn.says
    np.testing.assert_allclose(np.asarray(drawn.figure.data[0].z), occupancy.T, rtol=1e-6)
    with pytest.raises(UserError, match="second"):
        frequency_over_time(neuron_commitment=data, run="secnd")


def test_mosaic_keeps_every_pixel_and_labels_it_with_its_neuron(neurons, order):
    maps = np.random.default_rng(0).random((3, 3, 4))
    maps[..., 3] = 7.0  # dead
    data = runs({"activation": (("a", "b", "neuron"), maps)})
    drawn = neuron_mosaic(grid_activations=data, neuron_fourier=neurons.isel(step=-1), neuron_order=order)
    picture, columns = tiles(np.moveaxis(maps, -1, 0))
    assert picture.shape == (2 * 3 + GAP, 2 * 3 + GAP) and columns == 2
    second = maps[..., 1]
    np.testing.assert_allclose(picture[:3, 3 + GAP :], (second - second.min()) / np.ptp(second), rtol=1e-6)
    assert (picture[3 + GAP :, 3 + GAP :] == 0).all() and np.isnan(picture[3]).all()
    assert drawn.figure.data[1].customdata[:, 0].tolist() == [2, 1, 0, 3]
    assert "1 of them constant" in drawn.says


def test_a_large_mosaic_averages_blocks_of_inputs():
    maps = np.arange(2 * 5 * 4, dtype=float).reshape(2, 5, 4)
    np.testing.assert_array_equal(averaged(maps, 0), maps)
    halved = averaged(maps, maps.size // 4)
    assert halved.shape == (2, 2, 2)
    assert halved[0, 0, 0] == maps[0, :2, :2].mean() and halved[1, 1, 1] == maps[1, 2:, 2:].mean()


def test_png_holds_the_shades_that_it_was_given():
    values = np.array([[0.0, 1.0, np.nan], [0.5, 0.25, 2.0]])
    png = base64.b64decode(data_uri(values, SEQUENTIAL).split(",")[1])
    chunks, at = {}, 8
    while at < len(png):
        size = struct.unpack(">I", png[at : at + 4])[0]
        kind, body = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0] == zlib.crc32(kind + body)
        chunks[kind], at = body, at + 12 + size
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(2, 4)
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (3, 2)
    assert rows[:, 0].tolist() == [0, 0]
    assert rows[:, 1:].tolist() == [[0, LEVELS - 1, LEVELS], [32, 16, LEVELS - 1]]
    assert chunks[b"PLTE"][:3] == b"\xff\xff\xff" and chunks[b"tRNS"][LEVELS] == 0
