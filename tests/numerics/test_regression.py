"""Least squares against NumPy and scikit-learn; polynomials recovered from their values."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.preprocessing import PolynomialFeatures

from ontogeny.numerics.regression import least_squares, polynomial

G = torch.Generator().manual_seed(3)
X = torch.randn(2, 40, 5, generator=G, dtype=torch.float64) * torch.tensor([1, 10, 0.1, 1, 100.0])
Y = torch.randn(2, 40, 3, generator=G, dtype=torch.float64) + X[..., :3]


@pytest.mark.parametrize("i", [0, 1])
def test_agrees_with_numpy_lstsq_for_every_leading_index(i):
    fit = least_squares(X, Y)
    design = np.column_stack([X[i], np.ones(40)])
    expected = np.linalg.lstsq(design, Y[i].numpy(), rcond=None)[0]
    np.testing.assert_allclose(fit.coefficients[i], expected[:-1], rtol=1e-8)
    np.testing.assert_allclose(fit.intercept[i, 0], expected[-1], rtol=1e-8)


def test_held_out_r2_agrees_with_scikit_learn():
    rows = torch.randperm(40, generator=G)[:28]
    others = np.setdiff1d(np.arange(40), rows)
    fit = least_squares(X[0], Y[0], rows)
    model = LinearRegression().fit(X[0][rows].numpy(), Y[0][rows].numpy())
    for part, r2 in ((rows.numpy(), fit.r2), (others, fit.r2_held_out)):
        expected = r2_score(Y[0][part].numpy(), model.predict(X[0][part].numpy()), multioutput="raw_values")
        np.testing.assert_allclose(r2, expected, rtol=1e-8)


def test_all_rows_leave_nothing_to_hold_out():
    assert least_squares(X, Y).r2_held_out.isnan().all()


def test_more_features_than_rows_interpolates():
    x, y = torch.randn(10, 50, generator=G), torch.randn(10, 1, generator=G)
    fit = least_squares(x, y)
    torch.testing.assert_close(fit.predicted.float(), y)


def test_a_constant_target_is_nan_and_a_constant_or_repeated_feature_is_harmless():
    x = torch.cat([X[0], torch.full((40, 1), 7.0), X[0, :, :1]], -1)
    y = torch.cat([Y[0], torch.full((40, 1), 0.3)], -1)
    fit, plain = least_squares(x, y), least_squares(X[0], Y[0])
    assert fit.r2.isnan().tolist() == [False, False, False, True]
    torch.testing.assert_close(fit.r2[:3], plain.r2)
    torch.testing.assert_close(fit.predicted[:, :3], plain.predicted)
    assert (fit.coefficients[5] == 0).all()


def test_polynomial_has_scikit_learns_terms_in_its_order():
    terms = polynomial(X[0], ["u", "v", "w", "x", "y"])
    reference = PolynomialFeatures(2, include_bias=False)
    np.testing.assert_allclose(terms.values, reference.fit_transform(X[0].numpy()))
    theirs = [n.replace(" ", "·") for n in reference.get_feature_names_out(["u", "v", "w", "x", "y"])]
    assert list(terms.names) == theirs


def test_a_planted_polynomial_is_recovered_and_a_linear_fit_misses_it():
    x = torch.randn(60, 2, generator=G, dtype=torch.float64)
    y = (2 + 3 * x[:, 0] - x[:, 0] * x[:, 1]).unsqueeze(-1)
    terms = polynomial(x, ["u", "v"])
    fit = least_squares(terms.values, y)
    found = dict(zip(terms.names, fit.coefficients[:, 0].tolist(), strict=True))
    assert found == pytest.approx({"u": 3, "v": 0, "u^2": 0, "u·v": -1, "v^2": 0}, abs=1e-10)
    assert fit.intercept.item() == pytest.approx(2)
    assert least_squares(polynomial(x, ["u", "v"], 1).values, y).r2.item() < 0.99


def test_without_standardising_it_is_scikit_learns_smallest_solution_and_a_rare_unit_does_no_harm():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 60, generator=generator, dtype=torch.float64)
    x[:, 0] = 0
    x[0, 0], x[39, 0] = 1e-3, 10.0  # hardly varies on the fitted rows, much on another
    y, rows = x[:, 1:3] @ torch.ones(2, 1, dtype=torch.float64), torch.arange(30)
    plain = least_squares(x, y, rows, standardise=False)
    theirs = LinearRegression().fit(x[rows], y[rows])
    torch.testing.assert_close(plain.predicted, torch.from_numpy(theirs.predict(x)))
    assert plain.r2_held_out.item() > -1 > least_squares(x, y, rows).r2_held_out.item()
