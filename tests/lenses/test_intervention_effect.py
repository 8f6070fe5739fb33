"""The effect of interventions whose outcome is known on a network built by hand."""

import pytest
import torch

from ontogeny import axes
from ontogeny.errors import UnknownName, UserError
from ontogeny.lenses.embedding_ablation import embedding_ablation
from ontogeny.lenses.intervention_effect import intervention_effect

POST = "last:blocks.0.mlp.hook_post"
A, B = torch.meshgrid(torch.arange(10), torch.arange(10), indexing="ij")


def test_without_its_sum_neuron_the_adder_says_zero_everywhere(adder):
    said = intervention_effect(adder(), intervention=[{"kind": "zero_ablate", "tap": POST, "units": [0]}])
    assert said["accuracy"].values[:, 0].tolist() == pytest.approx([1, 0.01])
    assert torch.equal(said["error"].values, -(A + B))  # −c² is largest at c = 0
    assert said["correct"].values.sum() == 1
    s = (A + B).float()
    torch.testing.assert_close(said["logit_of_label"].values, -2 * s * s, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(said["logit_of_prediction"].values, said["logit_of_label"].values)


def test_interventions_compose_in_order(adder):
    both = [
        {"kind": "zero_ablate", "tap": POST, "units": [0]},
        {"kind": "zero_ablate", "tap": POST, "units": [1]},
    ]
    said = intervention_effect(adder(), intervention=both)
    assert said["loss"].values[1, 0].exp().item() == pytest.approx(20)  # all logits are 0


def test_agrees_with_the_ablation_lens_and_keeps_leading_axes(random_subject):
    keep = [{"kind": "keep_components", "components": [0]}]
    said = intervention_effect(random_subject(0, 1), intervention=keep)
    expected = embedding_ablation(random_subject(0, 1))
    torch.testing.assert_close(said["loss"].values, expected["loss"].values[:, :2], rtol=1e-5, atol=1e-7)
    assert torch.equal(said["error"].values, expected["error"].values[:, 1])
    axes.dataset(said, leading=("step",))


def test_what_is_missing_or_unknown_is_said(adder):
    with pytest.raises(UserError, match="zero_ablate"):
        intervention_effect(adder())
    with pytest.raises(UnknownName):
        intervention_effect(adder(), intervention=[{"kind": "zero_ablate", "tap": "hook_posst"}])
