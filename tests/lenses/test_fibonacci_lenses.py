"""Sequences whose answers are known: a hand-set attention, an answer that is the sum, starts that were held out."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.models.base import Taps
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.next_token import NextToken
from ontogeny.registry import lenses
from ontogeny.subject import Subject
from ontogeny.tasks.fibonacci import Fibonacci

P, LENGTH = 7, 5


def subject(architecture, task, weights):
    return Subject(
        architecture, weights, task.probe(), task.signature, NextToken(), task.split(Key(0, "split"))
    )


def one_back(scale_of_places: float, task: Fibonacci) -> Subject:
    """One head; queries ask for the place before. Rows: P token coordinates, LENGTH places, P copies for what attention brings.

    The output of the neurons, one for each pair (a, b), is the sum: max(0, a-th old + b-th own − 1) → logit a + b.
    """
    d = P + LENGTH + P
    one = Transformer(n_heads=1, d_model=d, d_head=LENGTH + P, d_mlp=P * P, read_at="all")
    W = {name: torch.zeros(*shape) for name, shape in _shapes(one, task).items()}
    W["embed.W_E"][:, :P] = torch.eye(P)
    W["pos_embed.W_pos"][:, P : P + LENGTH] = torch.eye(LENGTH)
    for n in range(LENGTH):
        W["blocks.0.attn.W_Q"][0, P + n, max(n - 1, 0)] = scale_of_places
        W["blocks.0.attn.W_K"][0, P + n, n] = 1.0
    W["blocks.0.attn.W_V"][0, :P, LENGTH:] = torch.eye(P)
    W["blocks.0.attn.W_O"][0, LENGTH:, P + LENGTH :] = torch.eye(P)
    for a in range(P):
        for b in range(P):
            W["blocks.0.mlp.W_in"][P + LENGTH + a, a * P + b] = 1.0
            W["blocks.0.mlp.W_in"][b, a * P + b] = 1.0
            W["blocks.0.mlp.W_in"][P : P + LENGTH, a * P + b] = -1.0  # exactly one place is on: the constant
            W["blocks.0.mlp.W_out"][a * P + b, (a + b) % P] = 1.0
    W["unembed.W_U"][:P] = torch.eye(P)
    # the own term is in the stream as well: what the neurons write must outweigh it
    W["blocks.0.mlp.W_out"] *= 5.0
    return subject(one, task, W)


def _shapes(one, task):
    return {name: w.shape for name, w in one.init(task.signature, Key(0, "init")).items()}


def test_a_head_that_looks_one_back_by_place_is_recognised():
    model = one_back(200.0, Fibonacci(P, LENGTH))
    said = lenses["attention_by_lag"](model)
    assert torch.allclose(said["share"].values, torch.tensor([[0.0, 1, 0, 0, 0]]), atol=1e-5)
    right = dict(zip(said["accuracy"].coords["condition"], said["accuracy"].values.tolist(), strict=True))
    assert right["full"] == right["places alone"] == right["of another start"] == 1
    assert right["terms alone"] < 0.7 and right["evenly"] < 0.7


def test_it_adds_everywhere_with_one_circuit_and_doubles_what_stands_alone():
    model = one_back(200.0, Fibonacci(P, LENGTH))
    terms = lenses["next_terms"](model)
    accuracy = terms["accuracy"].values[:, 0]
    assert accuracy[1:].eq(1).all() and accuracy[0] == 1 / P
    assert terms["doubled"].values == 1
    adds = {name: one.values for name, one in lenses["adding_by_position"](model).items()}
    assert all(values[..., 0].isnan().all() for values in adds.values())
    assert adds["transplanted"][1:].eq(1).all()
    assert torch.allclose(adds["alike"][1:], torch.ones(LENGTH - 1).double())
    # 2a + b is a + b for a = 0 alone
    assert torch.allclose(adds["control"][1:], torch.full((LENGTH - 1,), 1 / P).double())


class Says:
    """Logits are a given function of the last two terms; the taps are empty of meaning."""

    axes = {"w": ("d_model",)}
    taps = {
        "blocks.0.hook_resid_mid": ("example", "position", "d_model"),
        "blocks.0.mlp.hook_post": ("example", "position", "neuron"),
    }

    def __init__(self, of):
        self.of = of

    def forward(self, weights, inputs, *, read=(), edit=None):
        tap = Taps(self.taps, read, edit)
        before = torch.cat([inputs[:, :1], inputs[:, :-1]], 1)
        stream = tap("blocks.0.hook_resid_mid", torch.stack([before, inputs], -1).double())
        neurons = tap("blocks.0.mlp.hook_post", torch.cos(2 * torch.pi * 2 * stream / P))
        assert neurons.shape == stream.shape
        a, b = stream.round().long().unbind(-1)
        return tap.forward(self.of(a, b))


def test_the_wave_that_answers_is_named_at_every_place():
    def of(a, b):
        return torch.cos(2 * torch.pi * 3 * ((a + b)[..., None] - torch.arange(P)).double() / P)

    model = subject(Says(of), Fibonacci(P, LENGTH), {"w": torch.zeros(1)})
    adds = {name: one.values for name, one in lenses["adding_by_position"](model).items()}
    for place in range(1, LENGTH):
        assert torch.allclose(adds["spectrum"][:, place], torch.eye(P // 2 + 1)[3].double(), atol=1e-9)
    assert torch.allclose(adds["of_the_sum"][1:], torch.ones(LENGTH - 1).double())
    assert torch.allclose(adds["one_frequency"][1:], torch.ones(LENGTH - 1).double())
    assert adds["frequencies"][1:].eq(1).all()


def test_an_answer_that_is_no_function_of_the_sum_is_not_called_one():
    def of(a, b):
        return torch.nn.functional.one_hot((2 * a + b) % P, P).double()

    model = subject(Says(of), Fibonacci(P, LENGTH), {"w": torch.zeros(1)})
    assert (lenses["adding_by_position"](model)["of_the_sum"].values[1:] < 1e-9).all()


def test_no_pair_of_a_start_that_is_held_out_is_ever_seen():
    task = Fibonacci(11, 9, unseen=0.3)
    held_out = task.split(Key(0, "split"))["test"]
    assert 0 < len(held_out) <= 0.3 * 121
    seen = {
        pair
        for step in range(20)
        for terms in task.draw(Key(1, "order"), step, 200).inputs.tolist()
        for pair in pairwise(terms)
    }
    assert seen.isdisjoint({divmod(row, 11) for row in held_out.tolist()})
    assert len(seen) == 121 - len(held_out)


def test_places_beyond_those_that_count_are_shown_and_not_trained():
    task = Fibonacci(7, 6, counted=4)
    assert task.probe().mask.tolist() == [False, True, True, True, False, False]
    assert task.probe().inputs.shape[-1] == 6


@pytest.mark.parametrize(
    "wrong", [{"counted": 1}, {"counted": 9}, {"unseen": 1.0}, {"unseen": 1e-3}, {"p": 200, "unseen": 0.2}]
)
def test_what_cannot_be_held_out_or_counted_is_refused(wrong):
    with pytest.raises(UserError):
        Fibonacci(**{"p": 7, "length": 8, **wrong})
