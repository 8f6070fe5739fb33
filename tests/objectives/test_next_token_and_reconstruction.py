"""Objectives against PyTorch's own losses and hand-computed values."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from ontogeny.errors import UserError
from ontogeny.models.base import Forward
from ontogeny.numerics.random import Key
from ontogeny.objectives.base import Objective
from ontogeny.objectives.next_token import NextToken
from ontogeny.objectives.reconstruction import Reconstruction
from ontogeny.tasks.base import Batch
from ontogeny.tasks.fibonacci import Fibonacci


def test_next_token_is_the_mean_over_counted_positions() -> None:
    batch = Fibonacci(p=5, length=4).probe().batch
    logits = torch.randn(3, 25, 4, 5, generator=Key(0, "x").generator())
    values = NextToken().examples(Forward(logits, {}), batch)
    assert isinstance(NextToken(), Objective)
    for model in range(3):
        expected = cross_entropy(logits[model, :, 1:].flatten(0, 1), batch.labels[:, 1:].flatten())
        torch.testing.assert_close(values["loss"][model].mean(), expected)
        right = (logits[model].argmax(-1) == batch.labels)[:, 1:].float().mean(-1)
        torch.testing.assert_close(values["accuracy"][model], right)


def test_next_token_refuses_logits_of_one_position() -> None:
    with pytest.raises(UserError, match="read_at"):
        NextToken().examples(Forward(torch.zeros(25, 5), {}), Fibonacci(p=5, length=4).probe().batch)


def test_reconstruction_counts_error_sparsity_and_variance() -> None:
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 2.0], [0.0, -2.0]])
    outputs = torch.stack([x, x * 0.5, torch.zeros_like(x)])  # three models
    code = torch.tensor([[1.0, 0.0, 2.0], [0.0, 0.0, -3.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]).expand(3, 4, 3)
    values = Reconstruction(alpha=0.1).examples(Forward(outputs, {"hook_acts": code}), Batch(x, x))
    torch.testing.assert_close(values["explained"].mean(-1), torch.tensor([1.0, 0.75, 0.0]))
    assert values["l0"][0].tolist() == [2, 1, 0, 3]
    torch.testing.assert_close(values["loss"][0], torch.tensor([0.3, 0.3, 0.0, 0.3]))
    torch.testing.assert_close(values["loss"][2], torch.tensor([1.3, 1.3, 4.0, 4.3]))
    assert Reconstruction(code="").examples(Forward(outputs, {}), Batch(x, x))["loss"][0].tolist() == [0] * 4
