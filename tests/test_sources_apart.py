"""Seeds of initialisation, split and order vary apart: what is trained, what runs are called, and who reads the runs of
``crossed``."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.errors import UnknownName, UserError
from ontogeny.handles import open_store
from ontogeny.study import load_study

BLOCK = {"seeds.init": [0, 1], "seeds.split": [0, 1]}


def seeds(variants):
    return [tuple(v.spec["seeds"].values()) for v in variants]


def test_each_source_varies_by_itself(tiny_study):
    study = load_study(tiny_study(vary={"seeds.init": [0, 1], "seeds.order": {"range": [3, 4]}}))
    assert seeds(study.variants()) == [(0, 0, 3), (0, 0, 4), (1, 0, 3), (1, 0, 4)]
    assert study.variants()[0].varied == {"init": 0, "order": 3}
    assert study.apart == ("init", "order")


def test_a_source_that_varies_does_not_follow_the_seed(tiny_study):
    study = load_study(tiny_study(vary={"seed": [7], "seeds.init": [0, 1]}))
    assert seeds(study.variants()) == [(0, 7, 7), (1, 7, 7)]


def test_what_vary_has_already_is_not_trained_twice(tiny_study):
    recipe = tiny_study(vary={"seed": [0, 1, 2]}, crossed=BLOCK, train__batch="full")
    study = load_study(recipe)
    assert seeds(study.main()) == [(0, 0, 0), (1, 1, 1), (2, 2, 2)]
    assert [v.varied for v in study.aside()] == [{"init": 0, "split": 1}, {"init": 1, "split": 0}]
    in_batches = load_study(recipe | {"train": {"epochs": 6, "batch": 8}})
    assert len(in_batches.aside()) == 3  # (1, 1, order 0) is another run than seed 1, whose order is 1


@pytest.mark.parametrize("grid", ["vary", "crossed"])
def test_mistakes_name_what_there_is(tiny_study, grid):
    recipe = tiny_study(vary={"seed": [0]})
    with pytest.raises(UnknownName, match="split"):
        load_study(recipe | {grid: {"seeds.splitt": [0]}}).variants()
    with pytest.raises(UserError, match="whole number"):
        load_study(recipe | {grid: {"seeds.init": ["a"]}}).variants()


@pytest.fixture(scope="module")
def crossed(tiny_study, carry_out, tmp_path_factory):
    recipe = tiny_study(vary={"seed": [0, 1, 2]}, crossed=BLOCK, train__batch="full", train__epochs=5)
    out = tmp_path_factory.mktemp("crossed") / "study"
    carry_out(recipe, out)
    return out


def test_runs_of_the_block_differ_where_they_should(crossed):
    store = open_store(crossed)
    first, other_split = store.run(seed=0), store.run(init=0, split=1)
    other_init = store.run(init=1, split=0)
    name = "W_l"
    assert (first.weights(0)[name] == other_split.weights(0)[name]).all()
    assert (first.weights(0)[name] != other_init.weights(0)[name]).any()
    trained = [run.metrics()["train_loss"].to_numpy() for run in (first, other_split, other_init)]
    assert (trained[0] != trained[1]).all() and (trained[0] != trained[2]).all()
    assert store.run(init=1, split=1).id == store.run(seed=1).id


def test_of_the_block_the_first_and_the_last_weights_are_kept_and_nobody_looks_unasked(crossed):
    store = open_store(crossed)
    main, aside = store.run(seed=0), store.run(init=0, split=1)
    assert aside.steps == [0, 5] and len(main.steps) > 2
    assert main.entry.results and not aside.entry.results
    assert store.lens("performance").sizes["run"] == 5


def test_tables_name_each_source_and_views_and_findings_do_not_see_the_block(crossed):
    store = open_store(crossed)
    table = store.runs()
    assert list(table["init"]) == [0, 1, 2, 0, 1] and list(table["split"]) == [0, 1, 2, 1, 0]
    assert table["seed"].isna().tolist() == [False] * 3 + [True] * 2
    words = ("runs", "all:runs", "lens:performance@final", "all:lens:performance@final", "all:metrics")
    gathered = store.gather(words)
    assert list(gathered["runs"]["seed"]) == [0, 1, 2] and "init" not in gathered["runs"]
    assert len(gathered["all:runs"]) == 5 and gathered["all:metrics"]["run"].nunique() == 5
    assert gathered["lens:performance@final"].sizes["run"] == 3
    of_all = gathered["all:lens:performance@final"]
    np.testing.assert_array_equal(of_all["init"].values, [0, 1, 2, 0, 1])
    assert "of 3 runs" in store.draw("loss_curves").says


def test_a_second_run_has_nothing_to_do(crossed, carry_out, tiny_study):
    recipe = tiny_study(vary={"seed": [0, 1, 2]}, crossed=BLOCK, train__batch="full", train__epochs=5)
    assert not carry_out(recipe, crossed)
