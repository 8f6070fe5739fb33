"""A copy whose units stand in another order is no other model, and a straight way knows it only after alignment."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ontogeny import instruments, registry
from ontogeny.errors import UserError
from ontogeny.measures.barrier import aligned_to

barrier = registry.measures["loss_barrier"]


def trained(family: str, seed: int = 0, steps: int = 60):
    """A small model after some plain descent."""
    model = instruments.specimen(family)
    draw = torch.Generator().manual_seed(seed)
    model = replace(
        model,
        split={},
        weights={n: torch.randn(w.shape, generator=draw) * 0.4 for n, w in model.weights.items()},
    )
    for _ in range(steps):
        grad = next(iter(replace(model).gradients.values()))
        model = replace(model, weights={n: w - 0.1 * grad[n] for n, w in model.weights.items()})
    return model


def shuffled(model, seed: int = 1):
    """Its neurons and heads in other orders, layer by layer."""
    weights, orders = dict(model.weights), {}
    draw = torch.Generator().manual_seed(seed)
    for name, axes in model.architecture.axes.items():
        layer = name.split("attn")[0].split("mlp")[0] if "blocks" in name else ""
        for axis in ("neuron", "head", "d_hidden"):
            if axis in axes:
                i = axes.index(axis)
                n = weights[name].shape[i]
                order = orders.setdefault((layer, axis), torch.randperm(n, generator=draw))
                weights[name] = weights[name].index_select(i, order)
    return replace(model, weights=weights)


def say(x, y, **options):
    made = [barrier.prepare(one, **options) for one in (x, y)]
    return {
        name: float(value[0, 0]) for name, value in barrier.pairs([made[0]], [made[1]], **options).items()
    }


@pytest.mark.parametrize("family", ["transformer", "2 layers", "mlp", "bilinear"])
def test_a_copy_in_another_order_has_a_barrier_that_alignment_takes_away(family):
    model = trained(family)
    copy = shuffled(model)
    assert torch.allclose(copy.outputs, model.outputs, atol=1e-4)
    found = say(model, copy)
    assert found["straight"] > 0.01 and found["value"] < 1e-5
    back = aligned_to(model, copy)
    assert all(torch.equal(back[name], w) for name, w in model.weights.items())


def test_the_barrier_is_the_largest_rise_above_the_line_between_the_ends():
    x, y = trained("mlp", 0), trained("mlp", 5)
    losses = []
    for a in torch.linspace(0, 1, 7):
        between = replace(x, weights={n: (1 - a) * w + a * y.weights[n] for n, w in x.weights.items()})
        losses.append(float(between.losses(between.weights)["all"]))
    rises = [v - (1 - i / 6) * losses[0] - i / 6 * losses[-1] for i, v in enumerate(losses)]
    found = say(x, y, points=7)
    assert found["straight"] == pytest.approx(max(0, *rises), abs=1e-5)
    assert 0 <= found["value"] <= found["straight"]
    assert say(x, x)["straight"] == pytest.approx(0, abs=1e-6)


def test_what_has_no_straight_way_is_said():
    with pytest.raises(UserError, match="no straight way"):
        say(trained("mlp", steps=0), trained("bilinear", steps=0))
    with pytest.raises(UserError, match="points = 2"):
        say(trained("mlp", steps=0), trained("mlp", steps=0), points=2)


def test_the_inputs_that_count_are_those_of_the_part_in_both():
    x, y = trained("mlp", 0), trained("mlp", 5)
    n = len(x.probe.inputs)
    x = replace(x, split={"train": torch.arange(0, 30), "test": torch.arange(30, n)})
    y = replace(y, split={"train": torch.arange(20, n), "test": torch.arange(0, 20)})
    rows = torch.arange(20, 30)
    ends = [float(replace(one, split={"all": rows}).losses(one.weights)["all"]) for one in (x, y)]
    middle = {name: (w + y.weights[name]) / 2 for name, w in x.weights.items()}
    rise = float(replace(x, split={"all": rows}).losses(middle)["all"]) - sum(ends) / 2
    assert say(x, y, points=3)["straight"] == pytest.approx(max(0, rise), abs=1e-5)
    assert say(x, y, part="all") != say(x, y)
    with pytest.raises(UserError, match="No input is in the part 'test' of both"):
        say(x, y, part="test")
    with pytest.raises(UserError, match="part of the inputs"):
        say(x, y, part="tset")
