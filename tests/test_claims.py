"""The schema of claims: names are resolved, unknown ones name their neighbours before anything is trained, recipes extend claim
by claim."""

from __future__ import annotations

import pytest

from ontogeny import api
from ontogeny.claims import Chosen
from ontogeny.errors import UnknownName, UserError
from ontogeny.study import built_in, dump, load_study, read_recipe

RECIPE = {
    "name": "small",
    "task": {"kind": "modular_addition", "p": 8, "train_fraction": 0.7, "held_out": "validation"},
    "architecture": {"kind": "bilinear", "d_hidden": 4},
    "train": {"epochs": 1, "batch": "full"},
    "vary": {"seed": [0, 1, 2]},
    "sources": {"them": "the published model"},
    "questions": {"well": {"text": "How well?", "of": "good"}, "whom": "Of whom?"},
    "quantities": {
        "accuracy": {
            "source": "runs",
            "variable": "validation_accuracy",
            "bounds": [0, 1],
            "resolution": 0.1,
        },
        "share": {"source": "performance", "variable": "accuracy"},
        "right": {"like": "share", "where": {"split": "all"}, "reduce": "max"},
    },
    "populations": {
        "good": {"text": "good seeds", "having": {"accuracy": {"at_least": 0.0}}},
        "best": {
            "text": "the best of them",
            "within": "good",
            "having": {"right": {"at_least": 0.0}},
            "decided": {"when": "later", "why": "so"},
        },
    },
    "claims": {
        "well": {
            "right": {"text": "It is right", "published": {"them": "0.73"}, "of": ["good", "best"]},
            "always": {"text": "It is always right", "quantity": "right", "at_least": 1.0},
        },
        "whom": {"accuracy": {"text": "Of all"}},
    },
}


def recipe(**changes):
    """The recipe with dotted paths set."""
    data = load_study(RECIPE).model_dump(exclude_unset=True)
    for path, value in changes.items():
        *rooms, last = path.split("__")
        inner = data
        for room in rooms:
            inner = inner.setdefault(room, {})
        inner[last] = value
    return data


def test_claims_are_spelled_out():
    right, always, everyone = load_study(RECIPE).asked()
    assert [one.key for one in (right, always, everyone)] == ["well.right", "well.always", "whom.accuracy"]
    assert (right.kind, always.kind, right.question) == ("value", "holds", "How well?")
    assert right.options["published"] == {"the published model": "0.73"}
    quantity = right.options["quantity"]
    assert (quantity.reads, quantity.variable, quantity.reduce) == (
        "lens:performance@final",
        "accuracy",
        "max",
    )
    good, best = right.options["of"]
    assert isinstance(best, Chosen) and len(good.having) == 1 and len(best.having) == 2
    assert [one.why for one in best.decided] == ["so"] and right.decided == always.decided == ()
    assert [one.text for one in always.options["of"]] == ["good seeds"]  # of the question
    assert "of" not in everyone.options


def test_ticks_of_a_like_quantity_are_added_to_those_of_its_model():
    data = recipe(
        quantities__share__where={"split": "all"}, quantities__right={"like": "share", "where": {"part": "x"}}
    )
    assert read_recipe(data).asked()[0].options["quantity"].where == {"split": "all", "part": "x"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"claims__well__right__quantity": "acuracy"}, "'accuracy'"),
        ({"claims__well__right__of": "god"}, "'good'"),
        ({"claims__well__right__at_leest": 1.0}, "at_leest"),
        ({"claims__well__right__kind": "valu"}, "'value'"),
        ({"claims__wel": {"x": {"text": "x"}}}, "'well'"),
        ({"claims__flat": {"text": "x"}}, "QUESTION.NAME"),
        ({"quantities__right": {"like": "shore"}}, "'share'"),
        ({"quantities__share__source": "perfomance"}, "'performance'"),
        ({"quantities__share__where": {"splt": "all"}}, "'split'"),
        ({"quantities__right__reduce": "mode"}, "reduction"),
        ({"quantities__accuracy__variable": "validation_acuracy"}, "'validation_accuracy'"),
        ({"quantities__right": {"reduce": "max"}}, "source and a variable"),
        ({"populations__good__within": "best"}, "within itself"),
        ({"populations__good__having": {"accuracy": {}}}, "at_least, at_most or equals"),
        ({"quantities__share__wher": {}}, "quantities.share.where"),
    ],
)
def test_a_typo_is_found_before_training_and_names_the_nearest(tmp_path, changes, said):
    with pytest.raises((UnknownName, UserError), match=said):
        api.run(recipe(**changes), tmp_path / "study")
    assert not list(tmp_path.glob("study/runs/*"))


def test_findings_come_back_with_their_columns_and_marks(tmp_path):
    store = api.run(RECIPE, tmp_path / "study")
    right, always, everyone = store.findings()
    assert (right.claim, right.key, right.question) == ("It is right", "well.right", "How well?")
    assert right.of == "good seeds" and [one.of for one in right.beside] == ["the best of them"]
    assert right.published[0].source == "the published model"
    assert right.decided == () and right.beside[0].decided == ({"when": "later", "why": "so"},)
    assert always.units == "share of seeds" and everyone.of_all == 3
    assert load_study(store.directory.study_file) == load_study(RECIPE)


def test_a_recipe_that_extends_another_changes_it_claim_by_claim(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'extends = "grokking"\nname = "mine"\n[claims]\nworks = false\n[claims.when]\nat_100 = false\n'
        'memorised = { text = "other words" }\n'
    )
    mine, base = load_study(path), load_study("grokking")
    assert "works" not in mine.claims and "at_100" not in mine.claims["when"]
    assert mine.claims["when"]["memorised"].text == "other words"
    assert mine.claims["when"]["groks"] == base.claims["when"]["groks"]


def test_a_recipe_of_version_1_keeps_all_but_its_findings():
    with pytest.warns(UserWarning, match="schema version 1"):
        old = read_recipe({**recipe(claims={}), "schema_version": 1, "findings": [{"name": "value"}]})
    assert old.claims == {} and old.schema_version == 2


@pytest.mark.parametrize("name", sorted(built_in()))
def test_built_in_recipes_are_read_as_they_are_written(name, tmp_path):
    study = load_study(name)
    path = tmp_path / "study.toml"
    path.write_text(dump(study))
    assert load_study(path) == study
    assert all(one.text or one.kind not in ("value", "holds") for one in study.asked())
    for one in study.asked():
        if one.kind == "value" and one.options.get("published"):
            resolution = one.options.get("resolution", one.options["quantity"].resolution)
            assert resolution, f"{name}: {one.key} says not which difference matters"
    assert max(len(line) for line in built_in()[name].read_text().splitlines()) <= 160


def test_a_claim_on_pairs_of_runs_has_too_few_seeds_where_there_is_one(tiny_study, tmp_path, recwarn):
    study = tiny_study(
        measures=["activation_similarity"],
        vary={"seed": [0]},
        questions={"alike": {"text": "Are they alike?"}},
        claims={
            "alike": {
                "trained": {
                    "text": "They become alike",
                    "kind": "become_alike",
                    "measure": "activation_similarity",
                }
            }
        },
    )
    (said,) = api.run(study, tmp_path / "study").findings()
    assert said.verdict == "too few seeds" and "there is one" in said.why
    assert not [one for one in recwarn if "failed" in str(one.message)]
