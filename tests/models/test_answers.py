"""The short way to a transformer's logits is the long way's, and so are its gradients."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

SIZES = {"d_model": 12, "n_heads": 3, "d_head": 4, "d_mlp": 20}


def model(lead=(), equals=True, **changes) -> Subject:
    task = ModularAddition(p=7, equals=equals)
    architecture = Transformer(**{**SIZES, **changes})
    weights = architecture.init(task.signature, Key(0, "init"))
    draw = torch.Generator().manual_seed(1)
    weights = {
        n: w.double() + torch.randn(*lead, *w.shape, generator=draw, dtype=torch.float64)
        for n, w in weights.items()
    }
    split = {"train": torch.arange(20), "test": torch.arange(20, 49)}
    return Subject(architecture, weights, task.probe(), task.signature, CrossEntropy("float64"), split)


@pytest.mark.parametrize("lead", [(), (3,), (2, 3)])
@pytest.mark.parametrize("equals", [True, False])  # without "=" the last token is b, which varies
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_logits_and_losses_are_those_of_the_forward_pass(lead, equals, activation):
    one = model(lead, equals, activation=activation)
    short = one.architecture.answers(one.weights, one.probe.inputs)
    assert_close(short, one.outputs, rtol=1e-9, atol=1e-9)
    losses, examples = one.losses(one.weights), one.examples["loss"]
    for part, rows in one.split.items():
        assert_close(losses[part], examples[..., rows].mean(-1), rtol=1e-9, atol=1e-9)


def test_gradients_are_those_of_the_forward_pass():
    one = model()
    leaves = {n: w.detach().double().requires_grad_() for n, w in one.weights.items()}
    grads = []
    for way in (one.architecture.answers, lambda w, x: one.architecture.forward(w, x).outputs):
        outputs = way(leaves, one.probe.inputs)
        grads.append(torch.autograd.grad(outputs.square().sum(), list(leaves.values())))
    for short, long in zip(*grads, strict=True):
        assert_close(short, long, rtol=1e-9, atol=1e-9)


def test_where_there_is_more_to_go_through_there_is_no_short_way():
    one = model(n_layers=2)
    assert one.architecture.answers(one.weights, one.probe.inputs) is None
    assert_close(one.losses(one.weights)["train"], one.examples["loss"][:20].mean(), rtol=1e-9, atol=1e-9)
