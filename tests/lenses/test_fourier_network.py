"""A network built by hand to add by Fourier waves: what every lens must say of it is known in closed form."""

import math
from dataclasses import dataclass

import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.lenses.causal_closure import causal_closure
from ontogeny.lenses.fourier_embedding import fourier_embedding
from ontogeny.lenses.key_frequencies import key_frequencies
from ontogeny.lenses.logit_periodicity import logit_periodicity
from ontogeny.lenses.neuron_fourier import neuron_fourier
from ontogeny.lenses.neuron_to_logit import neuron_to_logit
from ontogeny.lenses.progress_measures import progress_measures
from ontogeny.models.base import Forward
from ontogeny.models.sites import Made, weight
from ontogeny.models.transformer import Transformer
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

POST = "last:blocks.0.mlp.hook_post"


@dataclass(frozen=True)
class Prescribed:
    """Neurons that are given functions of (a, b), read out by W_out and W_U."""

    post: torch.Tensor

    axes = {
        "embed.W_E": ("token", "d_model"),
        "blocks.0.mlp.W_out": ("neuron", "d_model"),
        "unembed.W_U": ("d_model", "output"),
    }
    taps = {POST: ("example", "neuron")}
    roles = {
        "embedding": weight("embed.W_E"),
        "neurons": (POST,),
        "readout": (
            Made(
                ("blocks.0.mlp.W_out", "unembed.W_U"),
                lambda weights, _: weights["blocks.0.mlp.W_out"] @ weights["unembed.W_U"],
            ),
        ),
    }

    def forward(self, weights, inputs, *, read=(), edit=None):
        outputs = self.post @ weights["blocks.0.mlp.W_out"] @ weights["unembed.W_U"]
        return Forward(outputs, dict.fromkeys(read, self.post))


def waves(p, amplitudes):
    """cos, sin w_k(a + b) neurons and one constant neuron, such that logits = Σ_k A_k cos w_k(a + b − c) exactly."""
    x = torch.arange(p).double()
    a, b = (v.reshape(-1) for v in torch.meshgrid(x, x, indexing="ij"))
    post, rows = [], []
    for k, amplitude in amplitudes.items():
        w = 2 * math.pi * k / p
        for wave in (torch.cos, torch.sin):
            post.append(1 + wave(w * (a + b)))
            rows.append(amplitude * wave(w * x))
    post.append(torch.ones_like(a))
    rows.append(-torch.stack(rows).sum(0))  # undoes the ones that keep the neurons positive
    return torch.stack(post, -1), torch.stack(rows)


