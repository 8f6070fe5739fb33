"""Groups with their bounds, and the scores of operands."""

import torch

from ontogeny.numerics.operands import GROUPS, groups, operand_scores, operands


def test_every_r_beyond_a_half_is_in_one_group_and_nan_in_none():
    r = torch.tensor([1.0, 0.9, 0.89, 0.5, 0.49, 0.0, -0.49, -0.5, -0.9, -1.0, torch.nan])
    member = groups(r)
    assert member.shape == (len(GROUPS), 11)
    assert member.int().argmax(0)[member.any(0)].tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert member.sum(0).tolist() == [1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 0]


def test_scores_belong_to_the_tokens_of_each_operand():
    inputs = torch.tensor([[0, 3, 4], [2, 2, 4]])
    W_E = torch.cat([torch.arange(4.0)[:, None], torch.zeros(4, 2)], 1)
    scores = operand_scores(W_E, inputs, 1)[..., 0]
    torch.testing.assert_close(scores, torch.tensor([[-1.5, 1.5], [0.5, 0.5]]))
    assert operands(inputs).tolist() == [[0, 3, 3], [2, 2, 4]]
