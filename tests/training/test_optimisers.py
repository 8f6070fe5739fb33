"""Our optimisers take the path of ``torch.optim``, for every variant of a population by itself."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.training.optimisers import SGD, Adam, AdamW, Hyper, Optimiser

SHAPES = {"W": (4, 3), "b": (3,)}
CASES: list[tuple[type[Optimiser], type[torch.optim.Optimizer], list[dict[str, Any]]]] = [
    (SGD, torch.optim.SGD, [{"lr": 0.1}, {"lr": 0.03, "momentum": 0.9}, {"lr": 0.1, "weight_decay": 0.2}]),
    (SGD, torch.optim.SGD, [{"lr": 0.02, "momentum": 0.5, "weight_decay": 0.1}]),
    (Adam, torch.optim.Adam, [{"lr": 0.1}, {"lr": 1e-3, "weight_decay": 0.3}, {"lr": 0.01, "eps": 1e-2}]),
    (
        Adam,
        torch.optim.Adam,
        [{"lr": 0.01, "beta1": 0.5, "beta2": 0.9}, {"lr": 0.01, "beta1": 0.0, "beta2": 0.5}],
    ),
    (AdamW, torch.optim.AdamW, [{"lr": 0.1}, {"lr": 1e-3, "weight_decay": 1.0}, {"lr": 0.1, "eps": 1e-3}]),
    (AdamW, torch.optim.AdamW, [{"lr": 0.01, "weight_decay": 0.0, "beta1": 0.8, "beta2": 0.95}]),
]


def gradients(variants: int, steps: int, seed: int) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        {n: torch.randn(variants, *s, generator=generator) for n, s in SHAPES.items()} for _ in range(steps)
    ]


@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES)
def test_each_variant_follows_pytorchs_optimiser(ours, theirs, settings):
    specs = [ours(**s) for s in settings]
    hyper = Hyper(specs, torch.device("cpu"))
    stream = gradients(len(specs), 30, 0)
    weights = {n: w.clone() for n, w in gradients(len(specs), 1, 1)[0].items()}
    state = {n: {kind: torch.zeros_like(w) for kind in ours.moments} for n, w in weights.items()}
    models = []
    for i, given in enumerate(settings):
        leaves = {n: w[i].clone().requires_grad_() for n, w in weights.items()}
        torch_words = {k: v for k, v in given.items() if k not in ("beta1", "beta2")}
        if "beta1" in given:
            torch_words["betas"] = (given["beta1"], given["beta2"])
        models.append((leaves, theirs(leaves.values(), foreach=False, **torch_words)))
    for t, by_name in enumerate(stream, 1):
        for name, g in by_name.items():
            specs[0].update(weights[name], g, state[name], t, hyper)
        for i, (leaves, optimiser) in enumerate(models):
            for name, leaf in leaves.items():
                leaf.grad = by_name[name][i].clone()
            optimiser.step()
    for i, (leaves, _) in enumerate(models):
        for name, leaf in leaves.items():
            torch.testing.assert_close(weights[name][i], leaf.detach(), rtol=2e-6, atol=2e-7)


@pytest.mark.parametrize("kind", [SGD, Adam, AdamW])
def test_warm_up_raises_the_learning_rate_linearly_from_zero(kind):
    hyper = Hyper([kind(lr=0.4, warmup=4), kind(lr=0.4)], torch.device("cpu"))
    rates = [hyper.lr(t) for t in range(1, 7)]
    assert [r[0] for r in rates] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])
    assert [r[1] for r in rates] == [0.4] * 6


@pytest.mark.parametrize("wrong", [{"lr": -1.0}, {"weight_decay": -0.1}])
def test_negative_rates_are_refused(wrong):
    with pytest.raises(UserError, match="negative"):
        AdamW(**wrong)


@pytest.mark.parametrize("kind", [Adam, AdamW])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_pass_over_memory_is_one_operation_after_another(kind, dtype):
    specs = [
        kind(lr=0.03, weight_decay=0.5),
        kind(lr=1e-3, beta1=0.8, weight_decay=0.0),
        kind(warmup=9, eps=1e-3),
    ]
    generator = torch.Generator().manual_seed(0)
    draws = [torch.randn(3, 7, 5, generator=generator, dtype=dtype) * 10.0 ** (i % 5 - 3) for i in range(13)]
    (w, m, v), (a, b, c) = ([draws[0].clone(), draws[0] * 0, draws[0] * 0] for _ in range(2))
    hyper = Hyper(specs, torch.device("cpu"))
    for t, g in enumerate(draws[1:], 1):
        specs[0].update(w, g, {"m": m, "v": v}, t, hyper)
        specs[0].plainly(a, g, {"m": b, "v": c}, t, hyper)
        for x, y in ((w, a), (m, b), (v, c)):
            torch.testing.assert_close(
                x,
                y,
                rtol=1e-5 if dtype == torch.float32 else 1e-12,
                atol=1e-6 if dtype == torch.float32 else 1e-14,
            )
    assert not torch.equal(w, draws[0])
