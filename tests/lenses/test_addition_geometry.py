"""Lenses on embeddings, neurons and their fits, on a network built by hand and against scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import PolynomialFeatures

from ontogeny.errors import UnknownName, UserError
from ontogeny.interventions.base import intervene
from ontogeny.interventions.replace_by_function import ReplaceByFunction
from ontogeny.lenses.embedding_geometry import embedding_geometry
from ontogeny.lenses.linear_probe import linear_probe
from ontogeny.lenses.neuron_correlation import neuron_correlation
from ontogeny.lenses.polynomial_fit import FITS, polynomial_fit

VARIABLES = ["a", "b", "a + b", "PC1(a)", "PC1(b)", "PC2(a)", "PC2(b)"]


def test_a_line_and_a_parabola_are_found_with_their_shares(adder):
    said = embedding_geometry(adder(line=1.0, parabola=0.1))
    line, parabola = 82.5, 0.01 * 528  # Σ (k − 4.5)² and Σ ((k − 4.5)² − 8.25)²
    share = torch.tensor([line, parabola]) / (line + parabola)
    torch.testing.assert_close(said["explained"].values[:2], share)
    torch.testing.assert_close(said["cumulative"].values[1].item(), 1.0)
    torch.testing.assert_close(said["correlation"].values[:2, :2], torch.eye(2).double(), atol=1e-5, rtol=0)
    torch.testing.assert_close(said["scores"].values[:, 0], torch.arange(10) - 4.5, atol=1e-5, rtol=0)


def test_parity_is_found_and_told_from_a_parabola(adder):
    model = adder(parabola=0.0)
    model.weights["embed.W_E"][:10, 1] = 1 - 2 * (torch.arange(10) % 2)
    line, parabola, parity = embedding_geometry(model)["correlation"].values[1]
    assert abs(parity) > 0.98 and abs(parabola) < 0.05 and abs(line) < 0.05


def test_the_gaussian_control_is_seeded_flat_and_falls(random_subject):
    one, same = (embedding_geometry(random_subject(0))["explained_gaussian"].values for _ in range(2))
    other = embedding_geometry(random_subject(0), seed=1)["explained_gaussian"].values
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one[0] < 0.4 and (one.diff() < 0).all() and one.sum().item() == pytest.approx(1)


def test_correlations_agree_with_numpy_and_constant_neurons_are_nan(adder, random_subject):
    r = neuron_correlation(adder())["r"].values
    with_sum = r[:, :, VARIABLES.index("a + b")]
    assert with_sum[0].isnan().tolist() == [False, True, False, False, True, False]
    assert with_sum[1].isnan().tolist() == [False, True, False, False, True, False]
    assert with_sum[:, 0].tolist() == pytest.approx([1, 1])

    model = random_subject(0)
    r = neuron_correlation(model)["r"].values
    a, b = np.divmod(np.arange(100), 10)
    post = model.tap("last:blocks.0.mlp.hook_post").double().numpy()
    for column, variable in ((0, a), (1, b), (2, a + b)):
        expected = [np.corrcoef(post[:, i], variable)[0, 1] for i in range(24)]
        np.testing.assert_allclose(r[1, :, column], expected, atol=1e-9)


def test_counts_groups_and_the_readout_of_the_most_correlated_neuron(adder):
    said = neuron_correlation(adder(), top=1)
    assert said["constant"].values.tolist() == [2, 2]
    # neurons 0 and 5 before the ReLU; 2, 3 are uncorrelated
    assert said["group_size"].values[0].tolist() == [
        2,
        0,
        0,
        0,
    ]
    assert said["above"].values[:, VARIABLES.index("a + b")].tolist() == [2, 1]
    assert said["top_neuron"].values.tolist() == [0]
    torch.testing.assert_close(said["mean"].values, 2 * torch.arange(20.0))
    assert said["share_near_zero"].values.tolist() == [1.0] + [0.0] * 19
    assert said["share_positive"].values.tolist() == [0.0] + [1.0] * 19


def test_polynomials_fit_a_network_of_polynomials_and_say_nan_of_constants(adder):
    said = polynomial_fit(adder(parabola=0.1))
    pre, post = said["r2"].values
    constant = torch.tensor([False, True, False, False, True, False])
    assert torch.equal(pre[0].isnan(), constant)
    torch.testing.assert_close(pre[:, ~constant], torch.ones(3, 4).double())
    assert post[FITS.index("quadratic"), 0].item() == pytest.approx(1)
    assert post[FITS.index("quadratic"), 5].item() < 0.99  # ReLU(a + b − 9) is no parabola
    mean, median, low, high, *above = said["summary"].values[0, 1].tolist()
    assert (mean, median, low, high) == pytest.approx((1, 1, 1, 1)) and above == [4, 4, 4, 4]
    torch.testing.assert_close(said["r2_rebuilt"].values, torch.ones(2).double())
    torch.testing.assert_close(said["r2_rebuilt_outputs"].values, torch.ones(2).double())
    torch.testing.assert_close(said["r2_rebuilt_logits"].values, torch.ones(2).double())
    assert said["accuracy_replaced"].values.tolist() == [1, 1]
    r2_logit = said["r2_logit"].values
    assert r2_logit[0].isnan() and torch.allclose(r2_logit[1:], torch.ones(19).double())


def test_r2_agrees_with_scikit_learn_and_the_symmetric_fit_lies_between(random_subject):
    model = random_subject(3)
    said = polynomial_fit(model)
    scores = embedding_geometry(model)["scores"].values[:, :2].double().numpy()
    a, b = np.divmod(np.arange(100), 10)
    x = np.concatenate([scores[a], scores[b]], 1)
    for stage, tap in enumerate(("pre", "post")):
        y = model.tap(f"last:blocks.0.mlp.hook_{tap}").double().numpy()
        for name, variables, degree in (
            ("linear", x, 1),
            ("quadratic", x, 2),
            ("symmetric", scores[a] + scores[b], 2),
        ):
            terms = PolynomialFeatures(degree, include_bias=False).fit_transform(variables)
            fitted = LinearRegression().fit(terms, y).predict(terms)
            with np.errstate(invalid="ignore"):
                expected = 1 - ((y - fitted) ** 2).sum(0) / ((y - y.mean(0)) ** 2).sum(0)
            np.testing.assert_allclose(said["r2"].values[stage, FITS.index(name)], expected, atol=1e-8)
    quadratic, nested = said["r2"].values[:, 1], said["r2"].values[:, 2]
    assert ((quadratic >= nested - 1e-9) | quadratic.isnan()).all()


def test_what_the_skip_path_writes_is_left_over_in_the_models_own_logits(adder):
    model = adder()
    # axis 3 is the constant 1, and no neuron writes to it
    model.weights["unembed.W_U"][3] += 7.0 * torch.arange(20)
    said = polynomial_fit(model)
    logits = model.outputs.double().numpy()
    left_over = 20 * 100 * np.var(7.0 * np.arange(20)) + 100 * 20 * np.mean(7.0 * np.arange(20)) ** 2
    expected = 1 - left_over / ((logits - logits.mean()) ** 2).sum()
    torch.testing.assert_close(said["r2_rebuilt_logits"].values, torch.full((2,), expected).double())
    assert expected < 0.99
    for same in ("r2_rebuilt", "r2_rebuilt_outputs"):
        torch.testing.assert_close(said[same].values, torch.ones(2).double())


def test_coefficients_by_group_change_sign_with_the_correlation(adder):
    model = adder()
    W_in = model.weights["blocks.0.mlp.W_in"]
    W_in[0, 5], W_in[3, 5] = -1.0, 19.0  # neuron 5 becomes 19 − (a + b) − …, always on and anti-correlated
    said = polynomial_fit(model)
    groups, terms = said["coefficient_mean"].coords["group"], said["coefficient_mean"].coords["term"]
    of = said["coefficient_mean"].values[0]
    for term in ("PC1(a)", "PC1(b)"):
        column = terms.index(term)
        assert of[groups.index("r ≥ .9"), column].item() == pytest.approx(1, abs=1e-5)
        assert of[groups.index("r ≤ −.9"), column].item() == pytest.approx(-1, abs=1e-5)
    assert of[groups.index(".5 to .9")].isnan().all()


def test_a_probe_reads_the_sum_where_it_is_and_not_where_it_is_not(adder):
    model = adder()
    said = linear_probe(model)
    names = list(said["r2"].coords["variable"])
    assert said["r2"].values[names.index("a + b")].item() == pytest.approx(1)
    assert said["r2"].values[names.index("a")].item() < 0.7  # attention adds the operands up; a alone is gone
    both = linear_probe(model, tap="hook_embed")
    assert both["r2"].values.tolist() == pytest.approx([1, 1, 1, 1])
    assert (said["error_of_mean"].values > 5).all()


def test_a_probe_refuses_what_it_cannot_do(adder):
    with pytest.raises(UserError, match="both parts need two"):
        linear_probe(adder(), train_fraction=0.99)
    with pytest.raises(UnknownName, match="hook_post"):
        linear_probe(adder(), tap="last:blocks.0.mlp.hook_posd")


def test_replacing_the_mlp_by_its_fit_is_the_intervention_on_the_tap(random_subject):
    model = random_subject(2)
    said = polynomial_fit(model)
    fitted = fit_of_quadratic(model)
    for i, values in enumerate((torch.relu(fitted["pre"]), fitted["post"])):
        cut = intervene(model, ReplaceByFunction("last:blocks.0.mlp.hook_post", values.float()))
        for name in ("accuracy", "loss"):
            expected = cut.examples[name].double().mean().item()
            assert said[f"{name}_replaced"].values[i].item() == pytest.approx(expected, rel=1e-4)


def fit_of_quadratic(model):
    scores = embedding_geometry(model)["scores"].values[:, :2].double().numpy()
    a, b = np.divmod(np.arange(100), 10)
    terms = PolynomialFeatures(2, include_bias=False).fit_transform(np.concatenate([scores[a], scores[b]], 1))
    taps = {stage: model.tap(f"last:blocks.0.mlp.hook_{stage}").double().numpy() for stage in ("pre", "post")}
    return {s: torch.tensor(LinearRegression().fit(terms, y).predict(terms)) for s, y in taps.items()}
