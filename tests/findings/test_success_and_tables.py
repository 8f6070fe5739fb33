"""Success curves, published tables and single values, judged on runs whose truth was planted."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from ontogeny.registry import findings

WIDTHS = np.arange(1, 41)


def population(seeds=5, budget=600, d50=15, status=None, rng=None):
    """Runs that reach accuracy 1 at epoch 300 with a logistic probability, or stay at .9 to the end."""
    rng = rng or np.random.default_rng(0)
    rows, curves = [], []
    for s in range(seeds):
        for d in WIDTHS:
            wins = rng.random() < expit(6 * np.log(d / d50))
            run, end = f"{d}-{s}", 300 if wins else budget
            rows.append(
                {
                    "run": run,
                    "d_hidden": d,
                    "seed": s,
                    "status": "stopped" if wins else "done",
                    "epoch": end,
                    "budget_epochs": budget,
                    "validation_accuracy": 1.0 if wins else 0.9,
                }
            )
            for epoch in (0, 150, end):
                accuracy = (1.0 if wins else 0.9) if epoch == end else 0.02 + epoch / 300
                curves.append(
                    {"run": run, "d_hidden": d, "seed": s, "epoch": epoch, "validation_accuracy": accuracy}
                )
    return {"runs": pd.DataFrame(rows), "metrics": pd.DataFrame(curves)}


CLAIMS = [
    {"text": "all from 8 on", "at_least": 8, "reached": "all"},
    {"text": "all from 35 on", "at_least": 35, "reached": "all"},
    {"text": "about as many as there are", "reached": 26},
    {"text": "three of forty", "reached": 3},
    {"text": "first at 38", "first": 38},
    {"text": "first at 12", "first": 12},
]


def test_claims_that_contradict_each_other_are_judged_each_on_its_own():
    found = findings["success_by"](population(), claims=CLAIMS)
    assert [f.kind for f in found] == ["success_by"] * 8
    onset, monotone, *judged = found
    assert onset.interval[0] <= 15 <= onset.interval[1] and onset.n == 5
    assert monotone.value > 0.05
    verdicts = {f.claim: f.verdict for f in judged}
    assert (
        verdicts["all from 8 on"]
        == verdicts["three of forty"]
        == verdicts["first at 38"]
        == "not as published"
    )
    assert verdicts["all from 35 on"] == verdicts["about as many as there are"] == "as published"
    assert verdicts["first at 12"] != "as published" or judged[-1].details["predictive_probability"] >= 0.5
    table = pd.DataFrame(onset.details["table"])
    assert table["reached"].sum() == population()["runs"]["status"].eq("stopped").sum()


def test_two_seeds_cannot_tell_and_neither_can_runs_that_were_not_allowed_the_budget():
    found = findings["success_by"](population(seeds=2), claims=CLAIMS)
    assert {f.verdict for f in found[2:]} == {"too few seeds"}
    late = findings["success_by"](population(), claims=[CLAIMS[0] | {"budget": 2000}], budgets=[600, 2000])
    assert late[-1].verdict == "too few seeds" and "0 of 200 runs" in late[-1].why


def test_winners_of_a_short_budget_do_not_enter_a_longer_one():
    """Runs stopped at 300 of 600 say nothing fair about 2000: only the long population counts there."""
    short, long = population(d50=3), population(d50=25, budget=2000, rng=np.random.default_rng(1))
    for frame in long.values():
        frame["run"] = "long-" + frame["run"]
    both = {name: pd.concat([short[name], long[name]]) for name in short}
    alone = findings["success_by"](long, budgets=[2000])[0]
    assert findings["success_by"](both, budgets=[2000])[0].value == pytest.approx(alone.value)


def test_reaching_is_read_at_the_epoch_at_which_it_happened():
    assert findings["success_by"](population(budget=600), budgets=[200])[0].value == math.inf


def table(values, widths=WIDTHS):
    return pd.DataFrame({"d_hidden": widths, "validation_accuracy": values})


def seeds_of_table(rng, seeds=6, mean=0.9, sd=0.02, luck=0.0):
    """Accuracies of every seed at every width; a seed of luck is better at all of them."""
    return pd.DataFrame(
        [
            {
                "run": f"{d}-{s}",
                "d_hidden": d,
                "seed": s,
                "status": "done",
                "validation_accuracy": rng.normal(mean, sd) + lucky,
            }
            for s, lucky in enumerate(rng.normal(0, luck, seeds))
            for d in WIDTHS
        ]
    )


def judged_tables(trials, shift=0.0, luck=0.0, seeds=6):
    """The summary of published tables that are one more seed, moved by ``shift``."""
    found = []
    for trial in range(trials):
        runs = seeds_of_table(np.random.default_rng(trial), seeds + 1, luck=luck)
        theirs = runs[runs["seed"] == seeds]["validation_accuracy"].to_numpy() + shift
        data = {"runs": runs[runs["seed"] < seeds], "published": table(theirs)}
        found.append(findings["per_setting"](data, each=False)[0])
    return found


@pytest.mark.parametrize("luck", [0.0, 0.01])
def test_a_table_of_one_more_seed_is_as_published_also_where_a_seed_is_lucky_throughout(luck):
    said = [one.verdict for one in judged_tables(40, luck=luck)]
    assert said.count("not as published") <= 5  # 0.05 and three standard errors of 40


def test_a_table_that_is_moved_is_not_as_published():
    assert {one.verdict for one in judged_tables(10, shift=-0.06)} == {"not as published"}
    # less than one seed differs at one width, and in all widths together
    small = judged_tables(10, shift=-0.015)
    assert [one.details["by_mean"] for one in small].count("not as published") >= 8


def test_the_rows_of_a_table_add_up_to_its_summary():
    rng = np.random.default_rng(0)
    data = {"runs": seeds_of_table(rng), "published": table(rng.normal(0.9, 0.03, len(WIDTHS)))}
    summary, *rows = findings["per_setting"](data)
    assert len(rows) == len(WIDTHS) and summary.n == len(summary.values) == 6
    assert summary.details["inside"] == sum(r.verdict == "as published" for r in rows)
    own = summary.details["inside"] / len(WIDTHS)
    assert summary.value == pytest.approx(own) and f"{own * len(WIDTHS):.0f} of 40" in summary.why


def test_a_table_against_one_seed_cannot_tell():
    rng = np.random.default_rng(0)
    data = {"runs": seeds_of_table(rng, seeds=1), "published": table(np.full(len(WIDTHS), 0.9))}
    assert {f.verdict for f in findings["per_setting"](data)} == {"too few seeds"}


def test_longer_runs_are_read_at_the_published_budget():
    data = population(budget=2000, seeds=4)
    extra = data["runs"].assign(epoch=600)[["run", "d_hidden", "seed", "epoch"]]
    data["metrics"] = pd.concat([data["metrics"], extra.assign(validation_accuracy=0.5)])
    data["published"] = table(np.full(len(WIDTHS), 0.5))
    rows = findings["per_setting"](data, budget=600)[1:]
    assert rows[0].value == pytest.approx(0.5)  # the narrowest never reach: 0.5 at 600, 0.9 at the end
