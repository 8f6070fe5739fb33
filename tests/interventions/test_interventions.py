"""Interventions against the same thing done to weights or values by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor, nn

from ontogeny.errors import UnknownName, UserError
from ontogeny.interventions import Intervention, compose, intervene
from ontogeny.interventions.components import KeepComponents, RemoveComponents
from ontogeny.interventions.frequencies import KeepFrequencies, RemoveFrequencies
from ontogeny.interventions.mean_ablate import MeanAblate
from ontogeny.interventions.replace_by_function import ReplaceByFunction
from ontogeny.interventions.replace_tap import ReplaceTap
from ontogeny.interventions.resample_ablate import ResampleAblate
from ontogeny.interventions.zero_ablate import ZeroAblate
from ontogeny.models.base import FittedEdit
from ontogeny.models.module import from_module
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import architectures, interventions
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

TASK = ModularAddition(p=7, equals=True, train_fraction=0.5)
POST, MID, OUT, END = (
    f"last:blocks.0.{name}" for name in ("mlp.hook_post", "hook_resid_mid", "hook_mlp_out", "hook_resid_post")
)


def subject(n: int = 2) -> Subject:
    architecture = Transformer(n_heads=2, d_model=8, d_head=4, d_mlp=12)
    models = [architecture.init(TASK.signature, Key(s, "init")) for s in range(n)]
    weights = {name: 3 * torch.stack([m[name] for m in models]).double() for name in models[0]}
    return Subject(
        architecture, weights, TASK.probe(), TASK.signature, CrossEntropy(), TASK.split(Key(0, "split"))
    )


def with_weights(model: Subject, **changed: Tensor) -> Tensor:
    weights = model.weights | {name.replace("__", "."): w for name, w in changed.items()}
    return model.architecture.forward(weights, model.probe.inputs).outputs


def test_zero_ablated_neurons_are_rows_of_zeros_in_the_output_weights() -> None:
    model = subject()
    W_out = model.weights["blocks.0.mlp.W_out"].clone()
    W_out[:, [1, 5]] = 0
    expected = with_weights(model, blocks__0__mlp__W_out=W_out)
    for tap in (POST, POST.removeprefix("last:")):
        torch.testing.assert_close(intervene(model, ZeroAblate(tap, units=(1, 5))).outputs, expected)


def test_zero_ablated_heads_are_heads_without_output_weights() -> None:
    model = subject()
    W_O = model.weights["blocks.0.attn.W_O"].clone()
    W_O[:, 1] = 0
    cut = intervene(model, ZeroAblate("last:blocks.0.attn.hook_z", units=(1,), axis="head"))
    torch.testing.assert_close(cut.outputs, with_weights(model, blocks__0__attn__W_O=W_O))


@pytest.mark.parametrize("split", [None, "train"])
def test_mean_ablation_moves_logits_by_the_deviation_from_the_mean(split: str | None) -> None:
    model = subject()
    post = model.tap(POST)
    rows = model.split["train"] if split else torch.arange(49)
    deviation = (post - post[:, rows].mean(1, keepdim=True))[..., [0, 3]]
    W_L = model.weights["blocks.0.mlp.W_out"] @ model.weights["unembed.W_U"]
    cut = intervene(model, MeanAblate(POST, units=(0, 3), split=split))
    torch.testing.assert_close(cut.outputs, model.outputs - deviation @ W_L[:, [0, 3]])
    assert isinstance(cut.edit, FittedEdit)
    torch.testing.assert_close(cut.at(1).outputs, cut.outputs[1])


def test_resampling_everything_permutes_the_outputs() -> None:
    model = subject()
    order = Key(3, "resample").permutation(49)
    torch.testing.assert_close(intervene(model, ResampleAblate(END, seed=3)).outputs, model.outputs[:, order])
    post = model.tap(POST)
    mixed = intervene(model, ResampleAblate(POST, units=(2,), seed=3))
    assert torch.equal(mixed.tap(POST)[..., 2], post[:, order, 2])
    assert torch.equal(mixed.tap(POST)[..., 3:], post[..., 3:])


def test_skip_ablation_leaves_the_mlp_alone() -> None:
    model = subject()
    expected = model.tap(OUT) @ model.weights["unembed.W_U"]
    torch.testing.assert_close(intervene(model, ReplaceTap(END, by=OUT)).outputs, expected)
    with pytest.raises(UserError, match="computed after"):
        _ = intervene(model, ReplaceTap(OUT, by=END)).outputs
    with pytest.raises(UserError, match="only if they agree"):
        _ = intervene(model, ReplaceTap(END, by=POST)).outputs


@pytest.mark.parametrize("keep", [True, False])
def test_components_are_those_of_scikit_learn_on_the_number_rows(keep: bool) -> None:
    model = subject()
    W_E = model.weights["embed.W_E"].clone()
    for w in W_E:
        fitted = PCA().fit(w[:7].numpy())
        scores = fitted.transform(w[:7].numpy())
        scores[:, [c for c in range(scores.shape[1]) if (c in (0, 2)) != keep]] = 0
        w[:7] = torch.from_numpy(fitted.inverse_transform(scores))
    chosen = (KeepComponents if keep else RemoveComponents)((0, 2))
    torch.testing.assert_close(intervene(model, chosen).outputs, with_weights(model, embed__W_E=W_E))


@pytest.mark.parametrize("keep", [True, False])
def test_frequencies_are_those_of_numpy_over_the_numbers(keep: bool) -> None:
    model = subject()
    W_E = model.weights["embed.W_E"].clone()
    spectrum = np.fft.fft(W_E[:, :7].numpy(), axis=1)
    spectrum[:, [k for k in range(7) if (min(k, 7 - k) in ((0, 2) if keep else (2,))) != keep]] = 0
    W_E[:, :7] = torch.from_numpy(np.fft.ifft(spectrum, axis=1).real)
    chosen = (KeepFrequencies if keep else RemoveFrequencies)((2,))
    torch.testing.assert_close(intervene(model, chosen).outputs, with_weights(model, embed__W_E=W_E))


def test_keeping_what_was_kept_and_what_was_removed_adds_up() -> None:
    model = subject()
    embed = model.tap("hook_embed")
    parts = [intervene(model, one((1, 2))).tap("hook_embed") for one in (KeepFrequencies, RemoveFrequencies)]
    table = embed[:, :, :2].unflatten(1, (7, 7))[:, :, 0, 0]
    torch.testing.assert_close(
        (parts[0] + parts[1] - embed)[:, :, :2], table.mean(1)[:, None, None].expand(2, 49, 2, 8)
    )
    assert torch.equal(parts[0][:, :, 2], embed[:, :, 2])


def test_a_true_hypothesis_changes_nothing_and_a_wrong_one_does_what_it_says() -> None:
    model = subject()
    right = ReplaceByFunction(POST, lambda s: s.tap(POST), units=(1, 4))
    torch.testing.assert_close(intervene(model, right).outputs, model.outputs)
    zeros = ReplaceByFunction(POST, torch.zeros(49, 12).double(), units=(1, 4))
    torch.testing.assert_close(
        intervene(model, zeros).outputs, intervene(model, ZeroAblate(POST, (1, 4))).outputs
    )
    with pytest.raises(UserError, match="49"):
        intervene(model, ReplaceByFunction(POST, torch.zeros(5, 12)))


def test_interventions_compose_in_order_and_are_fitted_on_what_came_before() -> None:
    model = subject()
    both = intervene(model, ZeroAblate(POST, (0,)), ZeroAblate(POST, (1,)))
    torch.testing.assert_close(both.outputs, intervene(model, ZeroAblate(POST, (0, 1))).outputs)
    cut = intervene(model, KeepComponents((0,)), MeanAblate(POST), ReplaceTap(END, by=OUT))
    mean = intervene(model, KeepComponents((0,))).tap(POST).mean(1, keepdim=True)
    W_L = model.weights["blocks.0.mlp.W_out"] @ model.weights["unembed.W_U"]
    torch.testing.assert_close(cut.outputs, (mean @ W_L).expand(2, 49, 7))
    torch.testing.assert_close(cut.at(0).outputs, cut.outputs[0])
    assert len(compose(cut.edit, cut.edit).parts) == 6  # type: ignore[arg-type, attr-defined]


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.body, self.out = nn.Embedding(8, 3), nn.Linear(9, 5), nn.Linear(5, 7)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.body(self.embed(tokens).flatten(-2)))


def test_somebodys_own_modules_are_ablated_each_to_its_own_mean() -> None:
    architecture = architectures.build(from_module(Net))
    models = [architecture.init(TASK.signature, Key(s, "init")) for s in range(3)]
    weights = {name: torch.stack([m[name] for m in models]) for name in models[0]}
    model = Subject(architecture, weights, TASK.probe(), TASK.signature, CrossEntropy())
    cut = intervene(model, MeanAblate("body"), ZeroAblate("body", (2,)))
    mean = model.tap("body").mean(1, keepdim=True)
    mean[..., 2] = 0
    expected = mean @ weights["out.weight"].mT + weights["out.bias"].unsqueeze(1)
    torch.testing.assert_close(cut.outputs, expected.expand(3, 49, 7))


def test_every_registered_intervention_is_one_and_builds_from_a_dict() -> None:
    for kind, cls in interventions.items():
        assert issubclass(cls, Intervention), kind
    model = subject()
    spec = {"kind": "zero_ablate", "tap": POST, "units": [0]}
    torch.testing.assert_close(
        intervene(model, spec).outputs, intervene(model, ZeroAblate(POST, (0,))).outputs
    )


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (ZeroAblate("last:blocks.0.mlp.hook_pst"), "hook_post"),
        (ZeroAblate(POST, (0,), axis="head"), "axis of the tap"),
        (ZeroAblate(POST, (12,)), r"no units \[12\]"),
        (MeanAblate(POST, split="tran"), "'train'"),
        (KeepComponents((9,)), r"no components \[9\]"),
        (KeepFrequencies((4,)), r"no frequencies \[4\]"),
    ],
)
def test_what_is_not_there_is_named(chosen: Intervention, words: str) -> None:
    with pytest.raises((UserError, UnknownName), match=words):
        _ = intervene(subject(), chosen).outputs
