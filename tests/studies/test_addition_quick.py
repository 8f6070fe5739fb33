"""The study of addition, small enough for a test: every stage runs, every claim is judged, every figure is drawn."""

import pytest

from ontogeny import api
from ontogeny.study import load_study


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return api.run("addition-quick", tmp_path_factory.mktemp("addition") / "quick")


def test_the_quick_recipe_is_the_long_one_but_for_its_size(store):
    long, quick = load_study("addition"), load_study("addition-quick")
    # that needs the crossed block
    assert quick.claims == {q: claims for q, claims in long.claims.items() if q != "luck"}
    assert quick.report == long.report
    assert quick.lenses == long.lenses
    assert quick.task == {**long.task, "train_fraction": 0.85}
    assert quick.train.epochs < 500 < long.train.epochs


def test_every_claim_is_judged_with_seeds_behind_it(store):
    found, asked = store.findings(), store.study.asked()
    assert [(f.key, f.claim, f.question) for f in found] == [(a.key, a.text, a.question) for a in asked]
    runs = store.runs()
    right = int((runs["all_accuracy"] == 1).sum())
    assert right >= 3  # else nothing is asked of the circuit
    conditional = [f for f in found if f.of == "seeds that answer all 100 inputs rightly"]
    assert len(conditional) > 30
    for f in conditional:
        assert 0 < f.n <= right and f.of_all == len(runs), f.claim


def test_the_published_numbers_are_where_they_were_put(store):
    (one,) = (f for f in store.findings() if f.key == "components.accuracy_pc1")
    assert [(p.value, p.rounding) for p in one.published] == [(0.42, 0.005), (0.40, 0.005)]
    assert one.published[1].source == "its second model (model seed 999, split seed 598)"
    assert [f.of for f in one.beside] == ["those of them without parity in the embedding"]


def test_what_was_decided_after_looking_stands_beside_the_row(store):
    found = {f.key: f for f in store.findings()}
    decided = {key for key, f in found.items() if f.decided}
    assert {"attention.equal", "generalise.symmetric", "embedding.parity"} <= decided
    assert not {"generalise.accuracy", "embedding.pc1"} & decided
    # the subgroup was chosen
    assert [bool(column.decided) for column in found["embedding.pc1"].beside] == [True]


def test_every_view_of_the_recipe_is_drawn(store):
    page = (store.directory.report / "index.html").read_text()
    assert "is not drawn" not in page
    assert "What was asked, and what was found" in page
    assert page.count('id="figure-') == sum(len(section.views) for section in store.study.report)


def test_a_view_shows_the_run_with_a_value(store):
    from ontogeny.views.one_run import one_run

    data = store.lens("coverage")
    assert int(one_run(data, "seed=4")["seed"]) == 4
    assert int(one_run(data)["seed"]) == 1
