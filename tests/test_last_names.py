"""A last name is enough wherever one setting has it: what the run table calls ``d_hidden`` may be called so in a recipe and behind --set."""

from __future__ import annotations

import pytest

from ontogeny.errors import UserError
from ontogeny.study import load_study


def varied(study):
    return dict(study.vary)


def test_the_name_of_what_varies_changes_what_varies(tiny_study):
    asked = load_study(tiny_study(), ["vary.d_hidden=[4, 9]", "vary.lr=[1e-3]", "vary.seed=[1]"])
    assert varied(asked) == {"architecture.d_hidden": [4, 9], "seed": [1], "optimiser.lr": [1e-3]}
    assert asked == load_study(
        tiny_study(), ["vary.architecture.d_hidden=[4, 9]", "vary.optimiser.lr=[1e-3]", "vary.seed=[1]"]
    )


def test_a_recipe_may_be_written_so(tiny_study):
    short = tiny_study(vary={"d_hidden": [2, 3], "lr": [1e-3, 1e-2], "seed": [0]})
    assert varied(load_study({**short, "zip": [["d_hidden", "lr"]]})) == {
        "architecture.d_hidden": [2, 3],
        "optimiser.lr": [1e-3, 1e-2],
        "seed": [0],
    }
    assert [
        len(load_study({**short, **zipped}).variants()) for zipped in ({}, {"zip": [["d_hidden", "lr"]]})
    ] == [4, 2]


def test_a_single_setting_goes_by_its_last_name(tiny_study):
    asked = load_study(tiny_study(), ["lr=0.5", "p=11", "d_hidden=7", "epochs=9"])
    assert (asked.optimiser["lr"], asked.task["p"], asked.train.epochs) == (0.5, 11, 9)
    assert varied(asked)["architecture.d_hidden"] == 7  # it varies: that is what a run is called by


def test_names_of_several_settings_and_of_none_are_refused(tiny_study):
    both = tiny_study(architecture={"kind": "transformer"}, vary={"architecture.d_mlp": [4], "seed": [0]})
    both["vary"]["task.d_mlp"] = [1]
    with pytest.raises(UserError, match=r"vary\.architecture\.d_mlp and vary\.task\.d_mlp"):
        load_study(both, ["d_mlp=3"])
    for misspelt in ("vary.d_hiden=[4]", "d_hiden=4"):
        with pytest.raises(UserError, match=r"'d_hiden'. Did you mean (vary\.)?architecture\.d_hidden\?"):
            load_study(tiny_study(), [misspelt])
