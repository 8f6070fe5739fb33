"""One circuit, built by hand in several families and under several names of the numbers: every lens must say the same of it.

    logit_c(a, b) = Σ_k A_k cos w_k(i + j − l),   i, j and l the elements that a, b and c are in the task's group

bilinear   four products of waves a frequency: cos cos, sin sin, sin cos, cos sin
mlp        x² in place of products: x y = ¼ (x + y)² − ¼ (x − y)², eight neurons a frequency
"""

import math

import pytest
import torch

from ontogeny.lenses.causal_closure import causal_closure
from ontogeny.lenses.distance_irrelevance import distance_irrelevance
from ontogeny.lenses.frequency_distribution import frequency_distribution
from ontogeny.lenses.key_frequencies import key_frequencies
from ontogeny.lenses.logit_periodicity import logit_periodicity
from ontogeny.lenses.neuron_fourier import neuron_fourier
from ontogeny.lenses.progress_measures import progress_measures
from ontogeny.models.bilinear import Bilinear
from ontogeny.models.mlp import MLP
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import (
    ModularAddition,
    ModularMultiplication,
    ModularPolynomial,
    ModularSubtraction,
)

P = 13
#: Prime to 12 and to 13, so that one answer is the largest in either group. Not the double of one another: x² makes doubles.
AMPLITUDES = {1: 3.0, 5: 4.0}
TASKS = {
    "addition": ModularAddition(p=P),
    "subtraction": ModularSubtraction(p=P),
    "multiplication": ModularMultiplication(p=P),
    "2a + 3b + 4": ModularPolynomial(p=P, aa=0, ab=0, bb=0, a=2, b=3, constant=4),
    "2ab + 3a + 5b + 1": ModularPolynomial(p=P, aa=0, ab=2, bb=0, a=3, b=5, constant=1),
}
FAMILIES = ("bilinear", "mlp")


def circuit(n):
    """Waves over n elements: first and second factor (unit, element), and what their product writes (unit, answer)."""
    i = torch.arange(n).double()
    first, second, written = [], [], []
    for k, amplitude in AMPLITUDES.items():
        cos, sin = (2 * math.pi * k * i / n).cos(), (2 * math.pi * k * i / n).sin()
        for x, y, out in ((cos, cos, cos), (sin, sin, -cos), (sin, cos, sin), (cos, sin, sin)):
            first.append(x)
            second.append(y)
            written.append(amplitude * out)
    return torch.stack(first), torch.stack(second), torch.stack(written)


def named(values, elements):
    """(unit, element) → (unit, number): zero for numbers that are no element."""
    return torch.zeros(len(values), P).double().index_copy(1, elements, values)


