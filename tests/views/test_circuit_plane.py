"""Runs stand where their two numbers say, and move with the slider."""

import numpy as np
import pytest
import xarray as xr

from ontogeny.views.bindings import with_slider
from ontogeny.views.circuit_plane import circuit_plane


@pytest.fixture
def handed():
    coords = {"run": ["first", "second"], "seed": ("run", [3, 4]), "step": [0, 100, 200]}

    def data(**variables):
        return xr.Dataset({n: (("run", "step"), np.array(v)) for n, v in variables.items()}, coords=coords)

    return {
        "gradient_symmetricity": data(
            symmetricity=[[0.1, 0.5, 0.99], [0.0, -0.3, np.nan]],  # the second has no third step
            standard_error=[[0.01, 0.02, 0.03], [0.01, 0.01, np.nan]],
        ),
        "distance_irrelevance": data(irrelevance=[[0.9, 0.5, 0.1], [0.9, 0.8, np.nan]]),
    }


def test_a_line_and_a_dot_a_run_and_a_run_that_ended_stays_where_it_was(handed):
    drawn = circuit_plane(**handed, by="seed")
    line, dot, other_line, other_dot = drawn.figure.data
    np.testing.assert_allclose(line.x, [0.1, 0.5, 0.99], rtol=1e-3)
    np.testing.assert_allclose(line.y, [0.9, 0.5, 0.1], rtol=1e-3)
    assert (list(dot.x), list(dot.y)) == (pytest.approx([0.99]), pytest.approx([0.1]))
    assert list(dot.error_x.array) == pytest.approx([0.06])
    assert len(other_line.x) == 2 and list(other_dot.x) == pytest.approx([-0.3])
    assert (dot.name, other_dot.name) == ("seed = 3", "seed = 4")
    assert drawn.figure.layout.xaxis.range[0] < -0.3
    assert "seed = 3: 0.99 and 0.10; seed = 4: -0.30 and 0.80." in drawn.says


def test_the_slider_moves_every_dot_and_no_line(handed):
    slider = with_slider(circuit_plane(**handed, by="seed")).layout.sliders[0]
    assert [step.label for step in slider.steps] == ["step 0", "step 100", "step 200"]
    changes, traces = slider.steps[1].args
    assert list(traces) == [1, 3]
    assert [list(x) for x in changes["x"]] == [[0.5], [-0.3]]
    assert [list(y) for y in changes["y"]] == [[0.5], [0.8]]


def test_one_run_alone(handed):
    drawn = circuit_plane(**handed, by="seed", run="seed=4")
    assert len(drawn.figure.data) == 2 and drawn.figure.data[1].name == "seed = 4"
    assert [one.ticks for one in drawn.bindings] == [("step 0", "step 100")] * 3
