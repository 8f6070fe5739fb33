"""Any lens can look at a model under interventions, and at what they change."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from ontogeny import api
from ontogeny.errors import UserError
from ontogeny.needs import filled, inline, parse

POST = "last:blocks.0.mlp.hook_post"
CUT = [
    {"kind": "zero_ablate", "tap": POST, "units": [0, 2]},
    {"kind": "zero_ablate", "tap": POST, "units": [5]},
]


@pytest.fixture(scope="module")
def store(tiny_study, tmp_path_factory):
    study = tiny_study(
        task={"kind": "modular_addition", "p": 7, "train_fraction": 0.6, "equals": True},
        architecture={"kind": "transformer", "d_model": 8, "n_heads": 2, "d_head": 4, "d_mlp": 8},
        lenses=["performance"],
        vary={"seed": [0, 1]},
    )
    return api.run(study, tmp_path_factory.mktemp("under") / "out", stages=("train", "look"))


def test_under_it_a_lens_says_what_the_effect_lens_says(store):
    run = store.run(seed=0)
    effect = run.lens("intervention_effect", intervention=CUT)
    cut = run.lens("performance", under=CUT)
    for name in ("loss", "accuracy"):
        for split in ("train", "all"):
            expected = effect[name].sel(condition="intervened", split=split, drop=True)
            xr.testing.assert_allclose(
                cut[name].sel(split=split, drop=True).astype(float), expected.astype(float), rtol=1e-5
            )
    assert cut.sizes["step"] == len(run.steps)


def test_the_change_is_the_difference_and_nothing_where_nothing_is_done(store):
    run = store.run(seed=1)
    change = run.change("key_frequencies", CUT, steps=[-1])
    apart = run.lens("key_frequencies", [-1], under=CUT)["share"] - run.lens("key_frequencies", [-1])["share"]
    assert change["share"].values == pytest.approx(apart.values)
    assert change["share"].attrs["long_name"].startswith("change of: ")
    nothing = run.change("performance", [{"kind": "zero_ablate", "tap": POST, "units": []}])
    assert float(abs(nothing["loss"]).max()) == 0


def test_a_function_is_a_lens_there_too(store):
    def norm(model):
        return model.tap(POST)[..., [0, 2, 5]].norm()

    assert float(store.run(seed=0).lens(norm, [-1], under=CUT).to_array().max()) == 0


def test_a_lens_of_weights_alone_is_refused(store):
    for lens in ("weight_spectra", "fourier_embedding"):
        with pytest.raises(UserError, match="does not read it"):
            store.run(seed=0).lens(lens, under=CUT)


def test_one_intervention_may_be_given_bare(store):
    bare, listed = (store.run(seed=0).lens("performance", under=under) for under in (CUT[0], CUT[:1]))
    assert bare.equals(listed)


def test_a_course_is_looked_at_whole(store):
    nothing = [{"kind": "zero_ablate", "tap": POST, "units": []}]
    change = store.run(seed=0).change("learning_events", nothing, steps=[-1])
    assert float(change["rebound"]) == 0
    assert "zero_ablate" in change.attrs["under"]


def test_the_view_says_what_was_done(store):
    drawn = store.draw("intervention_heatmap", intervention=CUT, run="seed=1")
    effect = store.run(seed=1).lens("intervention_effect", [-1], intervention=CUT).isel(step=0)
    assert (drawn.figure.data[0].z == effect["error"].values).all()
    assert drawn.says.startswith("Under zero ablate, then zero ablate: all: accuracy")


def test_lists_and_tables_are_written_as_toml():
    assert inline({"units": None, "a b": range(2), "n": np.int64(3)}) == '{"a b" = [0, 1], "n" = 3}'
    with pytest.raises(UserError, match="can be a number"):
        inline(object())
    (word,) = filled(
        ('lens:x(a={a}, b="{b}")@final',),
        {"a": [{"kind": "k", "units": [1, 2], "deep": {"on": True}}], "b": "t"},
    )
    assert parse(word).options == {"a": [{"kind": "k", "units": [1, 2], "deep": {"on": True}}], "b": "t"}
