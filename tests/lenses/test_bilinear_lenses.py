"""Lenses on bilinear networks that were written by hand."""

import math

import numpy as np
import pytest
import torch

from ontogeny.axes import dataset
from ontogeny.errors import UnknownName, UserError
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import lenses
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

BILINEAR = (
    "effective_rank",
    "eigenspectrum",
    "frequency_distribution",
    "grid_activations",
    "interaction_matrices",
    "performance",
    "visible_weights",
)


def one_frequency(p, k):
    """logit_r = cos w(a + b − r), from four hidden units: right everywhere if k and p share no divisor."""
    w, n, o = 2 * math.pi * k / p, torch.arange(p), torch.zeros(p)
    cos, sin = (w * n).cos(), (w * n).sin()
    return {
        "W_l": torch.stack([torch.cat([x, o]) for x in (cos, sin, sin, cos)]),
        "W_r": torch.stack([torch.cat([o, x]) for x in (cos, sin, cos, sin)]),
        "W_p": torch.stack([cos, -cos, sin, sin], dim=-1),
    }


def subject(weights, p, **task):
    task = ModularAddition(p=p, train_fraction=0.75, held_out="validation", **task)
    return Subject(
        architecture=Bilinear(weights["W_p"].shape[-1]),
        weights=weights,
        probe=task.probe(),
        signature=task.signature,
        objective=CrossEntropy(),
        split=task.split(Key(0, "split")),
    )


def untrained(d, p, n=2):
    signature = ModularAddition(p=p).signature
    models = [Bilinear(d).init(signature, Key(seed, "init")) for seed in range(n)]
    return {name: torch.stack([m[name] for m in models]) for name in models[0]}


def ask(name, model):
    """A lens after the lenses that it reads, as a session does."""
    for needed in (need.name for need in lenses[name].needs() if need.kind == "lens"):
        said = ask(needed, model)
        model.results = {**model.results, needed: {key: one.values for key, one in said.items()}}
    return lenses[name](model)


@pytest.mark.parametrize("p", [8, 11])
def test_the_quadratic_form_is_the_logit(p):
    model = subject(untrained(5, p), p)
    B = dataset(lenses["interaction_matrices"](model), ("run",))["B"].values
    x = torch.nn.functional.one_hot(model.probe.inputs, p).flatten(1).numpy().astype(np.float32)
    np.testing.assert_allclose(np.einsum("ni,mrij,nj->mnr", x, B, x), model.outputs.numpy(), atol=1e-6)
    np.testing.assert_array_equal(B, B.swapaxes(-1, -2))


def test_chosen_outputs_keep_their_names():
    model = subject(untrained(5, 8), 8)
    every = dataset(lenses["interaction_matrices"](model), ("run",))["B"]
    some = dataset(lenses["interaction_matrices"](model, outputs=(6, 0)), ("run",))["B"]
    assert some["output"].values.tolist() == [6, 0]
    np.testing.assert_allclose(some.values, every.sel(output=[6, 0]).values, atol=1e-7)
    with pytest.raises(UserError, match="0 to 7"):
        lenses["interaction_matrices"](model, outputs=(8,))


@pytest.mark.parametrize(("p", "k"), [(8, 1), (8, 3), (11, 4)])
def test_a_network_of_one_frequency(p, k):
    model = subject(one_frequency(p, k), p)
    share = dataset(lenses["frequency_distribution"](model))["p"]
    assert share.dims == ("side", "output", "frequency") and share["side"].values.tolist() == ["a", "b"]
    np.testing.assert_allclose(share.sel(frequency=k), 1, atol=1e-5)
    ranked = dataset(lenses["frequency_distribution"](model))["ranked"]
    assert ranked.sizes["rank"] == share.sizes["frequency"] - 1
    np.testing.assert_allclose(ranked.sel(rank=1), 1, atol=1e-5)
    published = dataset(lenses["frequency_distribution"](model, form="amplitude_top4"))["p"]
    np.testing.assert_allclose(published.sel(frequency=k), 1, atol=1e-5)
    ranks = dataset(ask("effective_rank", model))
    for form in ("entropy_rank", "ratio_rank", "n_99"):
        np.testing.assert_allclose(ranks[form], 4, rtol=1e-4)
    spectrum = dataset(lenses["eigenspectrum"](model))["eigenvalues"]
    assert spectrum.shape == (p, 2 * p)
    np.testing.assert_allclose(np.abs(spectrum[:, :4]), p / 4, rtol=1e-5)
    np.testing.assert_allclose(spectrum[:, 4:], 0, atol=1e-5)
    np.testing.assert_array_equal(
        spectrum[:, :3], dataset(lenses["eigenspectrum"](model, components=3))["eigenvalues"]
    )
    assert float(dataset(lenses["visible_weights"](model))["share"]) == pytest.approx(1)
    performance = dataset(lenses["performance"](model))
    assert performance["split"].values.tolist() == ["train", "validation", "all"]
    np.testing.assert_array_equal(performance["accuracy"], 1)
    # The label's logit is 1, the runner-up's the cosine of one step of the p-th roots of unity (k is prime to p).
    np.testing.assert_allclose(performance["margin"], 1 - math.cos(2 * math.pi / p), rtol=1e-4)


