"""The table of dictionaries shows means over runs of the chosen kind beside those of step 0, and the curves what they were handed."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny.errors import UnknownName, UserError
from ontogeny.registry import measures, views
from ontogeny.views.dictionary_table import CURVES, DISTANCES

TICKS = measures["dictionary_scores"].ticks
WORLD, CLUSTERED, STEPS = [1, 2, 1, 2], [0.0, 0.0, 0.9, 0.9], [0, 10, 100]


def handed():
    """Scores that say which runs, which step and which entry they belong to."""
    n, rows, columns = len(WORLD), len(TICKS["reference"]), len(TICKS["score"])
    run = np.arange(n, dtype=float)
    scores = np.zeros((n, n, len(STEPS), rows, columns))
    scores += 0.1 * run[:, None, None, None, None] + 0.01 * run[None, :, None, None, None]
    scores[:, :, 0] = 0.05
    dims = ("run", "run_other", "step")
    curves = {
        name: (dims, np.full((n, n, len(STEPS)), 0.1 * i) + 0.01 * np.arange(3))
        for i, name in enumerate(CURVES)
    }
    ends = {
        f"{name}{end}": (f"run{end}", values)
        for end in ("", "_other")
        for name, values in (("dictionary", WORLD), ("correlation", CLUSTERED), ("run", list("abcd")))
    }
    return xr.Dataset(
        {"scores": ((*dims, "reference", "score"), scores), **curves},
        {**ends, "step": STEPS, **{k: list(v) for k, v in TICKS.items()}},
    )


def test_the_scores_that_are_distances_are_called_so():
    for name, one in measures.items():
        if one.kind == "distance" and name in ("procrustes_normalized", "singular_value_distance"):
            assert {
                "procrustes_normalized": "Procrustes distance",
                "singular_value_distance": "singular-value distance",
            }[name] in DISTANCES
    assert set(DISTANCES) <= set(TICKS["score"])


def test_a_cell_is_the_mean_of_the_chosen_pairs_and_its_colour_the_way_from_chance():
    where = {"dictionary": 1, "dictionary_other": 2, "correlation": 0.9, "correlation_other": 0.9}
    drawn = views["dictionary_table"](dictionary_scores=handed(), where=where)
    (cells,) = drawn.figure.data
    columns = list(cells.x)
    assert list(cells.y) == list(TICKS["reference"]) and columns == list(TICKS["score"])
    alone = [not row.startswith("itself") for row in cells.y]
    assert np.allclose(cells.customdata[..., 0], 0.23) and np.allclose(cells.customdata[alone, :, 2], 0.05)
    # a dictionary beside itself is held against random vectors, after training too
    assert np.allclose(cells.customdata[np.logical_not(alone), :, 2], 0.23)
    mmcs, distance = columns.index("MMCS"), columns.index("Procrustes distance")
    assert cells.z[0][mmcs] == pytest.approx(0.18 / 0.95, abs=1e-3)
    assert cells.z[0][distance] == 0  # farther apart than chance
    assert cells.text[0][mmcs] == ".23 (.05)" and drawn.says.startswith(
        "1 × 1 pairs of runs after 100 updates"
    )
    with pytest.raises(UnknownName, match="dictionary"):
        views["dictionary_table"](dictionary_scores=handed(), where={"dictionry": 1})
    with pytest.raises(UserError, match=r"No run has dictionary = 3; there is \[1, 2\]"):
        views["dictionary_table"](dictionary_scores=handed(), where={"dictionary": 3})


def test_curves_are_drawn_for_each_setting_beside_its_like():
    drawn = views["alike_and_right"](dictionary_scores=handed(), by="correlation", where={"dictionary": 1})
    lines = [one for one in drawn.figure.data if one.mode == "lines+markers"]
    assert len(lines) == 2 * len(CURVES) and [one.name for one in lines[: len(CURVES)]] == list(
        CURVES.values()
    )
    assert lines[1].y.tolist() == pytest.approx([0.1, 0.11, 0.12], abs=1e-3)
    assert lines[0].x[0] > 0 and lines[0].customdata.tolist() == STEPS
    assert "correlation = 0.9: at the end 0.02 with the feature, 0.12 with one another" in drawn.says
