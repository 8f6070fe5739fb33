"""Clock and pizza: on circuits built by hand, whose two numbers are known, and against finite differences in NumPy."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from ontogeny.errors import UserError
from ontogeny.interventions.base import intervene
from ontogeny.lenses.distance_irrelevance import distance_irrelevance
from ontogeny.lenses.gradient_symmetricity import gradient_symmetricity
from ontogeny.models.base import Taps
from ontogeny.models.bilinear import Bilinear
from ontogeny.models.mlp import MLP
from ontogeny.models.module import ModuleArchitecture, from_module
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.lookup import rows
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.base import Probe, Signature
from ontogeny.tasks.modular import ModularAddition, ModularSubtraction


@dataclass(frozen=True)
class Circle:
    """Numbers on a circle of frequency k, x_a = e^{iwa}, and what is made of two of them.

    clock: Re(x_a x_b x̄_c) = cos w(a + b − c). pizza: with m = (x_a + x_b)/2, Re(m² x̄_c)/|m| = |cos(w(a − b)/2)| cos w(a + b − c).
    """

    how: Literal["clock", "pizza"]
    p: int
    k: int = 1

    axes = {"embed.W_E": ("token", "d_model")}
    taps = {"hook_embed": ("example", "position", "d_model")}
    roles = {"embedded": "hook_embed"}

    def points(self):
        angle = 2 * math.pi * self.k / self.p * torch.arange(self.p).double()
        return torch.stack([angle.cos(), angle.sin()], -1)

    def forward(self, weights, inputs, *, read=(), edit=None):
        tap = Taps(self.taps, read, edit)
        embedded = tap("hook_embed", rows(weights["embed.W_E"], inputs))
        x_a, x_b = torch.view_as_complex(embedded).unbind(-1)
        x_c = torch.view_as_complex(self.points())
        if self.how == "clock":
            both = x_a * x_b
        else:
            m = (x_a + x_b) / 2
            both = m**2 / m.abs()
        return tap.forward((both.unsqueeze(-1) * x_c.conj()).real)


def subject(architecture, weights, task):
    return Subject(architecture, weights, task.probe(), task.signature, CrossEntropy())


def circle(how, p=13, k=2):
    architecture = Circle(how, p, k)
    return subject(architecture, {"embed.W_E": architecture.points()}, ModularAddition(p=p))


def numbers(model, **options):
    return {name: one.values for name, one in gradient_symmetricity(model, **options).items()}


def test_a_pizza_is_symmetric_and_its_right_answers_depend_on_the_distance_alone():
    model = circle("pizza")
    assert numbers(model, samples=0)["symmetricity"].item() == pytest.approx(1, abs=1e-9)
    found = distance_irrelevance(model)
    assert found["irrelevance"].values.item() == pytest.approx(0, abs=1e-9)
    w = 2 * math.pi * 2 / 13
    assert found["spread"].values.item() == pytest.approx(np.std(np.abs(np.cos(w * np.arange(13) / 2))))


def test_the_operands_of_a_clock_pull_at_the_angle_between_them():
    """∂Q/∂x_a = (cos φ_b, −sin φ_b) with φ_b = w(b − c), so the cosine is cos w(a − b): 0 over all pairs."""
    model = circle("clock")
    assert numbers(model, samples=0)["symmetricity"].item() == pytest.approx(0, abs=1e-9)
    irrelevance = distance_irrelevance(model)["irrelevance"].values
    assert irrelevance.isnan()  # one logit for every right answer
    probe = model.probe
    near = (probe.inputs[:, 0] - probe.inputs[:, 1]) % 13 == 1
    pairs = Probe(probe.inputs[near], probe.labels[near], grid={"a": 13, "b": 1}, period=13)
    at_distance_1 = replace(model, probe=pairs)
    expected = pytest.approx(math.cos(4 * math.pi / 13))
    assert numbers(at_distance_1, samples=0)["symmetricity"].item() == expected


def test_a_sample_says_how_far_it_may_be_from_all_triples():
    model = circle("clock")
    drawn = [numbers(model, samples=200, seed=seed) for seed in range(40)]
    far = [abs(one["symmetricity"].item()) / one["standard_error"].item() for one in drawn]
    assert 0.4 < np.median(far) < 1.0 and max(far) < 4  # .67 for a normal error
    assert numbers(model, samples=200)["symmetricity"] == drawn[0]["symmetricity"]
    assert numbers(model, samples=0)["standard_error"] == 0


def transformer(p, seed=0, **fields):
    architecture = Transformer(n_heads=2, d_model=6, d_head=3, d_mlp=8, **fields)
    task = ModularAddition(p=p, equals=True)
    weights = architecture.init(task.signature, Key(seed, "init"))
    return subject(architecture, {name: 2 * w.double() for name, w in weights.items()}, task)


def perceptron(p, seed=0, **fields):
    architecture = MLP(d_embed=6, d_mlp=8, bias=True, **fields)
    task = ModularAddition(p=p)
    weights = architecture.init(task.signature, Key(seed, "init"))
    return subject(architecture, {name: w.double() for name, w in weights.items()}, task)


def numpy_transformer(weights, x):
    """Logits at the last position for embedded tokens x (position, d_model)."""
    w = {name: value.numpy() for name, value in weights.items()}
    x = x + w["pos_embed.W_pos"]
    mid = x[-1].copy()
    for h in range(2):
        q, k, v = (x @ w[f"blocks.0.attn.W_{m}"][h] for m in "QKV")
        scores = np.exp(q[-1] @ k.T / np.sqrt(3))
        mid += scores / scores.sum() @ v @ w["blocks.0.attn.W_O"][h]
    out = mid + np.maximum(mid @ w["blocks.0.mlp.W_in"], 0) @ w["blocks.0.mlp.W_out"]
    return out @ w["unembed.W_U"]


def numpy_perceptron(weights, x):
    w = {name: value.numpy() for name, value in weights.items()}
    hidden = np.maximum(x.reshape(-1) @ w["mlp.W_in"] + w["mlp.b_in"], 0)
    return hidden @ w["mlp.W_out"] + w["mlp.b_out"]


def by_differences(model, logits_of, step=1e-6):
    """The mean cosine over all triples from central differences of an implementation that shares nothing with ours."""
    W_E, p = model.weights["embed.W_E"].numpy(), model.probe.period
    cosines = []
    for tokens in model.probe.inputs.numpy():
        x = W_E[tokens]
        jacobian = np.zeros((2, x.shape[1], p))
        for place in np.ndindex(2, x.shape[1]):
            up, down = x.copy(), x.copy()
            up[place] += step
            down[place] -= step
            jacobian[place] = (logits_of(model.weights, up) - logits_of(model.weights, down)) / (2 * step)
        a, b = jacobian / np.linalg.norm(jacobian, axis=1, keepdims=True)
        cosines.append((a * b).sum(0))
    return np.mean(cosines)


@pytest.mark.parametrize(
    ("build", "reference"), [(transformer, numpy_transformer), (perceptron, numpy_perceptron)]
)
def test_gradients_are_those_of_finite_differences(build, reference):
    model = build(5)
    at = int(model.probe.inputs.shape[0] // 2)
    expected = reference(model.weights, model.weights["embed.W_E"].numpy()[model.probe.inputs[at].numpy()])
    np.testing.assert_allclose(model.outputs[at].numpy(), expected, rtol=1e-9)
    found = numbers(model, samples=0)["symmetricity"].item()
    assert abs(found) < 0.99
    assert found == pytest.approx(by_differences(model, reference), abs=1e-6)


def test_networks_that_are_built_symmetric_have_1_whatever_they_learned():
    uniform = transformer(7)
    uniform.weights["blocks.0.attn.W_Q"] = torch.zeros_like(uniform.weights["blocks.0.attn.W_Q"])
    for model in (uniform, perceptron(7, combine="sum")):
        assert numbers(model, samples=100)["symmetricity"].item() == pytest.approx(1)


def test_operands_that_pull_against_one_another_and_at_right_angles():
    model = perceptron(7)
    W_in = model.weights["mlp.W_in"]
    W_in[6:] = -W_in[:6]
    assert numbers(model, samples=100)["symmetricity"].item() == pytest.approx(-1)
    W_in[:6, :], W_in[6:, :] = 0, 0
    W_in[:3] = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    W_in[9:] = W_in[:3]  # a is read in coordinates 0 to 2, b in 3 to 5
    assert numbers(model, samples=100)["symmetricity"].item() == pytest.approx(0, abs=1e-12)


def test_an_operand_that_is_not_read_has_no_direction():
    model = perceptron(7)
    model.weights["mlp.W_in"][6:] = 0
    found = numbers(model, samples=50)
    assert found["symmetricity"].isnan() and found["missing"] == 1


@pytest.mark.parametrize("build", [transformer, perceptron])
def test_a_stack_of_models_is_each_model(build, monkeypatch):
    monkeypatch.setattr("ontogeny.lenses.gradient_symmetricity.AT_ONCE", 64)  # several passes
    each = [build(5, seed) for seed in range(3)]
    stacked = {name: torch.stack([m.weights[name] for m in each]) for name in each[0].weights}
    together = subject(each[0].architecture, stacked, ModularAddition(p=5, equals=build is transformer))
    torch.testing.assert_close(
        numbers(together, samples=70)["symmetricity"],
        torch.stack([numbers(m, samples=70)["symmetricity"] for m in each]),
    )
    torch.testing.assert_close(
        distance_irrelevance(together)["irrelevance"].values,
        torch.stack([distance_irrelevance(m)["irrelevance"].values for m in each]),
    )


class Theirs(nn.Module):
    """Somebody's own perceptron, its embedding named as TransformerLens names it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Module()
        self.embed.W_E = nn.Parameter(torch.zeros(5, 6))
        self.hook_embed = nn.Identity()
        self.hidden, self.out = nn.Linear(12, 8), nn.Linear(8, 5)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.out(self.hidden(self.hook_embed(self.embed.W_E[tokens]).flatten(-2)).relu())


