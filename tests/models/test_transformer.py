"""The transformer against an independent implementation, and its two paths against one another."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch.nn.functional import gelu, scaled_dot_product_attention

from ontogeny.errors import UserError
from ontogeny.models.transformer import AT_LAST, Transformer
from ontogeny.numerics.random import Key
from ontogeny.registry import architectures
from ontogeny.tasks.base import Signature

SIGNATURE = Signature(outputs=5, vocab=8, positions=3)
SMALL = {"n_heads": 2, "d_model": 6, "d_head": 4, "d_mlp": 10}
TOKENS = torch.cartesian_prod(torch.arange(8), torch.arange(8), torch.arange(2))


def small(seed: int = 0, **fields: object) -> tuple[Transformer, dict[str, Tensor]]:
    architecture = Transformer(**{**SMALL, **fields})  # type: ignore[arg-type]
    weights = architecture.init(SIGNATURE, Key(seed, "init"))
    return architecture, {name: 4 * w.double() for name, w in weights.items()}


def stack(*models: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: torch.stack([m[name] for m in models]) for name in models[0]}


def plain(weights: dict[str, Tensor], tokens: Tensor, n_layers: int, activation=torch.relu) -> Tensor:
    """One sequence after the other, PyTorch's own attention; logits at every position."""
    logits = []
    for sequence in tokens:
        x = weights["embed.W_E"][sequence] + weights["pos_embed.W_pos"]
        for layer in range(n_layers):
            w = {n.removeprefix(f"blocks.{layer}."): v for n, v in weights.items()}
            q, k, v = (torch.stack([x @ one for one in w[f"attn.W_{m}"]]) for m in "QKV")
            z = scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
            x = x + sum(z[h] @ w["attn.W_O"][h] for h in range(len(z)))
            x = x + activation(x @ w["mlp.W_in"]) @ w["mlp.W_out"]
        logits.append(x @ weights["unembed.W_U"])
    return torch.stack(logits)


@dataclass(frozen=True)
class Scale:
    """Multiplies a tap by ``factor``, or only its last position."""

    name: str
    factor: float
    axis: int | None = None
    reads: frozenset[str] = frozenset()

    @property
    def edits(self) -> frozenset[str]:
        return frozenset({self.name})

    def __call__(self, name: str, value: Tensor, taps: object) -> Tensor:
        if self.axis is None:
            return value * self.factor
        value = value.clone()
        value.select(self.axis, -1).mul_(self.factor)
        return value


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_agrees_with_an_independent_implementation(n_layers: int, activation: str) -> None:
    architecture, weights = small(n_layers=n_layers, activation=activation, read_at="all")
    expected = plain(weights, TOKENS, n_layers, gelu if activation == "gelu" else torch.relu)
    torch.testing.assert_close(
        architecture.forward(weights, TOKENS).outputs, expected, rtol=1e-10, atol=1e-10
    )
    last, _ = small(n_layers=n_layers, activation=activation)
    torch.testing.assert_close(last.forward(weights, TOKENS).outputs, expected[:, -1], rtol=1e-10, atol=1e-10)


def test_tables_of_the_last_position_are_exact_in_values_and_gradients() -> None:
    architecture, weights = small()
    results = []
    for read in ((), ("blocks.0.hook_resid_pre",)):  # the second needs every position
        leaves = {name: w.clone().requires_grad_() for name, w in weights.items()}
        outputs = architecture.forward(leaves, TOKENS, read=read).outputs
        loss = torch.nn.functional.cross_entropy(outputs, TOKENS.sum(-1) % 5)
        results.append((outputs, *torch.autograd.grad(loss, list(leaves.values()))))
    for fast, general in zip(*results, strict=True):
        torch.testing.assert_close(fast, general, rtol=1e-10, atol=1e-10)
        assert general.abs().max() > 1e-3


@pytest.mark.parametrize("n_layers", [1, 2])
def test_taps_have_the_axes_they_declare_and_last_is_the_last_position(n_layers: int) -> None:
    architecture, weights = small(n_layers=n_layers)
    weights = stack(weights, weights, weights)
    sizes = {"example": 128, "position": 3, "query": 3, "key": 3, "head": 2}
    sizes |= {"d_model": 6, "d_head": 4, "neuron": 10}
    taps = architecture.forward(weights, TOKENS, read=tuple(architecture.taps)).taps
    for name, axes in architecture.taps.items():
        assert taps[name].shape == (3, *(sizes[axis] for axis in axes)), name
        if name.startswith("last:"):
            whole = architecture.taps[name.removeprefix("last:")]
            axis = whole.index("query" if "query" in whole else "position") + 1
            assert torch.equal(taps[name], taps[name.removeprefix("last:")].select(axis, -1)), name
    fast = architecture.forward(weights, TOKENS, read=tuple(AT_LAST)).taps
    for name in AT_LAST:
        torch.testing.assert_close(fast[name], taps[name], rtol=1e-10, atol=1e-10, msg=name)


