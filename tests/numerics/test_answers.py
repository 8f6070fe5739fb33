import math

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.numerics.answers import (
    inputs_by_answer,
    keep_frequencies,
    rows_accuracy,
    rows_loss,
    table,
    table_accuracy,
    table_loss,
)


def answers(p):
    a, b = torch.meshgrid(torch.arange(p), torch.arange(p), indexing="ij")
    return ((a + b) % p).reshape(-1)


@pytest.mark.parametrize("p", [7, 8])
def test_keeping_frequencies_is_the_projection_over_all_inputs(p):
    s = answers(p)
    x = torch.randn(2, p * p, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(p // 2 + 1, dtype=torch.bool)
    mask[[2, p // 2]] = True
    projected = torch.zeros_like(x)
    for k in (2, p // 2):
        for wave in ((2 * math.pi * k * s / p).cos(), (2 * math.pi * k * s / p).sin()):
            direction = wave.double()
            if direction.norm() > 1e-3:  # k = p/2 has no sine
                direction = direction / direction.norm()
                projected += torch.einsum("i,j,...jn->...in", direction, direction, x)
    kept = keep_frequencies(table(x, inputs_by_answer(s, p)), mask)[..., s, :]
    torch.testing.assert_close(kept, projected, atol=1e-5, rtol=1e-5)


def test_all_frequencies_keep_the_table_and_complements_sum_to_it():
    t = torch.randn(4, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([True, False, True, False, True])
    torch.testing.assert_close(keep_frequencies(t, torch.ones(5, dtype=torch.bool)), t)
    torch.testing.assert_close(keep_frequencies(t, mask) + keep_frequencies(t, ~mask), t)


def test_masks_may_differ_along_leading_axes():
    t = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(1))
    masks = torch.eye(5, dtype=torch.bool)[[1, 3]]
    expected = torch.stack([keep_frequencies(t[i], masks[i]) for i in range(2)])
    torch.testing.assert_close(keep_frequencies(t, masks), expected)


def test_loss_and_accuracy_of_a_table_are_those_of_the_rows_it_stands_for():
    p, s = 7, answers(7)
    logits = torch.randn(3, p, p, generator=torch.Generator().manual_seed(2))
    rows = torch.randperm(p * p, generator=torch.Generator().manual_seed(3))[:20]
    counts = torch.bincount(s[rows], minlength=p)
    expected = torch.nn.functional.cross_entropy(
        logits[:, s[rows]].double().permute(0, 2, 1), s[rows].expand(3, -1), reduction="none"
    ).mean(-1)
    torch.testing.assert_close(table_loss(logits, counts), expected)
    torch.testing.assert_close(rows_loss(logits[:, s[rows]], s[rows]), expected)
    right = (logits[:, s[rows]].numpy().argmax(-1) == s[rows].numpy()).mean(-1)
    assert 0 < right.max() < 1
    for accuracy in (table_accuracy(logits, counts), rows_accuracy(logits[:, s[rows]], s[rows])):
        torch.testing.assert_close(accuracy, torch.from_numpy(right))


def test_unequal_answers_are_refused_with_what_was_there():
    with pytest.raises(UserError, match="1 to 2 times"):
        inputs_by_answer(torch.tensor([0, 1, 1, 2]), 3)
