"""Spectra of weights and logits planted in the weights, and paths of known shape."""

import pytest
import torch

from ontogeny import axes
from ontogeny.errors import UserError
from ontogeny.lenses.embedding_spectrum import embedding_spectrum
from ontogeny.lenses.logit_reconstruction import logit_reconstruction
from ontogeny.lenses.readout import readout
from ontogeny.lenses.readout_spectrum import readout_spectrum
from ontogeny.lenses.trajectory import trajectory
from ontogeny.lenses.weight_spectra import weight_spectra
from ontogeny.lenses.wl_pca import wl_pca
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import lenses
from ontogeny.subject import Subject
from ontogeny.tasks.base import Probe, Signature

OURS = [
    "ablated_neurons",
    "attention",
    "embedding_ablation",
    "embedding_geometry",
    "embedding_spectrum",
    "error_grid",
    "flips",
    "grid_activations",
    "linear_probe",
    "logit_reconstruction",
    "neuron_correlation",
    "polynomial_fit",
    "readout",
    "readout_spectrum",
    "skip_ablation",
    "weight_spectra",
    "wl_pca",
]
C = 2 * torch.pi * torch.arange(20) / 20


@pytest.fixture
def waves(random_subject):
    """Neurons write 3·(±1)·cos 3 and (±1)·sin 5 over the outputs; the embedding is one wave of frequency 2."""
    model = random_subject(0)
    n = torch.arange(24)
    W_out, W_U, W_E = (
        torch.zeros_like(model.weights[k]) for k in ("blocks.0.mlp.W_out", "unembed.W_U", "embed.W_E")
    )
    W_out[:, 0], W_out[:, 1] = 3.0 * (-1.0) ** n, (-1.0) ** (n // 2)
    W_U[0], W_U[1] = torch.cos(3 * C), torch.sin(5 * C)
    W_E[:10, 0] = torch.sin(2 * torch.pi * 2 * torch.arange(10) / 10 + 0.3)
    model.weights |= {"blocks.0.mlp.W_out": W_out, "unembed.W_U": W_U, "embed.W_E": W_E}
    return model


def test_planted_waves_are_the_components_of_the_readout(waves):
    said = wl_pca(waves)
    torch.testing.assert_close(said["explained"].values[:2], torch.tensor([0.9, 0.1]))
    assert said["frequency_nearest"].values[:2].tolist() == [3, 5]
    cosine = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(said["cosine"].values[:2].abs(), cosine, atol=1e-5, rtol=0)
    torch.testing.assert_close(said["wave"].values[:2], torch.ones(2))


def test_planted_waves_are_the_spectrum_of_the_readout_and_of_the_embedding(waves):
    said = readout_spectrum(waves)
    assert said["norm"].values.nonzero()[:, 0].numel() >= 2
    torch.testing.assert_close(said["norm"].values[[3, 5]], torch.tensor([24 * 90.0, 24 * 10.0]).sqrt())
    torch.testing.assert_close(said["share"].values[[3, 5]], torch.tensor([0.9, 0.1]))
    torch.testing.assert_close(said["norm_active"].values[:, 3], torch.full((2,), 90.0).sqrt())
    torch.testing.assert_close(embedding_spectrum(waves)["share"].values[2].item(), 1.0)
    torch.testing.assert_close(readout(waves)["W_L"].values[0], 3 * torch.cos(3 * C) + torch.sin(5 * C))


def test_logits_at_one_input_are_rebuilt_in_full_and_judged_by_their_argmax(adder):
    said = logit_reconstruction(adder(), a=3, b=5)
    torch.testing.assert_close(said["rebuilt"].values[-1], said["logits"].values, atol=1e-3, rtol=1e-5)
    assert said["right"].values[-1] and (said["explained"].values.diff() >= 0).all()
    expected = said["rebuilt"].values.argmax(-1) == 8
    assert torch.equal(said["right"].values, expected) and not expected.all()
    with pytest.raises(UserError, match="no input"):
        logit_reconstruction(adder(), a=3, b=10)


@pytest.mark.parametrize("name", OURS)
def test_a_stack_of_models_says_what_each_says_alone_and_every_array_is_labelled(name, random_subject):
    lens = lenses[name]
    stacked, alone = lens(random_subject(0, 1)), [lens(random_subject(seed)) for seed in (0, 1)]
    data = axes.dataset(stacked, leading=("step",))
    assert all(v.attrs["long_name"] for v in data.data_vars.values())
    for i in (0, 1):
        axes.dataset(alone[i])
        for key, one in alone[i].items():
            if key in TIES.get(name, ()):
                continue
            torch.testing.assert_close(
                torch.as_tensor(stacked[key].values)[i].double(),
                torch.as_tensor(one.values).double(),
                atol=2e-4,
                rtol=2e-3,
                equal_nan=True,
                msg=lambda text, key=key: f"{name}.{key}: {text}",
            )


#: Of components without variance: their direction is rounding.
TIES = {
    "wl_pca": ("components", "cosine", "wave", "frequency_nearest"),
    "embedding_geometry": ("correlation",),
}


def bilinear_run(path: list[dict], steps: tuple[int, ...]) -> Subject:
    weights = {name: torch.stack([w[name] for w in path]) for name in path[0]}
    probe = Probe(torch.zeros(1, 2, dtype=torch.long), torch.zeros(1, dtype=torch.long))
    return Subject(Bilinear(4), weights, probe, Signature(5, 5, 2), CrossEntropy(), steps=steps)


def test_a_straight_path_has_one_component_and_one_velocity():
    start, way = (Bilinear(4).init(Signature(5, 5, 2), Key(seed, "init")) for seed in (0, 1))
    steps = (0, 10, 20, 50)
    said = trajectory(bilinear_run([{n: start[n] + t * way[n] for n in start} for t in steps], steps))
    groups = list(said["scores"].coords["group"])
    assert groups == ["all", "W_l", "W_r", "W_p"]
    speed = torch.tensor(
        [sum(w.square().sum() for w in way.values()), *(way[g].square().sum() for g in groups[1:])]
    ).sqrt()
    torch.testing.assert_close(
        said["velocity"].values[:, 1:].float(), speed[:, None].expand(4, 3), rtol=1e-4, atol=0
    )
    assert said["velocity"].values[:, 0].isnan().all()
    torch.testing.assert_close(
        said["from_init"].values.float(), speed[:, None] * torch.tensor(steps), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(said["to_end"].values[:, 0], said["from_init"].values[:, -1])
    torch.testing.assert_close(said["explained"].values[:, 0], torch.ones(4).double())
    axes.dataset(said)


def test_the_path_has_the_principal_components_of_its_flattened_weights():
    from sklearn.decomposition import PCA

    path = [Bilinear(4).init(Signature(5, 5, 2), Key(seed, "init")) for seed in range(5)]
    said = trajectory(bilinear_run(path, (0, 1, 2, 3, 4)), components=4)
    flat = torch.stack([torch.cat([w.reshape(-1) for w in one.values()]) for one in path]).double().numpy()
    reference = PCA(4).fit(flat)
    torch.testing.assert_close(
        said["explained"].values[0], torch.tensor(reference.explained_variance_ratio_), rtol=1e-6, atol=1e-9
    )
    torch.testing.assert_close(
        said["scores"].values[0].abs(), torch.tensor(reference.transform(flat)).abs(), rtol=1e-5, atol=1e-8
    )


def test_a_single_model_has_no_path(random_subject):
    with pytest.raises(UserError, match="two or more steps"):
        trajectory(random_subject(0))


def test_spectra_of_weights_name_every_matrix_and_head_and_work_for_any_architecture(random_subject):
    model = random_subject(0)
    model.weights["blocks.0.attn.W_Q"][1] = 0
    model.weights["blocks.0.mlp.W_in"] = torch.eye(16, 24)
    said = weight_spectra(model)
    names = list(said["singular_values"].coords["matrix"])
    assert "blocks.0.attn.W_Q[1]" in names and "embed.W_E" in names
    assert said["participation_ratio"].values[names.index("blocks.0.attn.W_Q[1]")].isnan()
    assert said["participation_ratio"].values[names.index("blocks.0.mlp.W_in")].item() == pytest.approx(16)
    torch.testing.assert_close(
        said["norm"].values[names.index("embed.W_E")], model.weights["embed.W_E"].norm()
    )
    ours = weight_spectra(bilinear_run([Bilinear(4).init(Signature(5, 5, 2), Key(0, "init"))], (0,)))
    assert list(ours["singular_values"].coords["matrix"]) == ["W_l", "W_r", "W_p"]
    assert ours["singular_values"].values.shape == (1, 3, 4)
