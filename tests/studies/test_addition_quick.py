"""The study of addition, small enough for a test: every stage runs, every claim is judged, every figure is drawn."""

import pytest

from ontogeny import api
from ontogeny.study import load_study


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return api.run("addition-quick", tmp_path_factory.mktemp("addition") / "quick")


def test_the_quick_recipe_is_the_long_one_but_for_its_size(store):
    long, quick = load_study("addition"), load_study("addition-quick")
    assert quick.findings == long.findings
    assert quick.report == long.report
    assert quick.lenses == long.lenses
    assert quick.task == {**long.task, "train_fraction": 0.85}
    assert quick.train.epochs < 500 < long.train.epochs


def test_every_claim_is_judged_with_seeds_behind_it(store):
    found = store.findings()
    asked = store.study.findings
    assert {use.options["text"] for use in asked} == {
        f.claim.removesuffix(" (second published value)") for f in found
    }
    runs = store.runs()
    right = int((runs["all_accuracy"] == 1).sum())
    assert right >= 3  # else nothing is asked of the circuit
    conditional = {
        u.options["text"]
        for u in asked
        if u.options.get("having") == {"name": "all_accuracy", "at_least": 1.0}
    }
    assert len(conditional) > 50
    for f in found:
        if f.claim.removesuffix(" (second published value)") in conditional:
            assert 0 < f.n <= right, f.claim
            assert f"the {right} of {len(runs)} runs" in f.why, f.claim


def test_the_published_numbers_are_where_they_were_put(store):
    both = [f for f in store.findings() if f.claim.startswith("accuracy with PC1 of both operands only")]
    assert [f.published for f in both] == [0.42, 0.40]
    assert both[0].values == both[1].values


def test_every_view_of_the_recipe_is_drawn(store):
    page = (store.directory.report / "index.html").read_text()
    assert "is not drawn" not in page
    assert "property of" in page
    assert page.count('id="figure-') == sum(len(section.views) for section in store.study.report)


def test_a_view_shows_the_run_with_a_value(store):
    from ontogeny.views.one_run import one_run

    data = store.lens("coverage")
    assert int(one_run(data, "seed=4")["seed"]) == 4
    assert int(one_run(data)["seed"]) == 1
