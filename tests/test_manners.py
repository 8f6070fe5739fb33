"""Python has the manners of the command line: one clear sentence for what is wrong, near names for a miss, never half a study."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.handles import Store
from ontogeny.interop.bring import bring
from ontogeny.which import meant

WRONG: dict[str, tuple[Callable[[Store], Any], str]] = {
    "a view": (lambda s: s.view("loss_curve"), "'loss_curves'"),
    "an option of a view": (lambda s: s.view("loss_curves", prt="train"), "'part'"),
    "a lens": (lambda s: s.lens("performence"), "'performance'"),
    "a measure": (lambda s: s.compare("activation_similarty"), "'activation_similarity'"),
    "an option of a measure": (lambda s: s.compare("activation_similarity", centered=True), "'centred'"),
    "a variable": (lambda s: s.table("performance", "accurcy"), "'accuracy'"),
    "values of several runs": (lambda s: s.run(seed=0), "say which"),
    "values of none": (lambda s: s.run(d_hidden=99), r"There are: \{'d_hidden': \[2, 3, 20\]\}"),
    "a name that does not vary": (lambda s: s.run(width=3), "d_hidden"),
    "a value without its name": (lambda s: s.run("20"), "d_hidden=20"),
    "an id": (lambda s: s.run("ffffff"), "run"),
    "a step": (lambda s: s.run(d_hidden=3).weights(99), "nearest are"),
    "a step in words": (lambda s: s.run(d_hidden=3).weights("last"), "-1 is the last"),
    "a weight": (lambda s: s.run(d_hidden=3).weights()["W_l_"], "'W_l'"),
    "a tap": (lambda s: s.run(d_hidden=3).cache()["hook_hiden"], "'hook_hidden'"),
    "a lens that is none": (lambda s: s.run(d_hidden=3).lens(3), "int"),
    "an intervention": (lambda s: s.run(d_hidden=3).lens("performance", under="zero_ablat"), "'zero_ablate'"),
    "one without settings": (lambda s: s.run(d_hidden=3).lens("performance", under="zero_ablate"), "kind"),
    "one that is none": (lambda s: s.run(d_hidden=3).lens("performance", under=3), "int"),
    "a tap to edit": (
        lambda s: s.run(d_hidden=3).lens("performance", under={"kind": "zero_ablate", "tap": "hook_hid"}),
        "'hook_hidden'",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_store_says_what_is_wrong(what: str, trained: Path) -> None:
    do, said = WRONG[what]
    with pytest.raises(UserError, match=said) as error:
        do(on.open(trained))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("study", "settings", "said"),
    [
        (5, {}, "a name, a path or a mapping"),
        ("bottlenek", {}, "'bottleneck'"),
        ({}, {}, "name"),
        ("bottleneck-quick", {"overrides": "train.epoch=3"}, "'train.epochs'"),
        ("bottleneck-quick", {"stages": ["trian"]}, "'train'"),
        ("bottleneck-quick", {"stages": "trian"}, "'train'"),
        ("bottleneck-quick", {"device": "gpu"}, "cuda"),
        ("bottleneck-quick", {"engine": "jax"}, "torch"),
    ],
)
def test_a_wrong_run_leaves_nothing(study: Any, settings: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        on.run(study, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


def test_a_mapping_is_left_as_it_was(tiny_study: Any, tmp_path: Path) -> None:
    study, before = tiny_study(), tiny_study()
    on.run(study, tmp_path / "out", ["train.epochs=1", "vary.seed=[1]"], stages=["train"])
    assert study == before


def test_one_intervention_may_be_given_bare(trained: Path) -> None:
    run, cut = on.open(trained).run(d_hidden=3), {"kind": "zero_ablate", "tap": "hook_hidden", "units": [0]}
    assert run.lens("performance", under=cut).equals(run.lens("performance", under=[cut]))


def test_a_miss_in_a_dict_is_still_a_key_error(trained: Path) -> None:
    cache = on.open(trained).run(d_hidden=3).cache()
    with pytest.raises(KeyError):
        cache["nope"]
    assert cache.get("nope") is None and "nope" not in cache and isinstance(cache, dict)
    assert "hook_hidden': tensor(49, 3)" in repr(cache)


def test_notebooks_show_what_a_thing_is(trained: Path) -> None:
    store = on.open(trained)
    page, one = store._repr_html_(), store.run(d_hidden=3)._repr_html_()
    assert "3 done" in page and all(e.id in page for e in store.entries())
    assert "d_hidden=3" in one and "performance" in one and "done at step 24" in one


def test_one_number_of_a_lens_as_a_table(trained: Path) -> None:
    store = on.open(trained)
    table = store.table("performance", "accuracy")
    assert table.index.name == "run" and {"d_hidden", "split", "accuracy"} <= set(table.columns)
    one = table[(table["d_hidden"] == 20) & (table["split"] == "all")]["accuracy"]
    assert one.item() == pytest.approx(store.run(d_hidden=20).metrics()["all_accuracy"].iloc[-1])


def test_a_folder_named_like_a_study_does_not_hide_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ontogeny.study import load_study

    monkeypatch.chdir(tmp_path)
    (tmp_path / "bottleneck-quick").mkdir()
    assert load_study("bottleneck-quick").name == "bottleneck-quick"


def test_a_recipe_is_not_imported(tmp_path: Path) -> None:
    from ontogeny.interop.bring import bring

    (tmp_path / "recipe.toml").write_text("name = 'x'")
    with pytest.raises(UserError, match="ontogeny run"):
        bring(tmp_path / "recipe.toml", tmp_path / "out")


def test_a_damaged_record_is_named_and_the_others_are_there(a_copy: Path, command: Any) -> None:
    run = on.open(a_copy).run(d_hidden=3)
    (a_copy / "runs" / run.id / "run.json").write_text("{}")
    store = on.open(a_copy)
    assert run.id in store.runs().index and len(store.entries()) == 2
    with pytest.raises(UserError, match=r"run\.json"):
        store.run(run.id)
    for words in (("look", a_copy, "--lens", "performance"), ("runs", a_copy)):
        said = command(*words)
        assert said.returncode == 0 and "Traceback" not in said.stderr
    assert run.id in said.stderr


def test_a_short_id_is_guessed_to_be_a_setting_before_a_seed() -> None:
    named = {f"{i:012x}": {"seed": i, "d_hidden": 8 * i} for i in range(5)}
    for text, meant_by_it in (
        ("32", "d_hidden=32"),
        ("8", "d_hidden=8"),
        ("3", "seed=3"),
        ("77", "d_hidden=0"),
    ):
        with pytest.raises(UserError, match=f"values: {meant_by_it}."):
            meant(named, text, {})


def test_a_study_that_is_imported_is_said_to_be_one(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a study already.*export"):
        bring(trained, tmp_path / "out")
    assert not (tmp_path / "out").exists()
