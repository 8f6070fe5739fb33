"""Where a number's variance comes from, on planted effects; and what is said where it cannot be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ontogeny.claims import Quantity
from ontogeny.errors import UnknownName, UserError
from ontogeny.registry import findings, views

NUMBER = Quantity(source="runs", variable="number")


def crossed(rng, of_init=0.0, of_split=3.0, levels=5, diagonal=8):
    """Every init with every split up to ``levels``, and seeds up to ``diagonal`` of which both are the seed."""
    cells = [(i, s) for i in range(diagonal) for s in range(diagonal) if i == s or max(i, s) < levels]
    init, split = np.array(cells).T
    a, b = of_init * rng.normal(size=diagonal), of_split * rng.normal(size=diagonal)
    number = a[init] + b[split] + rng.normal(size=len(cells))
    frame = pd.DataFrame(
        {"run": [f"{i}-{s}" for i, s in cells], "init": init, "split": split, "number": number}
    )
    frame["seed"] = np.where(init == split, init, np.nan)
    frame.attrs["order_matters"] = False
    return frame


def test_the_source_that_decides_is_named_with_its_share_and_the_order_of_a_full_batch_is_not_asked_for():
    (found,) = findings["variance_by_source"](
        {"all:runs": crossed(np.random.default_rng(0))}, quantity=NUMBER
    )
    init, split, together = (found, *found.beside)
    assert [one.of for one in (init, split, together)] == [
        "the initialisation",
        "the split",
        "their combination",
    ]
    assert split.value > 0.5 and split.details["p"] < 0.01 and split.interval[0] > 0.2
    assert init.value < 0.2 and init.details["p"] > 0.01
    assert init.value + split.value + together.value == pytest.approx(1)
    assert "a full batch has no order" in found.why and "28 runs" in found.why
    assert split.n == 5  # seeds 5 to 7 stand alone and tell nothing of a split


def test_a_seed_that_sets_everything_cannot_be_taken_apart():
    runs = crossed(np.random.default_rng(0), levels=0).drop(columns=["init", "split"])
    (found,) = findings["variance_by_source"]({"all:runs": runs}, quantity=NUMBER)
    assert np.isnan(found.value) and "add crossed" in found.why


def test_two_values_of_a_source_are_too_few_and_a_diagonal_is_no_block():
    (found,) = findings["variance_by_source"](
        {"all:runs": crossed(np.random.default_rng(0), levels=2, diagonal=2)}, quantity=NUMBER
    )
    assert np.isnan(found.value) and "3 are the least" in found.why
    (found,) = findings["variance_by_source"](
        {"all:runs": crossed(np.random.default_rng(0), levels=0)}, quantity=NUMBER
    )
    assert np.isnan(found.value) and "cannot be told from" in found.why


def test_runs_without_the_number_are_left_out_or_put_in_and_it_is_said():
    runs = crossed(np.random.default_rng(1))
    runs.loc[[1, 2], "number"] = np.nan
    (out,) = findings["variance_by_source"]({"all:runs": runs}, quantity=NUMBER)
    assert "2 of 28 runs have no such number and are left out" in out.why and "26 runs" in out.why
    (put,) = findings["variance_by_source"]({"all:runs": runs}, quantity=NUMBER, missing=9.0)
    assert "are counted as 9" in put.why and "28 runs" in put.why


def test_a_number_of_a_lens_and_its_logarithm():
    runs = crossed(np.random.default_rng(2))
    lens = xr.Dataset(
        {"step": ("run", np.exp(runs["number"].to_numpy()))},
        coords={"run": runs["run"].to_list(), "seed": ("run", runs["seed"].to_list())},
    )
    quantity = Quantity(source="learning", variable="step")
    data = {"all:lens:learning@final": lens, "all:runs": runs}
    (found,) = findings["variance_by_source"](data, quantity=quantity, scale="log")
    (plain,) = findings["variance_by_source"]({"all:runs": runs}, quantity=NUMBER)
    assert found.value == pytest.approx(plain.value)


def test_the_time_to_an_event_is_read_from_the_log():
    runs = crossed(np.random.default_rng(3)).assign(status="done", step=100)
    # some come after the end of the log
    when = np.clip(10 * np.round(50 + 5 * runs["number"]) // 10, 10, 200)
    steps = np.arange(0, 101, 10)
    metrics = pd.concat(
        [
            pd.DataFrame({"run": run, "step": steps, "test_accuracy": (steps >= t).astype(float)})
            for run, t in zip(runs["run"], when, strict=True)
        ]
    )
    data = {"all:runs": runs, "all:metrics": metrics}
    event = {"metric": "test_accuracy", "at_least": 0.99}
    (found,) = findings["variance_by_source"](data, event=event, missing=110)
    other = data["all:runs"].assign(run=lambda r: r["run"] + " elsewhere", decay=3.0)
    beside = {**data, "all:runs": pd.concat([data["all:runs"].assign(decay=1.0), other])}
    (same,) = findings["variance_by_source"](beside, event={**event, "where": {"decay": 1.0}}, missing=110)
    assert same.value == found.value and same.why == found.why
    split = found.beside[0]
    assert split.details["p"] < 0.01 and split.value > found.value
    late = runs.loc[when > 100, "run"]
    assert (f"{len(late)} of 28 runs" in found.why) == bool(len(late))
    with pytest.raises(UnknownName, match="metric"):
        findings["variance_by_source"](data, event={"metrik": "test_accuracy"})


def test_runs_of_several_settings_are_refused():
    runs = crossed(np.random.default_rng(0))
    both = pd.concat([runs, runs.assign(run=runs["run"] + "x")], ignore_index=True)
    with pytest.raises(UserError, match="pick one setting"):
        findings["variance_by_source"]({"all:runs": both}, quantity=NUMBER)


def test_the_grid_shows_the_block_and_not_the_seeds_beside_it():
    (found,) = findings["variance_by_source"](
        {"all:runs": crossed(np.random.default_rng(0))}, quantity=NUMBER
    )
    drawn = views["source_grid"](variance_by_source=pd.DataFrame(found.details["table"]))
    (heat,) = drawn.figure.data
    assert np.shape(heat.z) == (5, 5) and np.isfinite(np.asarray(heat.z, dtype=float)).all()
    assert np.ptp(np.mean(heat.z, 1)) > np.ptp(np.mean(heat.z, 0))  # splits are the rows, and decide
    with pytest.raises(UserError, match="no such thing"):
        views["source_grid"](variance_by_source=pd.DataFrame(found.details["table"]), number="no such thing")