def test_somebody_elses_module_is_seen_by_its_names():
    native = perceptron(5)
    spec = from_module(Theirs)
    theirs = {
        "embed.W_E": native.weights["embed.W_E"],
        "hidden.weight": native.weights["mlp.W_in"].mT,
        "hidden.bias": native.weights["mlp.b_in"],
        "out.weight": native.weights["mlp.W_out"].mT,
        "out.bias": native.weights["mlp.b_out"],
    }
    stacked = {name: torch.stack([w, w]) for name, w in theirs.items()}
    for weights in (theirs, stacked):
        model = subject(ModuleArchitecture(spec["factory"]), weights, ModularAddition(p=5))
        found = numbers(model, samples=60)["symmetricity"]
        torch.testing.assert_close(found, numbers(native, samples=60)["symmetricity"].expand_as(found))


def test_it_is_of_the_model_under_its_interventions():
    model = transformer(7)
    even = intervene(
        model, {"kind": "zero_ablate", "tap": "blocks.0.attn.hook_attn_scores"}
    )  # attends to all alike
    assert numbers(model, samples=100)["symmetricity"] < 0.99
    assert numbers(even, samples=100)["symmetricity"].item() == pytest.approx(1)


def test_one_hot_inputs_are_their_own_embedding():
    """A perceptron on one-hot inputs is one whose embedding is the identity, and must be as symmetric as that."""
    task, p = ModularAddition(p=5), 5
    hot, table = MLP(embedding="one_hot", d_mlp=8), MLP(d_embed=p, d_mlp=8)
    weights = {name: w.double() for name, w in hot.init(task.signature, Key(0, "init")).items()}
    found = numbers(subject(hot, weights, task), samples=0)["symmetricity"]
    embedded = subject(table, {**weights, "embed.W_E": torch.eye(p).double()}, task)
    torch.testing.assert_close(found, numbers(embedded, samples=0)["symmetricity"])
    assert found.abs() < 0.99


def test_the_operands_of_subtraction_are_a_and_minus_b():
    """The same weights, the second operand counted backwards: no other network, and no other distance."""
    plus, minus = ModularAddition(p=5), ModularSubtraction(p=5)
    weights = Bilinear(3).init(plus.signature, Key(0, "init"))
    turned = dict(weights)
    for name in ("W_l", "W_r"):
        a, b = weights[name].split(5, -1)
        turned[name] = torch.cat([a, b[:, -torch.arange(5) % 5]], -1)
    there, back = (subject(Bilinear(3), w, t) for w, t in ((weights, plus), (turned, minus)))
    for name, one in distance_irrelevance(there).items():
        torch.testing.assert_close(one.values, distance_irrelevance(back)[name].values)


def test_answers_at_every_position_are_refused():
    task = ModularAddition(p=5)
    everywhere = Transformer(n_heads=1, d_model=4, d_head=4, d_mlp=4, read_at="all")
    model = subject(everywhere, everywhere.init(Signature(5, vocab=5, positions=2), Key(0, "init")), task)
    for one in (gradient_symmetricity, distance_irrelevance):
        with pytest.raises(UserError, match="shape"):
            one(model)
