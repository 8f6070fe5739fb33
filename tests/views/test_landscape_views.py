"""Landscapes show what they are given: constructed results in, traces out."""

import numpy as np
import xarray as xr

from ontogeny.views.loss_along_path import loss_along_path
from ontogeny.views.loss_around import loss_around
from ontogeny.views.sharpness_curves import sharpness_curves

LOSS = np.array([[1.0, 10.0, np.inf], [0.1, 0.01, 0.0], [1.0, 1.0, 1.0]])  # across, along
PLACES = [-1.0, 0.0, 1.0]


def test_colour_is_the_logarithm_and_what_has_none_is_left_out():
    loss = np.stack([np.stack([LOSS, 10 * LOSS])] * 2)  # step, split
    loss[0] *= 10
    coords = {"step": [0, 100], "split": ["train", "test"], "across": PLACES, "along": PLACES}
    drawn = loss_around(
        loss_landscape=xr.Dataset({"loss": (("step", "split", "across", "along"), loss)}, coords)
    )
    expected = [[0, 1, np.nan], [-1, -2, np.nan], [0, 0, 0]]
    train, test = (np.asarray(trace.z, float) for trace in drawn.figure.data)
    np.testing.assert_allclose(train, expected)
    np.testing.assert_allclose(test, np.add(expected, 1))
    moved = drawn.frame(step=0)
    np.testing.assert_allclose(np.asarray(moved[0]["z"], float), np.add(expected, 1))
    assert "train loss 0.01 in the middle" in drawn.says


def test_the_path_lies_on_the_plane_and_says_how_far_from_it_the_steps_are():
    scores = np.array([[-1.0, 0.5], [0.0, -1.0], [1.0, 0.5]])
    data = xr.Dataset(
        {
            "loss": (("split", "across", "along"), LOSS[None]),
            "scores": (("step", "component"), scores),
            "off_plane": ("step", [0.1, 0.4, 0.2]),
            "explained": ("component", [0.6, 0.3]),
        },
        {"split": ["all"], "across": PLACES, "along": PLACES, "step": [0, 10, 20], "component": [1, 2]},
    )
    drawn = loss_along_path(path_landscape=data)
    plane, path = drawn.figure.data
    np.testing.assert_allclose(plane.x, PLACES)
    np.testing.assert_allclose(np.stack([path.x, path.y], 1), scores)
    assert "90%" in drawn.says and "up to 0.4" in drawn.says and "the last 0.2" in drawn.says


def test_curves_are_the_outermost_eigenvalues():
    largest = np.array([[[3.0, 1.0]], [[7.0, 2.0]]])  # step, split, rank
    data = xr.Dataset(
        {
            "largest": (("step", "split", "rank"), largest),
            "smallest": (("step", "split", "rank"), -largest),
            "residual": (("step", "split"), [[1e-6], [1e-5]]),
        },
        {"step": [0, 10], "split": ["train"], "rank": [1, 2]},
    )
    drawn = sharpness_curves(sharpness=data)
    np.testing.assert_allclose(drawn.figure.data[0].y, [3, 7])
    np.testing.assert_allclose(drawn.figure.data[1].y, [-3, -7])
    assert "7 (train)" in drawn.says
