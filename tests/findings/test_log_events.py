"""What happened in a log: curves whose events are known, and a run that was trained."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.log_events import COLUMNS, log_events
from ontogeny.handles import open_store

STEPS = np.arange(0, 100, 10)


def log(train_loss, train_accuracy, test_accuracy, test_loss=None, norm=None, **more):
    table = pd.DataFrame(
        {"run": "a", "step": STEPS, "train_loss": train_loss, "train_accuracy": train_accuracy}
    )
    table["test_accuracy"] = test_accuracy
    table["test_loss"] = np.linspace(5, 1, 10) if test_loss is None else test_loss
    if norm is not None:
        table["weight_norm"] = norm
    return table.assign(**more)


def one(table, **options):
    return log_events(table, **options).iloc[0].to_dict()


LOSS = np.array([4.0, 1.0, 1e-2, 1e-4, 5e-3, 3e-4, 1.5e-4, 1e-5, 2e-3, 1e-6])
KNOWN = (STEPS >= 20).astype(float)
RIGHT = np.array([0, 0, 0, 0, 0.2, 1.0, 0.5, 1.0, 1.0, 1.0])
NORM = np.array([30.0, 35, 40, 45, 44, 43, 42, 41, 40, 39])


def test_events_bursts_and_norms():
    found = one(log(LOSS, KNOWN, RIGHT, norm=NORM, seed=3))
    assert found["seed"] == 3
    assert (found["memorised"], found["first_right"], found["grokked"], found["delay"]) == (20, 50, 70, 50)
    # 5e-3 is fifty times 1e-4; at 1.5e-4 that burst is over; 2e-3 is two hundred times 1e-5
    assert (found["slingshots"], found["first_slingshot"], found["slingshots_before"]) == (2, 40, 1)
    assert found["slingshot_height"] == pytest.approx(200) and found["slingshot_lag"] == 10
    assert (found["norm_start"], found["norm_memorised"], found["norm_grokked"], found["norm_end"]) == (
        30,
        40,
        41,
        39,
    )
    assert (found["norm_peak"], found["norm_peak_step"]) == (45, 30)


def test_a_burst_that_comes_and_goes_within_its_bounds_is_one():
    loss = np.array(
        [4.0, 1, 1e-2, 1e-4, 5e-3, 3e-4, 4e-3, 3e-4, 1e-4, 1e-5]
    )  # never below twice 1e-4 in between
    assert one(log(loss, KNOWN, RIGHT))["slingshots"] == 1


def test_what_lies_below_the_floor_is_rounding():
    loss = np.array([4.0, 1, 1e-2, 1e-12, 1e-10, 1e-12, 1e-10, 1e-12, 1e-10, 1e-12])
    assert one(log(loss, KNOWN, RIGHT))["slingshots"] == 0
    assert one(log(loss, KNOWN, RIGHT), floor=1e-13)["slingshots"] == 3


def test_before_memorising_nothing_is_a_burst_and_without_it_none_is_known():
    loss = np.array([4.0, 1e-3, 1, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4, 1e-4])
    assert one(log(loss, (STEPS >= 30).astype(float), RIGHT))["slingshots"] == 0
    assert math.isnan(one(log(loss, 0 * KNOWN, RIGHT))["slingshots"])


def test_rebound_and_thresholds():
    loss = np.array([4, 6, 5, 3, 2, 1, 0.5, 0.25, 0.5, 1.0])
    found = one(log(LOSS, KNOWN, RIGHT, test_loss=loss), accuracy=0.2)
    assert found["rebound"] == pytest.approx(0.75) and found["first_right"] == 40
    assert math.isnan(found["norm_end"])


def test_a_log_without_a_training_loss_is_refused():
    with pytest.raises(UserError, match="no train_loss"):
        log_events(pd.DataFrame({"run": ["a"], "step": [0], "train_accuracy": [0.0]}))


def test_the_store_has_them_and_norms_are_those_of_the_weights(trained):
    store = open_store(trained)
    events = store.gather(["metrics:events"])["metrics:events"]
    assert list(events.columns)[-len(COLUMNS) :] == list(COLUMNS) and len(events) == 3
    assert list(events["d_hidden"]) == [2, 3, 20]
    for id, last in zip(events["run"], events["norm_end"], strict=True):
        weights = store.run(id).weights(-1)
        assert last == pytest.approx(
            math.sqrt(sum(float(w.double().square().sum()) for w in weights.values())), rel=1e-6
        )
    loose = store.gather(["metrics:events(accuracy = 0.0)"])["metrics:events(accuracy = 0.0)"]
    assert (loose["memorised"] == 0).all()
    with pytest.raises(UnknownName, match="accuracy"):
        store.gather(["metrics:events(acuracy = 0.9)"])
    with pytest.raises(UnknownName, match="events"):
        store.gather(["metrics:evnts"])
