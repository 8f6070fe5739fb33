"""Maps of one wave, whose scale is known in closed form."""

import math

import numpy as np
import pytest
import torch
import xarray as xr
from tests.lenses.test_fourier_network import POST, Prescribed

from ontogeny.lenses.map_scale import map_scale
from ontogeny.numerics.scale import alias
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition
from ontogeny.views.map_scale_curves import CURVES, map_scale_curves

P = 59


def of_maps(maps):
    """What the lens says of maps (neuron, a, b)."""
    task, p = ModularAddition(p=maps.shape[-1], equals=True), maps.shape[-1]
    post = maps.permute(1, 2, 0).reshape(p * p, -1)
    eye = torch.eye(p, dtype=torch.float64)
    weights = {"embed.W_E": eye, "blocks.0.mlp.W_out": post.new_zeros(post.shape[-1], p), "unembed.W_U": eye}
    model = Subject(Prescribed(post), weights, task.probe(), task.signature, CrossEntropy("float64"), {})
    return {name: one.values for name, one in map_scale(model, tap=POST).items()}


def wave(k, p=P):
    x = torch.arange(p).double()
    return torch.cos(2 * math.pi * k * (x[:, None] + x) / p)


def test_frequencies_of_the_published_moire():
    assert alias(torch.tensor([17.0, 25, 32, 47]), 28).tolist() == [11, 3, 4, 9]


def test_one_wave_is_low_or_not():
    found = of_maps(torch.stack([wave(2), wave(20), torch.ones(P, P).double()]))
    for name in ("low_share", "coarseness"):
        assert found[name][:2].tolist() == pytest.approx([1, 0], abs=1e-9)
        assert found[name][2].isnan()
    assert found["alias_28"][:2].tolist() == [2, 8]


def test_relabelled_one_wave_is_every_wave_in_turn():
    found = of_maps(torch.stack([wave(2), wave(20)]))
    inside = sum(math.hypot(k, k) <= P / 8 for k in range(1, 30)) / 29
    assert found["low_share_relabelled"].tolist() == pytest.approx([inside] * 2)
    assert found["coarseness_relabelled"].tolist() == pytest.approx([3 / 29] * 2)
    assert found["coarseness_place"].tolist() == pytest.approx([3 / 29, 1])


def test_small_maps_are_those_that_are_made_in_full():
    maps = torch.stack(
        [wave(2), wave(20), torch.randn(P, P, generator=torch.Generator().manual_seed(0)).double()]
    )
    found = of_maps(maps)
    m = (maps - maps.mean((-2, -1), keepdim=True))[None]
    total = m.square().sum((-2, -1))[0]

    def there_and_back(antialias):
        small = torch.nn.functional.interpolate(m, size=(14, 14), mode="bilinear", antialias=antialias)
        return torch.nn.functional.interpolate(small, size=(P, P), mode="bilinear")[0]

    kept = 1 - (m[0] - there_and_back(True)).square().sum((-2, -1)) / total
    ratio = there_and_back(False).var((-2, -1), correction=0) / m[0].var((-2, -1), correction=0)
    assert found["kept_14"].tolist() == pytest.approx(kept.tolist(), abs=1e-9)
    assert found["kept_14_bilinear"].tolist() == pytest.approx(ratio.tolist(), abs=1e-9)
    assert found["kept_14"][0] > 0.8 > 0.1 > found["kept_14"][1]


def test_what_a_small_map_cannot_hold_is_alias():
    found = of_maps(torch.stack([wave(2), wave(20)]))
    assert found["moire_28"].tolist() == pytest.approx([0, 1], abs=1e-9)


def test_slopes_do_not_depend_on_size_and_shift_but_for_the_raw_one():
    one, other = of_maps(wave(3)[None]), of_maps(5 * wave(3)[None] + 7)
    assert other["gradient"] == pytest.approx(one["gradient"])
    assert other["gradient_raw"] == pytest.approx(5 * one["gradient_raw"])
    ramp = torch.arange(P).double()[None, :, None].expand(1, P, P)
    assert of_maps(ramp)["gradient_raw"].item() == pytest.approx(0.5)


def test_fine_waves_are_steep():
    assert of_maps(torch.stack([wave(k) for k in (1, 3, 12, 20)]))["share_and_gradient"] < -0.9


def test_the_view_shows_means_over_maps():
    data = xr.Dataset(
        {name: (("step", "neuron"), np.array([[0.1, 0.3], [0.5, 0.7]])) for name in CURVES}, {"step": [0, 9]}
    )
    drawn = map_scale_curves(map_scale=data)
    assert drawn.figure.data[0].y == pytest.approx([0.2, 0.6])
    assert "20.0%" in drawn.says and "60.0%" in drawn.says
