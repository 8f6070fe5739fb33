"""Lenses of grokking on a study on disk: over all steps, at the last, and what a view is handed."""

import numpy as np
import pytest
import torch

import ontogeny as on
from ontogeny.errors import UserError
from ontogeny.lenses.progress_measures import progress_measures
from ontogeny.needs import parse

STUDY = {
    "name": "waves",
    "task": {"kind": "modular_addition", "p": 5, "train_fraction": 0.6, "equals": True},
    "architecture": {"kind": "transformer", "n_heads": 1, "d_model": 8, "d_head": 8, "d_mlp": 8},
    "optimiser": {"kind": "adamw", "lr": 1e-2},
    "train": {"epochs": 6},
    "checkpoints": {"per_decade": 3},
    "lenses": ["performance", "progress_measures", "learning_phases"],
    "vary": {"seed": [0, 1]},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return on.run(STUDY, tmp_path_factory.mktemp("waves"), stages=("train", "look"))


def test_over_steps_is_each_run_and_its_last_step_is_the_final_read(store):
    word, last = "lens:progress_measures@steps", "lens:progress_measures@final"
    data = store.gather([word, last])
    assert data[word]["restricted_loss"].dims == ("run", "step", "split")
    for i, id in enumerate(data[word].run.values):
        alone = store.run(id).lens("progress_measures")["restricted_loss"]
        np.testing.assert_array_equal(data[word]["restricted_loss"][i], alone)
    np.testing.assert_array_equal(data[word]["restricted_loss"][:, -1], data[last]["restricted_loss"])


def test_key_frequencies_of_the_last_step_serve_the_whole_curve(store):
    run = store.run(seed=0)
    first, last = run.steps[0], run.steps[-1]
    key = {last: run.lens("key_frequencies", [last])["is_key"].values[0]}
    key[first] = ~key[last] & (np.arange(len(key[last])) > 0)  # all others, so that it would show
    measured = run.lens("progress_measures", [first])["excluded_loss"].values[0]
    subject = run.subject(first)

    excluded = {}
    for step in (first, last):
        subject.final_results = {"key_frequencies": {"is_key": torch.from_numpy(key[step])}}
        excluded[step] = progress_measures(subject)["excluded_loss"].values.numpy()
    assert not np.allclose(excluded[first], excluded[last])
    np.testing.assert_allclose(measured, excluded[last], rtol=1e-5)


def test_a_measure_has_no_cursor():
    with pytest.raises(UserError, match="compares runs at"):
        parse("measure:js_divergence@cursor")


def test_words_without_quotation_marks_are_refused_with_the_form():
    with pytest.raises(UserError, match=r"quotation marks: \(tap ="):
        parse("lens:map_scale(tap=neurons[-1])@steps")


def test_a_view_draws_one_run_by_name(store):
    names = [str(id) for id in store.runs().index]
    drawn = store.draw("progress_curves", run=names[1])
    curve = store.run(names[1]).lens("progress_measures")["restricted_loss"].sel(split="test")
    shown = drawn.figure.data[2]
    assert list(shown.x) == [step for step in curve.step.values if step > 0]
    np.testing.assert_allclose(shown.y, curve.values[curve.step.values > 0], rtol=1e-3)