def subject(p, amplitudes, key=None):
    post, W_L = waves(p, amplitudes)
    task = ModularAddition(p=p, equals=True)
    W_E = torch.randn(p + 1, p, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = {"embed.W_E": W_E, "blocks.0.mlp.W_out": W_L, "unembed.W_U": torch.eye(p, dtype=torch.float64)}
    split = task.split(Key(0, "split"))
    model = Subject(Prescribed(post), weights, task.probe(), task.signature, CrossEntropy("float64"), split)
    model.results = {"neuron_fourier": values(neuron_fourier(model))}
    mask = torch.zeros(p // 2 + 1, dtype=torch.bool)
    mask[list(amplitudes if key is None else key)] = True
    model.final_results = {"key_frequencies": {"is_key": mask}}
    return model


def values(found):
    return {name: one.values for name, one in found.items()}


def loss_of(p, amplitudes):
    """Cross-entropy of Σ A_k cos w_k d at d = 0."""
    d = torch.arange(p).double()
    logits = sum(A * (2 * math.pi * k * d / p).cos() for k, A in amplitudes.items())
    return logits.logsumexp(0) - logits[0]


AMPLITUDES = {2: 3.0, 5: 4.0}


@pytest.mark.parametrize("source", ["logits", "neurons", "W_L"])
@pytest.mark.parametrize("rule", ["mean", "elbow"])
def test_key_frequencies_are_those_built_in(source, rule):
    found = values(key_frequencies(subject(13, AMPLITUDES), source=source, rule=rule, times_mean=1.5))
    assert found["is_key"].nonzero().flatten().tolist() == [2, 5]
    assert found["count"] == 2
    torch.testing.assert_close(found["share_explained"].item(), 1.0)
    if source != "neurons":  # energy goes with the square of the amplitude; the neurons all have amplitude 1
        torch.testing.assert_close(found["share"][[2, 5]], torch.tensor([0.36, 0.64], dtype=torch.float64))
    x = torch.arange(13).double()
    torch.testing.assert_close(
        found["interference"].double(),
        ((4 * math.pi * x / 13).cos() + (10 * math.pi * x / 13).cos()) / 2,
        atol=1e-6,
        rtol=0,
    )


def test_logits_are_wholly_periodic_and_rebuilt_by_the_key_frequencies():
    found = values(logit_periodicity(subject(13, AMPLITUDES)))
    torch.testing.assert_close(
        found["cos_coefficient"][[2, 5]], torch.tensor([3.0, 4.0], dtype=torch.float64)
    )
    torch.testing.assert_close(found["cos_similarity"][[2, 5]], torch.tensor([0.6, 0.8], dtype=torch.float64))
    assert found["sin_similarity"].abs().max() < 1e-12
    assert found["residual"] < 1e-6 and found["control_residual"] > 0.95
    torch.testing.assert_close(found["rebuilt_loss"], loss_of(13, AMPLITUDES))
    partly = values(logit_periodicity(subject(13, AMPLITUDES, key=[2])))
    torch.testing.assert_close(partly["residual"], torch.tensor(0.8, dtype=torch.float64))
    torch.testing.assert_close(partly["rebuilt_loss"], loss_of(13, {2: 3.0}))


def test_restricted_keeps_what_excluded_removes():
    p = 13
    whole = values(progress_measures(subject(p, AMPLITUDES)))
    torch.testing.assert_close(whole["restricted_loss"], loss_of(p, AMPLITUDES).expand(3))
    torch.testing.assert_close(whole["excluded_loss"], torch.full((3,), math.log(p), dtype=torch.float64))
    one = values(progress_measures(subject(p, AMPLITUDES, key=[2])))
    torch.testing.assert_close(one["restricted_loss"], loss_of(p, {2: 3.0}).expand(3))
    torch.testing.assert_close(one["excluded_loss"], loss_of(p, {5: 4.0}).expand(3))
    torch.testing.assert_close(one["restricted_ratio"], loss_of(p, {2: 3.0}) / loss_of(p, AMPLITUDES))


def test_at_even_p_the_highest_frequency_has_no_sine():
    post, W_L = waves(8, {4: 2.0})
    assert post[:, 1].var() < 1e-20 and W_L[1].abs().max() < 1e-12  # sin π(a + b)
    found = values(progress_measures(subject(8, {4: 2.0})))
    torch.testing.assert_close(found["restricted_loss"], loss_of(8, {4: 2.0}).expand(3))
    torch.testing.assert_close(
        values(logit_periodicity(subject(8, {4: 2.0})))["cos_coefficient"][4].item(), 2.0
    )


def test_neurons_are_specialised_in_their_frequency_and_the_constant_one_is_missing():
    found = values(neuron_fourier(subject(13, AMPLITUDES)))
    assert found["dominant_frequency"][:4].tolist() == [2, 2, 5, 5]
    torch.testing.assert_close(found["dominant_share"][:4], torch.ones(4, dtype=torch.float64))
    assert found["dominant_frequency"][4].isnan() and found["share"][:, 4].isnan().all()
    assert found["cluster_size"].tolist() == [0, 0, 2, 0, 0, 2, 0]
    torch.testing.assert_close(found["specialised"].item(), 0.8)
    assert found["control_max"] < 0.5


def test_clusters_write_at_their_frequency_and_feed_it_the_same_wave_of_the_sum():
    found = values(neuron_to_logit(subject(13, AMPLITUDES)))
    expected = torch.eye(7, dtype=torch.float64)[[2, 5]]
    torch.testing.assert_close(found["cluster_energy"][[2, 5]], expected)
    assert found["cluster_energy"][[0, 1, 3, 4, 6]].isnan().all()
    for harmonic, amplitude in ((3, 3.0), (4, 3.0), (9, 4.0), (10, 4.0)):
        torch.testing.assert_close(found["fed_share"][harmonic].item(), 1.0)
        # logits A cos w(s − c): along the unit wave over c the function is A √(p/2) cos w s, whose RMS is A √p / 2
        torch.testing.assert_close(found["fed_amplitude"][harmonic].item(), amplitude * 13**0.5 / 2)
    assert found["fed_amplitude"][[1, 2, 5, 6, 7, 8]].abs().max() < 1e-6


def test_key_frequencies_and_their_neurons_recover_everything_and_others_nothing():
    p = 13
    found = values(causal_closure(subject(p, AMPLITUDES)))
    full, none = loss_of(p, AMPLITUDES).item(), math.log(p)
    torch.testing.assert_close(found["full_loss"].item(), full)
    torch.testing.assert_close(found["none_loss"].item(), none)
    expected = torch.tensor([[full, none]] * 2, dtype=torch.float64)
    torch.testing.assert_close(found["loss"], expected)
    torch.testing.assert_close(found["recovered"], torch.tensor([[1.0, 0.0]] * 2, dtype=torch.float64))
    torch.testing.assert_close(found["control_loss"][0], torch.tensor([none, full], dtype=torch.float64))
    alone, without = loss_of(p, {2: 3.0}).item(), loss_of(p, {5: 4.0}).item()
    torch.testing.assert_close(found["cluster_loss"][2], torch.tensor([alone, without], dtype=torch.float64))
    assert found["cluster_loss"][3].isnan().all()


def test_embedding_on_two_circles_has_their_norms_and_orthogonal_directions():
    p, model = 13, subject(13, AMPLITUDES)
    x = torch.arange(p).double()
    W_E = torch.zeros(p + 1, p, dtype=torch.float64)
    for i, (k, radius) in enumerate({3: 1.0, 6: 2.0}.items()):
        W_E[:p, 2 * i] = radius * (2 * math.pi * k * x / p).cos()
        W_E[:p, 2 * i + 1] = radius * (2 * math.pi * k * x / p).sin()
    W_E[p] = 100  # the "=" token is not a number
    model.weights = {**model.weights, "embed.W_E": W_E}
    found = values(fourier_embedding(model))
    expected = torch.zeros(p, dtype=torch.float64)
    expected[[5, 6]], expected[[11, 12]] = (p / 2) ** 0.5, 2 * (p / 2) ** 0.5
    torch.testing.assert_close(found["embedding_norm"], expected)
    torch.testing.assert_close(
        found["embedding_share"][[3, 6]], torch.tensor([0.2, 0.8], dtype=torch.float64)
    )
    there = [5, 6, 11, 12]
    torch.testing.assert_close(found["gram"][there][:, there], torch.eye(4, dtype=torch.float64))
    torch.testing.assert_close(
        found["neuron_logit_share"][[2, 5]],
        values(key_frequencies(model, source="W_L"))["share"][[2, 5]],
    )


def test_neurons_of_an_earlier_layer_have_no_read_out():
    model = subject(13, AMPLITUDES)
    model.architecture = Transformer(n_layers=2)
    with pytest.raises(UserError, match="later layers read"):
        progress_measures(model, layer=0)
    assert "path to the logits is not linear" in progress_measures.obstacle(model, {"layer": 0})
