"""Times to an event from a log: what happened when, what is censored, and whether more of a setting brings it sooner."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.waits import reached, waits
from ontogeny.registry import findings, views

EVERY = 10  # steps between two rows of the log


def log(run, train, test, **more):
    steps = EVERY * np.arange(len(test))
    return pd.DataFrame({"run": run, "step": steps, "train_accuracy": train, "test_accuracy": test, **more})


CURVES = pd.concat(
    [
        log("grokked", [0, 1, 1, 1, 1], [0, 0, 0, 1, 1]),
        log("fell back", [0, 1, 1, 1, 1], [0, 0, 1, 0.9, 1]),
        log("never", [0, 0, 1, 1, 1], [0, 0, 0, 0, 0.98]),
        log("learned nothing", [0, 0, 0, 0, 0.5], [0, 0, 0, 0, 0.1]),
        log("diverged", [0, 1, 1], [0, 0, math.nan]),
    ]
)
RUNS = pd.DataFrame({"run": CURVES["run"].unique(), "step": [40, 40, 40, 40, 20]})
RUNS["status"] = ["stopped", "done", "done", "done", "diverged"]


def test_the_event_is_the_first_step_from_which_it_stays_so():
    assert reached(CURVES, "test_accuracy", 0.99, True).to_dict() == {"grokked": 30, "fell back": 40}
    assert reached(CURVES, "test_accuracy", 0.99, False)["fell back"] == 20


def test_runs_without_it_are_censored_where_they_ended_and_those_that_diverged_at_their_budget():
    found = waits(RUNS, CURVES).set_index("run")
    assert found["time"].to_dict() == {
        "grokked": 30,
        "fell back": 40,
        "never": 40,
        "learned nothing": 40,
        "diverged": 40,
    }
    assert found["happened"].sum() == 2


def test_a_delay_counts_from_memorising_and_a_run_that_did_not_memorise_has_not_begun():
    found = waits(RUNS, CURVES, since="train_accuracy").set_index("run")
    assert found["time"].drop("learned nothing").to_dict() == {
        "grokked": 20,
        "fell back": 30,
        "never": 20,
        "diverged": 30,
    }
    assert math.isnan(found["time"]["learned nothing"])
    (one,) = findings["time_to_event"]({"runs": RUNS, "metrics": CURVES}, since="train_accuracy")
    assert "1 runs never reached" in one.why and "within 10 steps" in one.why


def population(rng, effect=0.7, seeds=8, budget=2000):
    """log time falls by ``effect`` for every factor of three in weight decay, and with the train fraction; seeds have their own
    luck."""
    rows, logs = [], []
    luck = 0.5 * rng.normal(size=seeds)
    for fraction in (0.4, 0.6):
        for i, decay in enumerate((0.0, 0.3, 1.0, 3.0)):
            for seed in range(seeds):
                time = 900 * math.exp(luck[seed] - effect * i - 3 * (fraction - 0.4) + 0.4 * rng.normal())
                run = f"{fraction}-{decay}-{seed}"
                steps = np.arange(0, budget + 1, 50)
                grokked = steps >= time
                last = int(grokked.argmax()) + 1 if grokked.any() else len(steps)
                rows.append(
                    {"run": run, "train_fraction": fraction, "weight_decay": decay, "seed": seed}
                    | {"status": "stopped" if grokked.any() else "done", "step": int(steps[last - 1])}
                )
                logs.append(
                    pd.DataFrame(
                        {
                            "run": run,
                            "step": steps[:last],
                            "train_accuracy": (steps[:last] >= 50).astype(float),
                            "test_accuracy": grokked[:last].astype(float),
                        }
                    )
                )
    return {"runs": pd.DataFrame(rows), "metrics": pd.concat(logs, ignore_index=True)}


SETTINGS = ("train_fraction", "weight_decay")


def test_more_decay_is_found_to_be_sooner_and_the_opposite_claim_is_not_as_published():
    data = population(np.random.default_rng(0))
    options = {"by": "weight_decay", "within": ("train_fraction",)}
    (one,) = findings["sooner_with"](data, **options, published={"them": "sooner"})
    assert one.verdict == "as published" and one.value > 0.7 and one.n == 8
    assert one.details["p_trend"] < 0.01 and one.details["p"] < 0.01
    (other,) = findings["sooner_with"](data, **options, published={"them": "later"})
    assert other.verdict == "not as published"
    (unpublished,) = findings["sooner_with"](data, **options)
    assert unpublished.verdict == "holds"


def test_a_setting_that_does_nothing_is_seldom_said_to_do_something():
    said = []
    for trial in range(40):
        data = population(np.random.default_rng(trial), effect=0.0)
        (one,) = findings["sooner_with"](data, by="weight_decay", within=("train_fraction",))
        said.append((one.verdict, one.details["p_trend"] <= 0.05))
    assert sum(verdict != "too few seeds" for verdict, _ in said) <= 5
    assert sum(p for _, p in said) <= 5


def test_medians_stand_in_the_table_and_a_setting_that_is_too_slow_has_none():
    data = population(np.random.default_rng(1))
    (one,) = findings["time_to_event"](data, settings=SETTINGS)
    table = pd.DataFrame(one.details["table"])
    settings = table[table["row"] == "setting"].set_index(list(SETTINGS))
    assert settings.loc[(0.6, 3.0), "median"] < settings.loc[(0.4, 0.3), "median"]
    slow = population(np.random.default_rng(1), budget=200)
    (late,) = findings["time_to_event"](slow, settings=SETTINGS)
    rows = pd.DataFrame(late.details["table"])
    slowest = rows[(rows["row"] == "setting")].set_index(list(SETTINGS)).loc[(0.4, 0.0)]
    assert slowest["median"] == math.inf and slowest["events"] < slowest["n"] / 2
    assert late.value < one.value == pytest.approx(np.mean(one.values))


def test_mistakes_are_said():
    data = population(np.random.default_rng(0))
    with pytest.raises(UserError, match="sooner"):
        findings["sooner_with"](data, by="weight_decay", published={"them": "faster"})
    with pytest.raises(UnknownName, match="weight_decay"):
        findings["sooner_with"](data, by="weight_decai")
    with pytest.raises(UserError, match="None of 64 runs"):
        findings["time_to_event"](data, since="test_accuracy", at_least=1.5)


@pytest.mark.parametrize("name", ["waiting_by_setting", "waiting_curves"])
def test_views_show_every_run_and_those_that_never_got_there_as_open_triangles(name):
    data = population(np.random.default_rng(1), budget=600)
    (one,) = findings["time_to_event"](data, settings=SETTINGS)
    table = pd.DataFrame(one.details["table"])
    split = {"waiting_by_setting": "lines", "waiting_curves": "beside"}[name]
    drawn = views[name](time_to_event=table, by="weight_decay", **{split: "train_fraction"})
    assert "got there" in drawn.says
    with pytest.raises(UserError, match="grokked"):
        views[name](time_to_event=table, by="weight_decay", event="something")
    if name == "waiting_by_setting":
        dots = [t for t in drawn.figure.data if t.mode == "markers"]
        symbols = [symbol for trace in dots for symbol in trace.marker.symbol]
        censored = table[table["row"] == "run"]["happened"].eq(False).sum()
        assert len(symbols) == 64 and symbols.count("triangle-up-open") == censored > 5
        medians = [t for t in drawn.figure.data if t.mode == "lines+markers"]
        assert len(medians) == 2 and np.isnan(medians[0].y[0])
    else:
        stairs = [t for t in drawn.figure.data if t.line.width == 2]
        assert len(stairs) == 8
        for trace in stairs:
            assert (np.diff(trace.y) >= 0).all() and trace.y[0] == 0
