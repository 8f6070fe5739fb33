"""Ablations, flips and grids on a network whose answer under every one of them is known."""

import pytest
import torch

from ontogeny.errors import UnknownName, UserError
from ontogeny.interventions.base import intervene
from ontogeny.interventions.components import KeepComponents
from ontogeny.interventions.replace_tap import ReplaceTap
from ontogeny.lenses.ablated_neurons import ablated_neurons
from ontogeny.lenses.attention import attention
from ontogeny.lenses.embedding_ablation import embedding_ablation
from ontogeny.lenses.error_grid import error_grid
from ontogeny.lenses.flips import flips
from ontogeny.lenses.grid_activations import grid_activations
from ontogeny.lenses.skip_ablation import skip_ablation

A, B = torch.meshgrid(torch.arange(10), torch.arange(10), indexing="ij")


@pytest.fixture
def nine(adder):
    """Its first component is the parabola: keeping it alone leaves every prediction at 9."""
    return adder(line=0.01, parabola=1.0)


def test_the_hand_built_network_adds(adder):
    said = error_grid(adder())
    assert torch.equal(said["prediction"].values, A + B)
    assert said["correct"].values.all() and said["errors"].values == 0
    # 2cs − c² falls by 1
    torch.testing.assert_close(said["margin"].values, torch.ones(10, 10), atol=1e-3, rtol=0)


def test_without_the_line_the_sum_is_gone(nine):
    said = embedding_ablation(nine)
    assert said["accuracy"].values[:, 0].tolist() == pytest.approx([1, 0.1, 1])
    assert torch.equal(said["prediction"].values[1], torch.full((10, 10), 9))
    assert torch.equal(said["error"].values[1], 9 - A - B)
    assert said["largest_error"].values.tolist() == [0, 9, 0]
    r2 = dict(zip(said["r2"].coords["fit"], said["r2"].values[1].tolist(), strict=True))
    assert r2["error on PC2(a), PC2(b)"] == pytest.approx(1)  # the second component *is* the line
    assert r2["prediction on a + b"] != r2["prediction on a + b"]  # constant: NaN
    assert said["slope"].values[[0, 2]].tolist() == pytest.approx([1, 1])
    expected = (
        -torch.stack([2 * c * 9.0 - c**2 for c in torch.arange(20.0)], -1).double().log_softmax(-1)[(A + B)]
    )
    assert said["loss"].values[1, 0].item() == pytest.approx(expected.mean().item(), rel=1e-3)


def test_with_the_line_alone_nothing_is_lost(adder):
    assert embedding_ablation(adder())["accuracy"].values.tolist() == [[1, 1, 1]] * 3


def test_the_skip_path_of_the_adder_is_idle_and_an_mlp_that_writes_nothing_leaves_chance(adder):
    model = adder()
    said = skip_ablation(model)
    assert said["accuracy"].values.tolist() == [[1, 1, 1]] * 2
    assert torch.equal(said["loss"].values[0], said["loss"].values[1])
    model = adder()
    model.weights["blocks.0.mlp.W_out"].zero_()
    torch.testing.assert_close(skip_ablation(model)["loss"].values[1, 0].exp().item(), 20.0)


def test_ablations_are_those_of_the_interventions_on_taps(random_subject):
    model = random_subject(5)
    cuts = [model, intervene(model, KeepComponents((0,))), intervene(model, KeepComponents((0, 1)))]
    no_skip = intervene(model, ReplaceTap("last:blocks.0.hook_resid_post", by="last:blocks.0.hook_mlp_out"))
    for name in ("accuracy", "loss"):
        embedding = embedding_ablation(model)[name].values[:, 0]
        expected = torch.stack([cut.examples[name].double().mean() for cut in cuts])
        torch.testing.assert_close(embedding, expected, rtol=1e-5, atol=1e-7)
        skip = skip_ablation(model)[name].values[1, 0].item()
        assert skip == pytest.approx(no_skip.examples[name].double().mean().item(), rel=1e-5)


def test_the_change_before_the_relu_is_linear_in_what_was_removed(adder):
    said = ablated_neurons(adder(parabola=0.1))
    change = said["r2_change"].values
    moved = torch.tensor([False, False, True, True, False, False])
    torch.testing.assert_close(change[0, moved], torch.ones(2).double())
    assert change[0, [1, 4]].isnan().all()  # constants do not move
    assert change[1, 2] < 0.95  # after the ReLU half of the change is cut off
    on_sum = said["r2_sum"].values
    assert on_sum[:, 0, 0].tolist() == pytest.approx([1, 1]) and on_sum[:, 1, 5].max() < 0.95


def test_one_neuron_turns_off_and_one_on(adder):
    model = adder(parabola=0.1)  # at (0, 0): S₂ = 0.1 · 2 · (20.25 − 8.25) = 2.4
    said = flips(model, top=2)
    assert said["flip"].values.tolist() == [0, 0, -1, 1, 0, 0]
    assert said["count"].values.tolist() == [1, 1]
    assert said["change"].values.abs().max() < 1e-3  # neither writes to the outputs
    model = adder(parabola=0.1)
    c = torch.arange(20.0)
    model.weights["blocks.0.mlp.W_out"][3, 6] = 1.0
    model.weights["unembed.W_U"][6] = 5 * torch.cos(2 * torch.pi * 2 * c / 20)
    said = flips(model)  # neuron 3 goes from ReLU(1 − 2.4) = 0 to 1
    wave = 5 * torch.cos(2 * torch.pi * 2 * c / 20)
    torch.testing.assert_close(said["from_flips"].values, wave, atol=1e-4, rtol=1e-4)
    assert said["change_frequency"].values[0] == 2 and said["change_explained"].values[0] == pytest.approx(1)
    assert said["top_neuron"].values[0] == 1  # the constant's −c² is all there is at (0, 0)
    assert said["contribution_correlation"].values[0].item() == pytest.approx(1, abs=1e-3)


def test_an_input_outside_the_grid_is_refused(adder):
    with pytest.raises(UserError, match=r"\(10, 0\)"):
        flips(adder(), a=10)


def test_grids_unfold_rows_and_name_the_taps_axes(adder):
    said = grid_activations(adder(), tap="last:blocks.0.mlp.hook_post")["activation"]
    assert said.dims == ("a", "b", "neuron")
    torch.testing.assert_close(said.values[..., 0], (A + B).float())
    assert grid_activations(adder())["activation"].dims == ("a", "b", "output")
    with pytest.raises(UnknownName):
        grid_activations(adder(), tap="last:blocks.1.mlp.hook_post")


def test_errors_of_a_modular_task_go_the_short_way_round(adder):
    from dataclasses import replace

    from ontogeny.tasks.base import Probe

    model = adder()
    labels = (A + B).reshape(-1) + 1
    labels[99] = 0  # predicted 18 of 20: two below
    probe = Probe(model.probe.inputs, labels, grid=model.probe.grid, period=20)
    said = error_grid(replace(model, probe=probe, _taps={}))
    assert said["error"].values.reshape(-1).tolist() == [-1] * 99 + [-2]


def test_uniform_attention_is_a_third_each(adder):
    said = attention(adder())
    torch.testing.assert_close(said["mean"].values, torch.full((1, 3), 1 / 3))
    assert said["std"].values.max() < 1e-7 and said["asymmetry"].values.max() < 1e-7
