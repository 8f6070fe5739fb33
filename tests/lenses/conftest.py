"""Networks whose every number is known, for the lenses of arithmetic."""

from collections.abc import Callable

import pytest
import torch

from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.base import Probe, Signature

P, OUTPUTS = 10, 20


def addition_probe() -> Probe:
    a, b = (x.reshape(-1) for x in torch.meshgrid(torch.arange(P), torch.arange(P), indexing="ij"))
    return Probe(torch.stack([a, b, torch.full_like(a, P)], -1), a + b, grid={"a": P, "b": P}, period=P)


def subject_of(architecture, weights, **more) -> Subject:
    split = {"train": torch.arange(0, 100, 2), "test": torch.arange(1, 100, 2)}
    signature = Signature(OUTPUTS, vocab=P + 1, positions=3)
    return Subject(architecture, weights, addition_probe(), signature, CrossEntropy("float64"), split, **more)


@pytest.fixture
def random_weights() -> Callable[[int], dict]:
    """Weights of a small transformer by seed, large enough that attention is not uniform and logits differ."""
    architecture = Transformer(n_heads=2, d_model=16, d_head=8, d_mlp=24)

    def of(seed: int) -> dict:
        key = Key(seed, "init")
        weights = architecture.init(Signature(OUTPUTS, vocab=P + 1, positions=3), key)
        return {name: 2 * w for name, w in weights.items()}

    return of


@pytest.fixture
def random_subject(random_weights) -> Callable[..., Subject]:
    """A small random transformer, or a stack of them: ``random_subject(0)``, ``random_subject(0, 1)``."""
    architecture = Transformer(n_heads=2, d_model=16, d_head=8, d_mlp=24)

    def of(*seeds: int) -> Subject:
        each = [random_weights(seed) for seed in seeds]
        weights = {n: torch.stack([w[n] for w in each]) if len(each) > 1 else each[0][n] for n in each[0]}
        return subject_of(architecture, weights)

    return of


@pytest.fixture
def adder() -> Callable[..., Subject]:
    """A network that adds by hand: ``adder(line, parabola)``.

    Token k is embedded as line·(k − 4.5) on axis 0 and parabola·((k − 4.5)² − 8.25) on axis 1; attention is uniform, so with
    W_V W_O = 3 the last position holds the sum over a and b; axis 3 is the constant 1. Neurons (before the ReLU):

        0: a + b    1: constant 1    2: S₂    3: −S₂ + 1    4: −1 (dead)    5: (a + b) − 9    with S₂ = both parabolas

    and logits are 2c·(a + b) − c², largest at c = a + b: neurons 0 and 1 write alone, through axes 4 and 5, which nothing else
    uses.
    """

    def of(line: float = 1.0, parabola: float = 0.01) -> Subject:
        architecture = Transformer(n_heads=1, d_model=8, d_head=8, d_mlp=6)
        k = torch.arange(P) - 4.5
        W_E, W_pos, W_in, W_out = (torch.zeros(*s) for s in ((P + 1, 8), (3, 8), (8, 6), (6, 8)))
        W_E[:P, 0], W_E[:P, 1] = line * k, parabola * (k**2 - 8.25)
        W_pos[2, 3] = 0.5  # 0.5 by itself and 0.5 through attention: the constant 1
        W_in[0, 0], W_in[3, 0] = 1 / line, 9.0
        W_in[3, 1] = 1.0
        W_in[1, 2] = 1.0
        W_in[1, 3], W_in[3, 3] = -1.0, 1.0
        W_in[3, 4] = -1.0
        W_in[0, 5] = 1 / line
        W_out[0, 4] = W_out[1, 5] = 1.0
        c = torch.arange(float(OUTPUTS))
        W_U = torch.zeros(8, OUTPUTS)
        W_U[4], W_U[5] = 2 * c, -(c**2)
        zero, eye = torch.zeros(1, 8, 8), torch.eye(8)[None]
        weights = {
            "embed.W_E": W_E,
            "pos_embed.W_pos": W_pos,
            "blocks.0.attn.W_Q": zero,
            "blocks.0.attn.W_K": zero,
            "blocks.0.attn.W_V": 3 * eye,
            "blocks.0.attn.W_O": eye,
            "blocks.0.mlp.W_in": W_in,
            "blocks.0.mlp.W_out": W_out,
            "unembed.W_U": W_U,
        }
        return subject_of(architecture, weights)

    return of
