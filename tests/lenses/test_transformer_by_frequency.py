"""Random transformers: the short algebra against the long definition, and stacks against single models."""

import math

import pytest
import torch

from ontogeny.axes import dataset
from ontogeny.lenses.attention_by_frequency import attention_by_frequency
from ontogeny.lenses.causal_closure import causal_closure
from ontogeny.lenses.fourier_embedding import fourier_embedding
from ontogeny.lenses.gradient_by_frequency import gradient_by_frequency
from ontogeny.lenses.key_frequencies import key_frequencies
from ontogeny.lenses.logit_periodicity import logit_periodicity
from ontogeny.lenses.neuron_fourier import neuron_fourier
from ontogeny.lenses.neuron_to_logit import neuron_to_logit
from ontogeny.lenses.predictions import predictions
from ontogeny.lenses.progress_measures import progress_measures
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

ARCHITECTURE = Transformer(n_heads=2, d_model=16, d_head=8, d_mlp=24)
LENSES = (
    attention_by_frequency,
    causal_closure,
    fourier_embedding,
    gradient_by_frequency,
    key_frequencies,
    logit_periodicity,
    neuron_fourier,
    neuron_to_logit,
    predictions,
    progress_measures,
)


def subject(weights, p):
    task = ModularAddition(p=p, train_fraction=0.4, equals=True)
    split = task.split(Key(1, "split"))
    model = Subject(ARCHITECTURE, weights, task.probe(), task.signature, CrossEntropy("float64"), split)
    model.results = {"neuron_fourier": {n: x.values for n, x in neuron_fourier(model).items()}}
    model.final_results = {"key_frequencies": {"is_key": torch.arange(p // 2 + 1) % 3 == 1}}
    return model


def weights(p, seed):
    found = ARCHITECTURE.init(ModularAddition(p=p, equals=True).signature, Key(seed, "init"))
    return {name: 3 * w.double() for name, w in found.items()}


@pytest.mark.parametrize("look", LENSES, ids=lambda look: look.name)
@pytest.mark.parametrize("p", [7, 8])
def test_a_stack_of_models_is_each_model(look, p):
    each = [weights(p, seed) for seed in range(2)]
    stacked = {name: torch.stack([w[name] for w in each]) for name in each[0]}
    options = {"threshold": 0.3} if look in (causal_closure, neuron_to_logit) else {}
    together = dataset(look(subject(stacked, p), **options), leading=("run",))
    for i, one in enumerate(each):
        alone = dataset(look(subject(one, p), **options))
        for name in alone:
            torch.testing.assert_close(
                torch.from_numpy(together[name][i].to_numpy().copy()),
                torch.from_numpy(alone[name].to_numpy().copy()),
                equal_nan=True,
            )


@pytest.mark.parametrize("p", [7, 8])
def test_progress_measures_are_the_published_definition(p):
    model = subject(weights(p, 0), p)
    found = progress_measures(model)
    post = model.tap("last:blocks.0.mlp.hook_post")
    mid = model.tap("last:blocks.0.hook_resid_mid")
    W_out, W_U = model.weights["blocks.0.mlp.W_out"], model.weights["unembed.W_U"]
    a, b = model.probe.inputs[:, 0].double(), model.probe.inputs[:, 1].double()
    part = torch.zeros_like(post)
    for k in model.final("key_frequencies", "is_key").nonzero().flatten().tolist():
        w = 2 * math.pi * k / p
        directions = [(w * (a + b)).cos()] + ([(w * (a + b)).sin()] if 2 * k != p else [])
        for direction in directions:
            unit = direction / direction.norm()
            part += unit[:, None] * (unit @ post)
    mean = post.mean(0)
    restricted = (mean + part) @ W_out @ W_U
    restricted = restricted - restricted.mean(0) + model.outputs.mean(0)
    excluded = (mid + (post - part) @ W_out) @ W_U
    for i, rows in enumerate(model.split.values()):
        label = model.probe.labels[rows]
        for logits, name in ((restricted, "restricted_loss"), (excluded, "excluded_loss")):
            torch.testing.assert_close(
                found[name].values[i], torch.nn.functional.cross_entropy(logits[rows], label)
            )
            accuracy = (logits[rows].argmax(-1) == label).double().mean()
            torch.testing.assert_close(found[name.replace("loss", "accuracy")].values[i].double(), accuracy)
    torch.testing.assert_close(restricted + excluded, model.outputs + model.outputs.mean(0))


def test_gradient_energy_is_that_of_the_gradient_and_of_small_steps_along_it():
    p, model = 7, subject(weights(7, 0), 7)
    energy = gradient_by_frequency(model)["energy"].values  # (matrix, split, frequency)
    grad = model.gradients["train"]
    number_rows = grad["embed.W_E"][:p]
    torch.testing.assert_close(energy[0, 0].sum(), (number_rows - number_rows.mean(0)).square().sum())
    eps = 1e-6
    moved = {name: w + eps * grad[name] for name, w in model.weights.items()}

    def W_L(w):
        return w["blocks.0.mlp.W_out"] @ w["unembed.W_U"]

    change = (W_L(moved) - W_L(model.weights)) / eps
    change = change - change.mean(-1, keepdim=True)
    torch.testing.assert_close(energy[2, 0].sum(), change.square().sum(), rtol=1e-4, atol=0)


def test_attention_to_one_token_by_a_wave_of_one_number_has_its_frequency():
    p, k = 7, 2
    w = {name: torch.zeros_like(x) for name, x in weights(p, 0).items()}
    x = torch.arange(p).double()
    w["embed.W_E"][:p, 0] = 1e-3 * (2 * math.pi * k * x / p).cos()  # small: softmax is linear
    w["embed.W_E"][p, 1] = 1
    w["blocks.0.attn.W_Q"][0, 1, 0] = w["blocks.0.attn.W_K"][0, 0, 0] = 1
    found = attention_by_frequency(subject(w, p))
    assert (found["dominant_frequency"].values[0] == k).all()
    assert (found["dominant_share"].values[0] > 0.999).all()
    assert found["share"].values[:, 1].isnan().all()  # the second head is constant
    torch.testing.assert_close(found["mean"].values, torch.full((2, 3), 1 / 3, dtype=torch.float64))
