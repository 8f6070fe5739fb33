"""Coefficients that are known: regular minima in closed form, singular ones by integrating over the weights."""

import numpy as np
import pytest
import torch

from ontogeny.axes import dataset
from ontogeny.errors import UserError
from ontogeny.lenses.learning_coefficient import learning_coefficient
from ontogeny.numerics.langevin import between_chains, heat_of, walk
from ontogeny.numerics.random import Key
from ontogeny.registry import views

N = 1000
HEAT = heat_of(N)


def estimate(loss, start, step_size, pull=1.0, draws=4000):
    centre = {"w": torch.tensor(start, dtype=torch.float64)}
    options = {"heat": HEAT, "pull": pull, "step_size": step_size, "chains": 16, "burn": 1000, "draws": draws}
    traces = walk(lambda w: loss(w["w"]), centre, key=Key(0, "test"), **options)
    return HEAT * (traces - loss(centre["w"][None])).mean().item(), between_chains(traces.numpy())


def test_a_regular_minimum_has_half_its_directions():
    """L = ½ Σ h w²: λ = Σ ½ n β h / (n β h + γ), with what the step size adds: 1 / (1 − ε (n β h + γ) / 4)."""
    h = torch.tensor([1.0, 2.0, 0.5, 4.0, 1.0, 3.0], dtype=torch.float64)
    found, agree = estimate(lambda w: 0.5 * (h * w**2).sum(-1), [0.0] * 6, 1e-3)
    stiff = HEAT * h + 1.0
    want = (0.5 * HEAT * h / stiff / (1 - 1e-3 * stiff / 4)).sum().item()
    assert found == pytest.approx(want, rel=0.04) and want == pytest.approx(3, rel=0.12)
    assert agree < 1.05


def integrated(loss, grid):
    """n β times the mean loss under exp(−n β L − γ/2 ‖w‖²), on a grid."""
    w = torch.stack(torch.meshgrid(*grid, indexing="ij"), -1)
    value = loss(w)
    weight = torch.exp(-HEAT * value - 0.5 * (w**2).sum(-1))
    return HEAT * (value * weight).sum().item() / weight.sum().item()


@pytest.mark.parametrize(
    "loss, dimensions, limit",
    [
        (lambda w: w[..., 0] ** 4, 1, 1 / 4),
        (lambda w: 0.5 * (w[..., 0] * w[..., 1]) ** 2, 2, 1 / 2),  # y = w₁ w₂ x, of no slope
        (lambda w: 0.5 * w[..., 0] ** 2 + 0 * w[..., 1], 2, 1 / 2),
    ],
)
def test_singular_minima_have_fewer(loss, dimensions, limit):
    want = integrated(loss, [torch.linspace(-6, 6, 3001, dtype=torch.float64)] * dimensions)
    found, _ = estimate(loss, [0.0] * dimensions, 2e-3, draws=12000 if dimensions == 2 else 6000)
    assert found == pytest.approx(want, rel=0.12)
    assert want <= limit + 1e-3 and want < dimensions / 2 - 0.05


def test_walks_that_never_meet_are_seen():
    rng = np.random.default_rng(0)
    assert between_chains(rng.standard_normal((4, 500))) == pytest.approx(1, abs=0.02)
    assert between_chains(rng.standard_normal((4, 500)) + 3 * np.arange(4)[:, None]) > 2


def test_the_lens_walks_every_model_alike_and_is_drawn(random_subject):
    options = {"step_sizes": (1e-6, 1e-5), "chains": 2, "burn": 5, "draws": 20}
    both, one = (
        learning_coefficient(random_subject(0, 1), **options),
        learning_coefficient(random_subject(1), **options),
    )
    assert both["coefficient"].values.shape == (2, 2, 2) and both["trace"].values.shape == (2, 2, 2, 20)
    torch.testing.assert_close(
        both["coefficient"].values[1], one["coefficient"].values.reshape(2, 2), rtol=1e-3, atol=1e-3
    )
    drawn = views["learning_coefficient_traces"](
        learning_coefficient=dataset(both, leading=("step",)).isel(step=[0])
    )
    assert len(drawn.figure.data) == 2 * (1 + 2) and "R̂" in drawn.says


def test_what_cannot_be_walked_is_refused(random_subject):
    with pytest.raises(UserError, match="steps above 0"):
        learning_coefficient(random_subject(0), step_sizes=(0.0,))