def subject(family, task):
    group = task.group
    first, second, written = circuit(group.n)
    x, y, out = named(first, group.a), named(second, group.b), named(written, group.answers)
    nothing = torch.zeros_like(x)
    if family == "bilinear":
        architecture = Bilinear(len(x))
        weights = {"W_l": torch.cat([x, nothing], -1), "W_r": torch.cat([nothing, y], -1), "W_p": out.mT}
    else:
        architecture = MLP(embedding="one_hot", activation="quadratic", d_mlp=2 * len(x))
        rows = torch.cat([torch.cat([x, y], -1), torch.cat([x, -y], -1)])
        weights = {"mlp.W_in": rows.mT, "mlp.W_out": torch.cat([out, -out]) / 4}
    model = Subject(
        architecture,
        weights,
        task.probe(),
        task.signature,
        CrossEntropy("float64"),
        task.split(Key(0, "split")),
    )
    model.results = {"neuron_fourier": values(neuron_fourier(model))}
    is_key = torch.zeros(group.n // 2 + 1, dtype=torch.bool)
    is_key[list(AMPLITUDES)] = True
    model.final_results = {"key_frequencies": {"is_key": is_key}}
    return model


def values(found):
    return {name: one.values for name, one in found.items()}


def loss(n, amplitudes=None):
    """Cross-entropy of Σ A_k cos w_k d at d = 0 over n answers."""
    d = torch.arange(n).double()
    logits = sum(A * (2 * math.pi * k * d / n).cos() for k, A in (amplitudes or AMPLITUDES).items())
    return logits.logsumexp(0) - logits[0]


@pytest.fixture(params=[(f, t) for f in FAMILIES for t in TASKS], ids=lambda one: " ".join(one))
def built(request):
    family, task = request.param
    return family, TASKS[task].group.n, subject(family, TASKS[task])


def test_the_network_answers_rightly_wherever_the_group_has_an_answer(built):
    _, n, model = built
    seen = model.in_group()
    assert (seen.outputs.argmax(-1) == seen.probe.labels).all() and len(seen.probe.labels) == n * n
    d = torch.arange(n)
    a, b, c = torch.meshgrid(d, d, d, indexing="ij")
    cube = sum(A * (2 * math.pi * k * (a + b - c).double() / n).cos() for k, A in AMPLITUDES.items())
    torch.testing.assert_close(seen.outputs, cube.flatten(0, 1))


@pytest.mark.parametrize("source", ["logits", "neurons", "W_L"])
def test_key_frequencies_are_the_characters_that_were_built_in(built, source):
    _, n, model = built
    found = key_frequencies(model, source=source)
    assert found["is_key"].values.nonzero().flatten().tolist() == list(AMPLITUDES)
    assert found["is_key"].values.shape == (n // 2 + 1,)
    if source != "neurons":  # energy goes with the square of the amplitude
        torch.testing.assert_close(
            found["share"].values[list(AMPLITUDES)], torch.tensor([0.36, 0.64]).double()
        )


def test_the_logits_are_wholly_periodic(built):
    _, n, model = built
    found = values(logit_periodicity(model))
    torch.testing.assert_close(found["cos_coefficient"][list(AMPLITUDES)], torch.tensor([3.0, 4.0]).double())
    assert found["residual"] < 1e-6 and found["sin_similarity"].abs().max() < 1e-9
    torch.testing.assert_close(found["rebuilt_loss"], loss(n))


def test_neurons_have_the_frequency_of_their_factors(built):
    """A product has all of its variance there; (x + y)² has x² and y² besides, at the double: 1/5 of it (x, y cosines or sines)."""
    family, n, model = built
    found = values(neuron_fourier(model, threshold=0.75))
    expected = [k for k in AMPLITUDES for _ in range(4)] * (2 if family == "mlp" else 1)
    assert found["dominant_frequency"].tolist() == expected
    share = 1.0 if family == "bilinear" else 0.8
    torch.testing.assert_close(
        found["dominant_share"], torch.full_like(found["dominant_share"], share), atol=1e-6, rtol=0
    )
    assert found["specialised"] == 1 and found["cluster_size"][1] == len(expected) // 2
    if family == "mlp":
        double = {k: min(2 * k, n - 2 * k) for k in AMPLITUDES}
        at = torch.tensor([double[k] for k in expected])
        rest = found["share"].gather(0, at[None])[0]
        torch.testing.assert_close(rest, torch.full_like(rest, 0.2), atol=1e-6, rtol=0)


def test_key_frequencies_alone_are_enough_and_without_them_nothing_is_left(built):
    _, n, model = built
    found = values(progress_measures(model))
    torch.testing.assert_close(found["restricted_loss"], loss(n).expand(3))
    torch.testing.assert_close(found["excluded_loss"], torch.full((3,), math.log(n)).double())
    model.final_results["key_frequencies"]["is_key"][5] = False
    one = values(progress_measures(model))
    torch.testing.assert_close(one["restricted_loss"], loss(n, {1: 3.0}).expand(3))
    torch.testing.assert_close(one["excluded_loss"], loss(n, {5: 4.0}).expand(3))


def test_what_is_left_of_the_neurons_does_what_it_was_built_for(built):
    _, n, model = built
    found = values(causal_closure(model, threshold=0.75))
    full, none = loss(n).item(), math.log(n)
    torch.testing.assert_close(found["loss"], torch.tensor([[full, none]] * 2).double())
    torch.testing.assert_close(found["recovered"], torch.tensor([[1.0, 0.0]] * 2).double(), atol=1e-6, rtol=0)
    alone = torch.tensor([loss(n, {5: 4.0}).item(), loss(n, {1: 3.0}).item()]).double()
    torch.testing.assert_close(found["cluster_loss"][5], alone)


def test_a_perfect_clock_has_no_distance_to_depend_on(built):
    *_, model = built
    assert distance_irrelevance(model)["irrelevance"].values.isnan()


@pytest.mark.parametrize("task", TASKS)
def test_a_quadratic_form_has_the_frequencies_of_its_operands(task):
    for family in FAMILIES:
        share = frequency_distribution(subject(family, TASKS[task]))["p"].values
        assert share.shape == (2, TASKS[task].group.n, TASKS[task].group.n // 2 + 1)
        if family == "bilinear":
            torch.testing.assert_close(
                share[..., list(AMPLITUDES)], torch.tensor([0.36, 0.64]).double().expand(*share.shape[:2], 2)
            )


def test_the_labelling_is_said():
    found = key_frequencies(subject("bilinear", TASKS["multiplication"]))
    assert found["share"].attrs["labelling"] == "discrete logarithms to base 2 modulo 13"
    assert "labelling" not in key_frequencies(subject("bilinear", TASKS["addition"]))["share"].attrs
