"""Heads that are built: one looks by a cosine of the numbers, one never moves, one whose values are nothing."""

import math

import pytest
import torch

from ontogeny.axes import dataset
from ontogeny.badges import badges
from ontogeny.lenses.head_roles import head_roles
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import views
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

P, K = 11, 3


def built():
    """Head 0 compares cos(2πKa/p) with cos(2πKb/p); head 1 attends to "=" alone; head 2 to all alike; head 3 as 0, without values."""
    task = ModularAddition(p=P, equals=True)
    model = Transformer(n_heads=4, d_model=16, d_head=4, d_mlp=8)
    weights = {name: 0.3 * one.double() for name, one in model.init(task.signature, Key(0, "init")).items()}
    embed = torch.zeros(P + 1, 16, dtype=torch.float64)
    embed[:P, 0] = torch.cos(2 * math.pi * K * torch.arange(P) / P)
    embed[:P, 1] = torch.sin(2 * math.pi * K * torch.arange(P) / P)
    embed[P, 2] = 1.0
    weights["embed.W_E"] = embed
    weights["pos_embed.W_pos"] = torch.zeros_like(weights["pos_embed.W_pos"])
    Q, keys, V = (
        weights[f"blocks.0.attn.W_{m}"].zero_() if m != "V" else weights["blocks.0.attn.W_V"] for m in "QKV"
    )
    for head, cosine, equals in ((0, 1.0, -20.0), (1, 0.0, 40.0), (3, 1.0, -20.0)):
        Q[head, 2, 0] = 2.0
        keys[head, 0, 0], keys[head, 2, 0] = cosine, equals
    V[3] = 0
    return Subject(model, weights, task.probe(), task.signature, CrossEntropy("float64"), {})


def test_what_heads_were_built_to_do_is_found():
    found = {name: one.values for name, one in head_roles(built()).items()}
    assert found["dominant_frequency"][[0, 3]].tolist() == [K, K]
    assert found["dominant_share"][0] > 0.9
    assert found["dominant_frequency"][1:3].isnan().all()
    assert found["steady"].tolist() == [0, 1, 1, 0] and found["tuned"].tolist() == [1, 0, 0, 1]
    assert found["favourite"][1] == 2 and found["favourite_weight"][1] == pytest.approx(1)
    assert found["favourite_weight"][2] == pytest.approx(1 / 3)
    assert found["leaning"].tolist() == [0, 1, 0, 0] or found["favourite_weight"][0] == pytest.approx(0.5)


def test_a_head_without_values_is_not_needed_and_the_others_are_by_what_the_model_says_without_them():
    subject = built()
    found = head_roles(subject)
    assert found["loss_without"].values[3].abs() < 1e-9 and found["accuracy_without"].values[3] == 0
    z = subject.tap("last:blocks.0.attn.hook_z")
    flat = z.clone()
    flat[:, 0] = flat[:, 0].mean(0)
    weights = subject.weights
    mid = (
        subject.tap("last:blocks.0.hook_resid_pre")
        if "last:blocks.0.hook_resid_pre" in subject.architecture.taps
        else weights["embed.W_E"][P]
    )
    mid = mid + torch.einsum("nhd,hdm->nm", flat, weights["blocks.0.attn.W_O"])
    post = (mid @ weights["blocks.0.mlp.W_in"] + weights.get("blocks.0.mlp.b_in", 0)).relu()
    logits = (mid + post @ weights["blocks.0.mlp.W_out"] + weights.get("blocks.0.mlp.b_out", 0)) @ weights[
        "unembed.W_U"
    ]
    loss = torch.nn.functional.cross_entropy(logits, subject.probe.labels)
    before = subject.examples["loss"].mean()
    assert found["loss_without"].values[0] == pytest.approx((loss - before).item(), abs=1e-8)


def test_labels_are_said_in_words_and_drawn():
    found = head_roles(built())
    one = {name: float(labelled.values[1]) for name, labelled in found.items()}
    assert badges(one, 3) == ["the same for every input", "looks at =", "not needed alone"]
    steps = dataset(found).expand_dims(step=[0])
    drawn = views["head_roles_curves"](head_roles=steps)
    assert len(drawn.figure.data) == 8 and "looks at" in drawn.says
