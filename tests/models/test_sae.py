"""Sparse autoencoders: what each activation keeps, unit atoms, and the jump's gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ontogeny.errors import UserError
from ontogeny.models.sae import SAE
from ontogeny.numerics.random import Key
from ontogeny.numerics.sparse_codes import jump_relu
from ontogeny.tasks.base import Signature

SIGNATURE = Signature(outputs=6, features=6)
DATA = torch.randn(50, 6, generator=Key(0, "data").generator())


def made(seed: int = 0, **fields: object) -> tuple[SAE, dict[str, Tensor]]:
    architecture = SAE(d_atoms=16, **fields)  # type: ignore[arg-type]
    return architecture, architecture.init(SIGNATURE, Key(seed, "init"))


def acts(architecture: SAE, weights: dict[str, Tensor], data: Tensor = DATA) -> Tensor:
    return architecture.forward(weights, data, read=("hook_acts",)).taps["hook_acts"]


def test_topk_keeps_the_k_largest() -> None:
    architecture, weights = made(activation="topk", k=3)
    weights["b_enc"] = torch.full((16,), 10.0)  # all positive
    kept = acts(architecture, weights)
    assert torch.equal((kept > 0).sum(-1), torch.full((50,), 3))
    pre = architecture.forward(weights, DATA, read=("hook_pre",)).taps["hook_pre"]
    assert torch.equal(
        kept.sort(-1, descending=True).values[:, :3], pre.sort(-1, descending=True).values[:, :3]
    )
    weights["b_enc"] = torch.full((16,), -10.0)  # none positive
    assert not acts(architecture, weights).any()


def test_batch_topk_keeps_k_per_example_on_average_in_each_model_of_a_stack() -> None:
    architecture, _ = made(activation="batch_topk", k=3)
    stacked = {
        n: torch.stack([made(s)[1][n] for s in range(2)]) for n in ("W_enc", "b_enc", "W_dec", "b_dec")
    }
    stacked["b_enc"] = torch.tensor([[5.0], [50.0]]).expand(2, 16)
    active = (acts(architecture, stacked) > 0).sum(-1)
    assert active.sum(-1).tolist() == [150, 150]
    assert active.float().var(-1).min() > 0


def test_atoms_have_unit_norm_after_project_and_reconstruct_linearly() -> None:
    architecture, weights = made(activation="relu")
    weights["W_dec"] = weights["W_dec"] * torch.rand(16, 1)
    weights = architecture.project(weights)
    torch.testing.assert_close(weights["W_dec"].norm(dim=-1), torch.ones(16))
    expected = torch.relu(DATA @ weights["W_enc"]) @ weights["W_dec"]
    torch.testing.assert_close(architecture.forward(weights, DATA).outputs, expected)


def test_an_orthonormal_dictionary_reconstructs_exactly() -> None:
    architecture = SAE(d_atoms=12, activation="topk", k=6)
    basis = torch.linalg.qr(DATA[:6])[0]
    atoms = torch.cat([basis, -basis])
    bias = torch.arange(6.0)
    weights = {"W_enc": atoms.mT, "b_enc": torch.zeros(12), "W_dec": atoms, "b_dec": bias}
    torch.testing.assert_close(architecture.forward(weights, DATA).outputs, DATA, rtol=1e-5, atol=1e-5)


def test_the_jump_has_the_kernel_gradient() -> None:
    pre = torch.tensor([-1.0, 0.46, 0.49, 0.51, 0.54, 2.0], requires_grad=True)
    threshold = torch.full((6,), 0.5, requires_grad=True)
    value = jump_relu(pre, threshold, bandwidth=0.05)
    torch.testing.assert_close(value, torch.tensor([0, 0, 0, 0.51, 0.54, 2.0]))
    value.sum().backward()
    assert pre.grad.tolist() == [0, 0, 0, 1, 1, 1]
    torch.testing.assert_close(threshold.grad, torch.tensor([0, 0, -10.0, -10.0, 0, 0]))


def test_stacked_models_equal_separate_calls() -> None:
    architecture, _ = made(activation="jumprelu")
    models = [made(seed, activation="jumprelu")[1] for seed in range(3)]
    stacked = {n: torch.stack([m[n] for m in models]) for n in models[0]}
    together = architecture.forward(stacked, DATA).outputs
    for i, weights in enumerate(models):
        torch.testing.assert_close(together[i], architecture.forward(weights, DATA).outputs)


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(UserError, match="k = 20"):
        SAE(d_atoms=16, k=20)
    with pytest.raises(UserError, match="real vectors"):
        SAE().init(Signature(3, vocab=4), Key(0, "init"))
