"""Which labels a split trains, and small numbers that findings read off the addition lenses."""

from dataclasses import replace

import pytest
import torch

from ontogeny.lenses.attention import attention
from ontogeny.lenses.coverage import coverage
from ontogeny.lenses.flips import flips
from ontogeny.lenses.polynomial_fit import polynomial_fit


def test_labels_without_a_training_example_are_counted_and_their_inputs_judged_apart(adder):
    model = adder()
    labels = model.probe.labels
    trained = ((labels != 0) & (labels != 17)).nonzero()[:, 0]
    said = coverage(replace(model, split={"train": trained, "test": (labels == 0).nonzero()[:, 0]}))
    assert int(said["untrained"].values) == 2  # 19 is an output, but no input's label
    assert said["examples"].values[[0, 9, 17]].tolist() == [0, 10, 0]
    assert said["accuracy"].values.tolist() == [1.0, 1.0]


def test_a_split_with_every_label_has_no_untrained_inputs_to_judge(adder):
    model = adder()
    said = coverage(replace(model, split={"train": torch.arange(100)}))
    assert int(said["untrained"].values) == 0
    assert said["accuracy"].values[0] == 1 and said["accuracy"].values[1].isnan()
    assert float(said["probability"].values) == 1


def test_a_network_that_treats_a_and_b_alike_has_no_asymmetry(adder, random_subject):
    said = polynomial_fit(adder())["coefficient_asymmetry"].values
    torch.testing.assert_close(said[..., 0], torch.zeros_like(said[..., 0]), atol=1e-6, rtol=0)
    assert (polynomial_fit(random_subject(0))["coefficient_asymmetry"].values > 0.05).all()


def test_contributions_alike_are_those_above_the_threshold(random_subject):
    model = random_subject(3)
    r = flips(model)["contribution_correlation"].values
    for alike in (-1.1, 0.0, 0.5, 1.0):
        assert int(flips(model, alike=alike)["shaped_alike"].values) == int((r > alike).sum())


def test_attention_names_heads_and_positions(random_subject):
    mean = attention(random_subject(0))["mean"]
    assert list(mean.coords["key"]) == [0, 1, 2]
    assert mean.values.sum(-1) == pytest.approx(1)


def test_a_head_that_looks_at_the_larger_number_is_balanced_but_not_symmetric(adder):
    model = adder()
    a, b = model.probe.inputs[:, 0], model.probe.inputs[:, 1]
    to_a = torch.where(a == b, 0.5, (a > b).float())
    model._taps["last:blocks.0.attn.hook_pattern"] = torch.stack([to_a, 1 - to_a, 0 * to_a], -1).unsqueeze(-2)
    model.__dict__["outputs"] = torch.zeros(100, 20)
    said = attention(model)
    assert float(said["imbalance"].values) == pytest.approx(0, abs=1e-6)
    assert float(said["asymmetry"].values) == pytest.approx(0.9)