def test_attention_is_causal_and_sums_to_one() -> None:
    architecture, weights = small()
    pattern = architecture.forward(weights, TOKENS, read=("blocks.0.attn.hook_pattern",)).taps.popitem()[1]
    assert torch.equal(pattern.triu(1), torch.zeros_like(pattern))
    torch.testing.assert_close(pattern.sum(-1), torch.ones_like(pattern[..., 0]))
    everywhere, _ = small(read_at="all")
    changed = TOKENS.clone()
    changed[:, -1] = 7 - changed[:, -1]
    before, after = (everywhere.forward(weights, x).outputs for x in (TOKENS, changed))
    assert torch.equal(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2], after[:, 2])


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("read", [(), ("blocks.0.mlp.hook_post",)])
def test_stacked_models_equal_separate_calls(read: tuple[str, ...], own: bool) -> None:
    architecture, _ = small()
    models = [small(seed)[1] for seed in range(3)]
    inputs = [TOKENS[torch.randperm(128, generator=Key(s, "x").generator())[:20]] for s in range(3)]
    together = architecture.forward(
        stack(*models), torch.stack(inputs) if own else inputs[0], read=read
    ).outputs
    for i, weights in enumerate(models):
        alone = architecture.forward(weights, inputs[i if own else 0], read=read).outputs
        torch.testing.assert_close(together[i], alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n in Transformer(**SMALL).taps if not n.startswith("last:")))
def test_editing_last_equals_editing_the_last_position_of_the_tap(name: str) -> None:
    architecture, weights = small(read_at="last")
    weights = stack(weights, small(1)[1])
    axes = architecture.taps[name]
    axis = axes.index("query" if "query" in axes else "position") - len(axes)
    last = architecture.forward(weights, TOKENS, edit=Scale(f"last:{name}", 1.5)).outputs
    general = architecture.forward(weights, TOKENS, edit=Scale(name, 1.5, axis)).outputs
    torch.testing.assert_close(last, general, rtol=1e-10, atol=1e-10)
    unedited = architecture.forward(weights, TOKENS).outputs
    assert not torch.allclose(last, unedited)
    kept = architecture.forward(weights, TOKENS, read=(name,), edit=Scale(f"last:{name}", 1.5)).taps[name]
    whole = architecture.forward(weights, TOKENS, read=(name,), edit=Scale(name, 1.5, axis)).taps[name]
    torch.testing.assert_close(kept, whole, rtol=1e-12, atol=1e-12)


def test_initialisation_depends_on_seed_and_name_alone() -> None:
    architecture = Transformer()
    one = architecture.init(Signature(113, vocab=114, positions=3), Key(999, "init"))
    two = architecture.init(Signature(7, vocab=114, positions=5), Key(999, "init"))
    assert torch.equal(one["blocks.0.attn.W_Q"], two["blocks.0.attn.W_Q"])
    for name, w in one.items():
        assert abs(w.std() - 0.8 / 128**0.5) < 0.2 * 0.8 / 128**0.5, name
    assert one["blocks.0.attn.W_O"].shape == (4, 32, 128)
    assert set(one) == set(architecture.axes)


def test_refusals_say_what_was_asked() -> None:
    with pytest.raises(UserError, match="real-valued"):
        Transformer().init(Signature(3, features=4), Key(0, "init"))
    architecture, weights = small()
    with pytest.raises(UserError, match="4 positions"):
        architecture.forward(weights, torch.zeros(1, 4, dtype=torch.long))
    with pytest.raises(UserError, match="activation"):
        architectures.build({"kind": "transformer", "activation": "tanh"})


@pytest.mark.parametrize("n_layers", [1, 2])
def test_values_and_gradients_of_a_stack_are_those_of_its_models(n_layers: int) -> None:
    architecture = Transformer(n_layers=n_layers, d_model=16, n_heads=2, d_head=8, d_mlp=32)
    models = [architecture.init(SIGNATURE, Key(seed, "init")) for seed in range(5)]
    inputs = torch.stack([TOKENS[s : s + 64] for s in range(5)])

    def look(who: list[int]) -> list[Tensor]:
        leaves = {n: w.requires_grad_() for n, w in stack(*(models[i] for i in who)).items()}
        outputs = architecture.forward(leaves, inputs[who]).outputs
        losses = outputs.logsumexp(-1).mean(-1)
        return [outputs, *torch.autograd.grad(losses.sum(), list(leaves.values()))]

    for together, alone in zip(look([0, 1, 2, 3, 4]), look([3]), strict=True):
        torch.testing.assert_close(together[3], alone[0])