def test_logits_over_the_grid_are_the_closed_form():
    p, k = 9, 2
    logits = dataset(lenses["grid_activations"](subject(one_frequency(p, k), p)))["activation"]
    assert logits.dims == ("a", "b", "output")
    a, b, r = np.ogrid[:p, :p, :p]
    np.testing.assert_allclose(logits, np.cos(2 * np.pi * k * (a + b - r) / p), atol=1e-5)


def test_half_of_an_untrained_network_is_invisible():
    """Known: 49 % of ‖B‖² at a random initialisation with P = 64, d = 32."""
    data = dataset(lenses["visible_weights"](subject(untrained(32, 64, n=8), 64)), ("run",))
    assert data["share"].mean().item() == pytest.approx(0.51, abs=0.005)
    whole, visible, invisible = (data["energy"].sel(part=part) for part in ("whole", "visible", "invisible"))
    np.testing.assert_allclose(visible + invisible, whole)


def test_only_invisible_weights_are_invisible():
    """l looks at token 1 of the first operand, r at token 2 of the same: they never meet, and every logit is 0."""
    weights = {"W_l": torch.eye(16)[[1]], "W_r": torch.eye(16)[[2]], "W_p": torch.ones(8, 1)}
    model = subject(weights, 8)
    assert float(dataset(lenses["visible_weights"](model))["share"]) == 0
    assert model.outputs.abs().max() == 0


def test_performance_is_the_mean_over_each_part():
    model = subject(untrained(5, 8), 8)
    data = dataset(lenses["performance"](model), ("run",))
    loss = torch.nn.functional.cross_entropy(
        model.outputs[1, model.split["validation"]], model.probe.labels[model.split["validation"]]
    )
    assert data["loss"].sel(split="validation")[1].item() == pytest.approx(loss.item())
    logits, label = model.outputs[0].numpy(), model.probe.labels.numpy()
    expected = np.mean([z[y] - np.delete(z, y).max() for z, y in zip(logits, label, strict=True)])
    assert data["margin"].sel(split="all")[0].item() == pytest.approx(expected, rel=1e-4)
    weight = np.array([len(rows) for rows in model.split.values()]) / 64
    np.testing.assert_allclose((data["loss"][:, :2] * weight).sum("split"), data["loss"][:, 2], rtol=1e-6)
    assert (data["loss"].attrs["units"], data["margin"].attrs["units"]) == ("nat", "logit")


def test_performance_without_a_split_is_of_everything():
    model = subject(untrained(5, 8), 8)
    model.split = {}
    assert dataset(lenses["performance"](model), ("run",))["split"].values.tolist() == ["all"]


@pytest.mark.parametrize("name", BILINEAR)
def test_leading_axes_are_models_side_by_side(name):
    model = subject(untrained(5, 8, n=3), 8)
    together = dataset(ask(name, model), ("run",))
    for i in range(3):
        alone = dataset(ask(name, model.at(i)))
        for variable in alone:
            np.testing.assert_allclose(together[variable][i], alone[variable], atol=1e-6)


def test_a_side_is_its_own_operand():
    """Frequency 1 of a meets frequency 2 of b."""
    p, n = 8, torch.arange(8)
    o = torch.zeros(p)
    wave = [(2 * math.pi * k * n / p).cos() for k in (1, 2)]
    weights = {
        "W_l": torch.cat([wave[0], o])[None],
        "W_r": torch.cat([o, wave[1]])[None],
        "W_p": torch.ones(p, 1),
    }
    share = dataset(lenses["frequency_distribution"](subject(weights, p)))["p"]
    np.testing.assert_allclose(share.sel(side="a", frequency=1), 1, atol=1e-5)
    np.testing.assert_allclose(share.sel(side="b", frequency=2), 1, atol=1e-5)


def test_a_third_token_does_not_shift_the_operands():
    p, k = 7, 3
    plain = one_frequency(p, k)
    weights = {"W_p": plain["W_p"]}
    for name in ("W_l", "W_r"):
        a, b = plain[name].split(p, -1)
        pad = torch.zeros(4, 1)
        weights[name] = torch.cat([a, pad, b, pad, torch.zeros(4, p + 1)], -1)
    share = dataset(lenses["frequency_distribution"](subject(weights, p, equals=True)))["p"]
    assert share.sizes == {"side": 2, "output": p, "frequency": p // 2 + 1}
    np.testing.assert_allclose(share.sel(frequency=k), 1, atol=1e-5)


def test_wrong_options_say_what_is_there():
    model = subject(untrained(2, 8), 8)
    with pytest.raises(UnknownName, match="amplitude_top4"):
        lenses["frequency_distribution"](model, form="amplitude")
    with pytest.raises(UserError, match="components = -1"):
        lenses["eigenspectrum"](model, components=-1)


def test_a_list_from_toml_selects_outputs():
    assert lenses["interaction_matrices"].options({"outputs": [0, 5]}) == {"outputs": (0, 5)}
