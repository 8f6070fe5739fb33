"""The multilayer perceptron against one-hot vectors written out."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, one_hot

from ontogeny.errors import UserError
from ontogeny.models.mlp import MLP
from ontogeny.numerics.random import Key
from ontogeny.tasks.base import Signature

SIGNATURE = Signature(outputs=5, vocab=6, positions=2)
TOKENS = torch.cartesian_prod(torch.arange(6), torch.arange(6))
FUNCTIONS = {"relu": torch.relu, "gelu": gelu, "quadratic": torch.square}


def made(seed: int = 0, **fields: object) -> tuple[MLP, dict[str, Tensor]]:
    architecture = MLP(d_embed=3, d_mlp=7, **fields)  # type: ignore[arg-type]
    return architecture, {n: w.double() for n, w in architecture.init(SIGNATURE, Key(seed, "init")).items()}


@pytest.mark.parametrize(
    ("embedding", "combine", "activation", "n_layers", "bias"),
    list(itertools.product(("one_hot", "learned"), ("sum", "concat"), FUNCTIONS, (1, 2), (False, True))),
)
def test_agrees_with_one_hot_vectors(
    embedding: str, combine: str, activation: str, n_layers: int, bias: bool
) -> None:
    architecture, w = made(
        embedding=embedding, combine=combine, activation=activation, n_layers=n_layers, bias=bias
    )
    vectors = one_hot(TOKENS, 6).double()
    if embedding == "learned":
        vectors = vectors @ w["embed.W_E"]
    x = torch.cat([vectors[:, 0], vectors[:, 1]], -1) if combine == "concat" else vectors.sum(1)
    for layer in ("mlp", "mlp.1")[:n_layers]:
        x = FUNCTIONS[activation](x @ w[f"{layer}.W_in"] + w.get(f"{layer}.b_in", torch.zeros(7)))
    expected = x @ w["mlp.W_out"] + w.get("mlp.b_out", torch.zeros(5))
    forward = architecture.forward(w, TOKENS, read=tuple(architecture.taps))
    torch.testing.assert_close(forward.outputs, expected, rtol=1e-12, atol=1e-12)
    assert set(w) == set(architecture.axes)
    assert {n: t.ndim for n, t in forward.taps.items()} == {n: len(a) for n, a in architecture.taps.items()}
    assert torch.equal(forward.taps[f"{architecture.layers[-1]}.hook_post"], x)


@pytest.mark.parametrize("embedding", ["one_hot", "learned"])
def test_stacked_models_equal_separate_calls(embedding: str) -> None:
    models = [made(seed, embedding=embedding, bias=True)[1] for seed in range(3)]
    architecture = made(embedding=embedding, bias=True)[0]
    stacked = {n: torch.stack([m[n] for m in models]) for n in models[0]}
    own = torch.stack([TOKENS[s : s + 20] for s in range(3)])
    together = architecture.forward(stacked, own).outputs
    for i, weights in enumerate(models):
        torch.testing.assert_close(together[i], architecture.forward(weights, own[i]).outputs)


def test_sums_are_symmetric_in_the_operands() -> None:
    architecture, weights = made(combine="sum")
    a, b = (architecture.forward(weights, x).outputs for x in (TOKENS, TOKENS.flip(-1)))
    torch.testing.assert_close(a, b)


def test_real_inputs_are_refused() -> None:
    with pytest.raises(UserError, match="reads tokens"):
        MLP().init(Signature(3, features=4), Key(0, "init"))
