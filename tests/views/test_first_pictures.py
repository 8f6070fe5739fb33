"""The pictures that people expect first, drawn from numbers that are known."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.registry import views


def logged() -> pd.DataFrame:
    rows = [
        {"run": f"r{seed}", "seed": seed, "step": step, "train_loss": 1 / (step + 1), "test_loss": 2.0 + seed}
        for seed in (0, 1)
        for step in (0, 1, 10, 100)
    ]
    table = pd.DataFrame(rows)
    table.attrs["varied"] = ["seed"]
    return table


def test_train_and_test_are_on_one_axis_in_the_colour_of_the_run() -> None:
    fig = views["train_and_test"](metrics=logged()).figure
    assert [t.name for t in fig.data] == ["seed=0", "seed=0", "seed=1", "seed=1"]
    assert [t.line.dash for t in fig.data] == ["dash", "solid"] * 2
    assert len({t.line.color for t in fig.data}) == 2 and fig.data[0].line.color == fig.data[1].line.color
    assert fig.data[0].y == pytest.approx([1 / 2, 1 / 11, 1 / 101], rel=1e-3) and fig.data[
        3
    ].y == pytest.approx([3.0] * 3)
    assert fig.layout.xaxis.type == fig.layout.yaxis.type == "log"
    with pytest.raises(UserError, match="train_accuracy"):
        views["train_and_test"](metrics=logged(), quantity="accuracy")


def test_a_number_against_a_setting() -> None:
    data = xr.Dataset(
        {"grokked": (("run",), [10.0, 30.0, math.nan, 4.0, 6.0, 8.0])},
        {"run": list("abcdef"), "decay": ("run", [0, 0, 0, 1, 1, 1]), "seed": ("run", [0, 1, 2] * 2)},
    )
    drawn = views["scalar_by_setting"](learning_events=data, lens="learning_events", scalar="grokked")
    dots, line = drawn.figure.data
    assert len(dots.x) == 5 and np.asarray(line.y).tolist() == [20.0, 6.0]
    assert drawn.says == "medians from 6 to 20; missing in 1 of 6 runs."
    for wrong, said in (
        ({"scalar": "groked"}, "'grokked'"),
        ({"scalar": "grokked", "by": "dcay"}, "'decay'"),
    ):
        with pytest.raises(UserError, match=said):
            views["scalar_by_setting"](learning_events=data, lens="learning_events", **wrong)


def test_in_one_call_from_a_store(trained: Path) -> None:
    store = on.open(trained)
    figure = store.view("scalar_by_setting", lens="performance", scalar="accuracy", where={"split": "all"})
    expected = store.runs().sort_values("d_hidden")["all_accuracy"]
    assert figure.data[0].y == pytest.approx(expected.tolist())
    with pytest.raises(UserError, match="where"):
        store.view("scalar_by_setting", lens="performance", scalar="accuracy")
    assert store.view("train_and_test")
