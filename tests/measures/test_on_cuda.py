"""On a GPU every measure says what it says on a processor; values lie where the arrays lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ontogeny as on
from ontogeny.models.bilinear import Bilinear
from ontogeny.numerics.alignment import MATCHINGS
from ontogeny.numerics.random import Key
from ontogeny.objectives.cross_entropy import CrossEntropy
from ontogeny.registry import measures
from ontogeny.subject import Subject
from ontogeny.tasks.modular import ModularAddition

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU here")

GPU = "cuda"
N, D, E = 60, 8, 6
OF_ARRAYS = sorted(name for name, one in measures.items() if one.input != "model")
OPTIONS = {
    "rsa_correlation": [{"by": "pearson"}, {"by": "kendall"}],
    "rsa_cosine": [{"by": "kendall"}],
    "cka_rbf": [{"bandwidth": 0.3}],
    "svcca": [{"keep": 0.8}],
    "principal_angles": [{"reduce": "largest"}, {"reduce": "norm"}],
    "singular_value_distance": [{"normalise": "sum"}, {"normalise": "energy"}],
    "logit_cosine": [{"centred": True}],
    "gulp": [{"ridge": 10.0}],
}
#: Float32 products differ in their last bits from one machine to another; float64 leaves nothing to see.
NEAR = {torch.float64: 1e-9, torch.float32: 1e-4}


def draw(*shape, seed):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def two(name, rows=N):
    """Correlated arrays of the shapes that the measure takes, on the processor."""
    m, e = {"samples": (rows, E), "logits": (rows, D), "atoms": (rows - 15, D), "matrix": (rows - 15, E)}[
        measures[name].input
    ]
    x = draw(rows, D, seed=0)
    return x, (x + draw(rows, D, seed=1))[:m, :e]


@pytest.mark.parametrize("dtype", NEAR)
@pytest.mark.parametrize("name", OF_ARRAYS)
def test_a_value_is_that_of_the_processor_and_lies_on_the_gpu(name, dtype):
    x, y = (z.to(dtype) for z in two(name))
    for options in ({}, *OPTIONS.get(name, [])):
        there = measures[name](x.to(GPU), y.to(GPU), **options)
        assert there.device.type == GPU
        here = measures[name](x, y, **options)
        torch.testing.assert_close(there.cpu(), here, rtol=0, atol=NEAR[dtype], check_dtype=False)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_fewer_samples_than_units(name):
    x = draw(14, 40, seed=2)
    y = x + draw(14, 40, seed=3)
    there, here = measures[name](x.to(GPU), y.to(GPU)), measures[name](x, y)
    assert there.item() == pytest.approx(here.item(), abs=1e-6)


@pytest.mark.parametrize("name", OF_ARRAYS)
def test_tables_of_all_pairs_and_their_extras(name):
    """What is kept of either side and the way back, too."""
    one = measures[name]
    arrays = [draw(N, D, seed=seed) for seed in range(3)]
    arrays.append(arrays[0] + 0.3 * arrays[1])
    tables = []
    for device in ("cpu", GPU):
        factors = [one.prepare(x.to(device)) for x in arrays]
        tables.append(one.pairs(factors, factors))
    here, there = tables
    assert here.keys() == there.keys()
    for what, values in here.items():
        torch.testing.assert_close(there[what].cpu(), values, rtol=0, atol=1e-6, check_dtype=False)


@pytest.mark.parametrize("name", [n for n in OF_ARRAYS if measures[n].input in ("samples", "logits")])
def test_values_of_shuffled_samples(name):
    one = measures[name]
    x, y = two(name)
    orders = torch.stack([torch.randperm(N, generator=torch.Generator().manual_seed(s)) for s in range(3)])
    here = one.shuffled(one.prepare(x), y, orders)
    there = one.shuffled(one.prepare(x.to(GPU)), y.to(GPU), orders)
    np.testing.assert_allclose(there.cpu(), here, rtol=0, atol=1e-9)


def test_many_neighbours_are_counted_in_blocks(monkeypatch):
    monkeypatch.setattr("ontogeny.numerics.neighbours.ENTRIES", 500)
    x, y = two("knn_jaccard")
    for name in ("knn_jaccard", "mutual_knn", "rank_similarity", "second_order_cosine"):
        assert measures[name](x.to(GPU), y.to(GPU)).item() == pytest.approx(measures[name](x, y).item())


@pytest.mark.parametrize("name", ["tn_similarity", "js_divergence"])
def test_whole_models_by_their_weights(name):
    task = ModularAddition(p=8, train_fraction=0.75)
    one = measures[name]

    def subject(seed, device):
        weights = Bilinear(5).init(task.signature, Key(seed, "init"))
        weights = {k: w.double().to(device) for k, w in weights.items()}
        return Subject(Bilinear(5), weights, task.probe(), task.signature, CrossEntropy())

    tables = []
    for device in ("cpu", GPU):
        factors = [one.prepare(subject(seed, device), **one.defaults) for seed in range(3)]
        tables.append(one.pairs(factors, factors, **one.defaults)["value"])
    assert tables[1].device.type == GPU
    torch.testing.assert_close(tables[1].cpu(), tables[0], rtol=0, atol=1e-9)


def same(there, here, nulls=1e-6):
    """Two results with equal values, nulls, intervals and verdicts."""
    for what in here.data.data_vars:
        atol = nulls if "null" in what or what in ("z", "p", "above") else 1e-6
        np.testing.assert_allclose(there.data[what], here.data[what], rtol=0, atol=atol, err_msg=what)


def test_a_comparison_with_all_that_belongs_to_it():
    """Nulls, interval, ceiling and floor; a second side that lies on the processor is taken to the first's."""
    x, y = two("cka_linear")
    more = {"untrained": [draw(N, E, seed=5)], "ceiling": [x + 0.1 * draw(N, D, seed=6)]}
    settings = {"draws": 19, "resamples": 8, "null": ["row_shuffle", "random"], **more}
    names = ["cka_linear", "svcca", "rsa_cosine", "mutual_knn", "linear_regression", "hard_correlation_match"]
    same(on.compare(x.to(GPU), y, names, **settings), on.compare(x, y, names, **settings))


@pytest.mark.parametrize("how", [*MATCHINGS, "permutation", "orthogonal", "linear"])
def test_alignments(how):
    x, y = two("cka_linear")
    null = "rematched" if how in MATCHINGS else "row_shuffle"
    settings = {"align": how, "null": null, "draws": 19, "resamples": 0}
    same(
        *(on.compare(a, b, "procrustes_normalized", **settings) for a, b in ((x.to(GPU), y.to(GPU)), (x, y)))
    )
    # where a draw leaves few pairs, samples are nearly as far apart as others, and rounding says which are nearest
    same(
        *(on.compare(a, b, "knn_jaccard", **settings) for a, b in ((x.to(GPU), y.to(GPU)), (x, y))), nulls=0.1
    )
    if how in MATCHINGS:
        there, here = on.align(x.to(GPU), y, how), on.align(x, y, how)
        np.testing.assert_array_equal(there.right, here.right)
        np.testing.assert_allclose(there.score, here.score, atol=1e-9)
