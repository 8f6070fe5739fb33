"""Measures of arrays on models: one registration, at any tap of any run, step or weight."""

import numpy as np
import pytest
import torch

from ontogeny.errors import UnknownName, UserError
from ontogeny.measures.pairwise import between_runs
from ontogeny.measures.reading import as_tensor, representation
from ontogeny.models.bilinear import Bilinear
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import measures
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

TASK = ModularAddition(p=8, train_fraction=0.75)


def model(seed, d=5):
    return Bilinear(d).init(TASK.signature, Key(seed, "init"))


def subject(weights):
    d = weights["W_p"].shape[-1]
    return Subject(Bilinear(d), weights, TASK.probe(), TASK.signature, CrossEntropy())


def compared(name, models, **options):
    measure = measures[name]
    names = [f"r{i}" for i in range(len(models))]
    return between_runs(measure, models, measure.options(options), {"run": names})


def test_a_tap_of_runs_of_different_widths_is_what_its_arrays_say():
    models = [subject(model(seed, d)) for seed, d in enumerate((5, 3, 9))]
    data = compared("svcca", models, tap="hook_hidden")
    arrays = [one.tap("hook_hidden") for one in models]
    expected = [[measures["svcca"](x, y).item() for y in arrays] for x in arrays]
    np.testing.assert_allclose(data["value"], expected, atol=1e-12)
    np.testing.assert_array_equal(data["k"], data["k_other"].values.T)
    assert data.attrs["option_tap"] == "hook_hidden" and data["value"].attrs["kind"] == "similarity"


def test_outputs_are_what_is_compared_unless_said_otherwise():
    models = [subject(model(seed)) for seed in range(3)]
    data = compared("logit_cosine", models)["value"]
    np.testing.assert_array_equal(data, compared("activation_similarity", models)["value"])
    np.testing.assert_array_equal(data, compared("logit_cosine", models, tap="outputs")["value"])


def test_weights_are_compared_row_by_row():
    models = [subject(model(seed)) for seed in range(2)]
    data = compared("mmcs", models, tap="weights:W_l")["value"]
    x, y = (one.weights["W_l"] for one in models)
    assert data[0, 1].item() == pytest.approx(measures["mmcs"](x, y).item())
    assert data[0, 1] != data[1, 0]


def test_steps_of_a_run():
    stack = {name: torch.stack([w, 2 * w, w + 0.1]) for name, w in model(0).items()}
    whole = subject_of(stack)
    steps = compared("cka_linear", [whole.at(i) for i in range(3)], tap="hook_hidden")
    assert steps["value"].values[0, 1] == pytest.approx(1, abs=1e-6)  # the same, scaled
    assert steps["value"].values[0, 2] < 0.999


def subject_of(stack):
    return Subject(Bilinear(5), stack, TASK.probe(), TASK.signature, CrossEntropy())


def test_what_cannot_be_compared_is_said():
    models = [subject(model(seed, d)) for seed, d in enumerate((5, 3))]
    with pytest.raises(UserError, match=r"classes: .* 5 columns"):
        compared("logit_cosine", models, tap="hook_hidden")
    with pytest.raises(UserError, match="weights:W_dec"):
        measures["mmcs"].needs(measures["mmcs"].defaults)
    with pytest.raises(UnknownName, match="tap"):
        measures["tn_similarity"].options({"tap": "hook_hidden"})
    assert "hook_hiden" in models[0].lacks(measures["svcca"].needs({"tap": "hook_hiden"}))


def test_positions_are_samples_and_heads_are_units():
    task = ModularAddition(p=5, equals=True)
    spec = Transformer(n_heads=2, d_model=8, d_head=4, d_mlp=16)
    weights = spec.init(task.signature, Key(0, "init"))
    one = Subject(spec, weights, task.probe(), task.signature, CrossEntropy())
    for tap, axes in spec.taps.items():
        values = one.tap(tap)
        samples = [n for axis, n in zip(axes, values.shape, strict=True) if axis in ("example", "position")]
        rows = representation(one, tap)
        assert rows.shape == (np.prod(samples), values.numel() // np.prod(samples)), tap
    post = one.tap(one.where("neurons[0]"))
    torch.testing.assert_close(representation(one, "neurons[0]"), post.reshape(-1, 16))
    assert representation(one, "weights:blocks.0.attn.W_Q").shape == (2 * 8, 4)


def test_numbers_of_any_kind_become_floats():
    assert as_tensor([[1, 2]]).dtype == torch.float64
    assert as_tensor(np.ones(2, ">f4")).dtype == torch.float32
    assert as_tensor(torch.ones(2, dtype=torch.bfloat16)).dtype == torch.float32
