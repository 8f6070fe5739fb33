"""A difference of maps is that of their numbers, and where axes do not agree there is none."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import pytest

from ontogeny.errors import UserError
from ontogeny.views.base import Bind, Drawn
from ontogeny.views.differing import difference, difference_map

Z = np.arange(6.0).reshape(2, 3)


def drawn(z, x=None, title="first operand", moving=None):
    fig = go.Figure(go.Heatmap(z=z, x=x)).update_yaxes(title_text=title)
    bound = [] if moving is None else [Bind(0, "z", "step", moving, ("0", "1"))]
    return Drawn(fig, bound)


def test_the_numbers():
    found = difference(drawn(3 * Z), drawn(Z), "A view")
    np.testing.assert_array_equal(found.values, 2 * Z)
    assert found.axes == ("first operand", "column") and found.caution == ""
    at_cursor = difference(drawn(Z, moving=np.stack([Z, 5 * Z])), drawn(Z), "A view")
    np.testing.assert_array_equal(at_cursor.values, 4 * Z)


def test_the_scale_is_centred_at_nothing():
    fig = difference_map(difference(drawn(Z), drawn(Z[::-1]), "A view"), "one", "other").figure
    assert fig.layout.coloraxis.cmin == -fig.layout.coloraxis.cmax == -3
    same = difference_map(difference(drawn(Z), drawn(Z), "A view"), "one", "other").figure
    assert same.layout.coloraxis.cmin < 0 < same.layout.coloraxis.cmax


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (drawn(Z[:, :2]), "2 × 3 and 2 × 2: their axes do not agree"),
        (drawn(Z, x=[1, 2, 4]), "count different things"),
        (drawn(Z, title="position"), "count different things"),
        (Drawn(go.Figure(go.Scatter(y=[1]))), "no map"),
    ],
)
def test_where_axes_do_not_agree_that_is_said(other, said):
    with pytest.raises(UserError, match=said):
        difference(drawn(Z), other, "A view")


def test_units_of_a_model_are_warned_of():
    assert "another unit" in difference(drawn(Z, title="neuron"), drawn(Z, title="neuron"), "A view").caution
