"""Synthetic sparse data has the statistics that it promises."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ontogeny.errors import UserError
from ontogeny.numerics.random import Key
from ontogeny.tasks.base import Task
from ontogeny.tasks.sparse_features import SparseFeatures

SMALL = {"d": 8, "n_features": 24, "active": 4.0, "decay": 0.95, "block": 6}
GENERATOR = Key(1, "test")


def test_features_have_unit_norm_and_data_are_their_sums() -> None:
    task = SparseFeatures(**SMALL)
    assert isinstance(task, Task)
    torch.testing.assert_close(task.truth().norm(dim=-1), torch.ones(24))
    data, codes = task.sample(GENERATOR.generator(), 100)
    torch.testing.assert_close(data, codes @ task.truth())
    assert task.probe().labels.equal(task.probe().inputs)
    noisy, _ = SparseFeatures(**SMALL, noise=0.5).sample(GENERATOR.generator(), 20_000)
    clean, _ = task.sample(GENERATOR.generator(), 20_000)
    assert abs((noisy - clean).std() - 0.5) < 0.01


@pytest.mark.parametrize("correlation", [0.0, 0.6])
def test_marginals_are_exact_whatever_the_correlation(correlation: float) -> None:
    task = SparseFeatures(**SMALL, correlation=correlation)
    n = 40_000
    on = task.codes(GENERATOR.generator(), n) > 0
    p = task.probabilities
    np.testing.assert_allclose(p[1:] / p[:-1], 0.95)
    assert abs(p.sum() - 4.0) < 1e-12
    z = (on.double().mean(0) - p) / (p * (1 - p) / n).sqrt()
    assert z.abs().max() < 4.5
    assert abs(on.sum(-1).double().mean() - 4.0) < 0.1
    r = np.corrcoef(on.T.numpy())
    same = np.kron(np.eye(4), np.ones((6, 6))).astype(bool)
    off = ~np.eye(24, dtype=bool)
    assert np.abs(r[~same]).max() < 0.03
    assert (r[same & off].min() > 0.15) if correlation else (np.abs(r[same & off]).max() < 0.03)


def test_coefficients_are_uniform_or_binary() -> None:
    codes = SparseFeatures(**SMALL).codes(GENERATOR.generator(), 20_000)
    values = codes[codes > 0]
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.var() - 1 / 12) < 0.005
    assert set(SparseFeatures(**SMALL, binary=True).codes(GENERATOR.generator(), 50).unique().tolist()) == {
        0,
        1,
    }


def test_two_data_sets_share_exactly_the_common_features() -> None:
    one, two = (SparseFeatures(d=64, n_features=40, shared=0.5, dictionary=seed) for seed in (1, 2))
    assert len(one.common) == 20
    torch.testing.assert_close(one.truth()[one.common], two.truth()[two.common])
    assert not torch.equal(one.common, two.common)
    cosines = one.truth() @ two.truth().mT
    cosines[one.common, two.common] = 0
    assert cosines.abs().max() < 0.75


def test_clusters_travel_with_the_features_that_worlds_share() -> None:
    one, two = (
        SparseFeatures(
            d=16, n_features=24, active=4.0, decay=0.95, block=6, shared=0.5, correlation=0.6, dictionary=seed
        )
        for seed in (1, 2)
    )
    assert torch.equal(one.cluster[one.common], two.cluster[two.common])
    assert sorted([*one.common.tolist(), *one.own.tolist()]) == list(range(24))
    assert not set(one.cluster[one.common].tolist()) & set(one.cluster[one.own].tolist())
    truth = one.probe().truth
    assert torch.equal(truth.common, one.common) and torch.equal(truth.features, one.truth())
    torch.testing.assert_close(truth.codes @ truth.features, one.probe().inputs)
    n = 40_000
    on = one.codes(GENERATOR.generator(), n) > 0
    z = (on.double().mean(0) - one.probabilities) / (one.probabilities * (1 - one.probabilities) / n).sqrt()
    assert z.abs().max() < 4.5  # marginals are exact although the clusters lie scattered
    r, same = np.corrcoef(on.T.numpy()), one.cluster[:, None] == one.cluster
    assert r[same.numpy()].min() > 0.15 and np.abs(r[~same.numpy()]).max() < 0.03


def test_empty_samples_come_as_often_as_the_probabilities_say() -> None:
    task, n = SparseFeatures(d=8, n_features=24, active=2.0, decay=0.95), 40_000
    empty = (task.codes(GENERATOR.generator(), n) == 0).all(-1).double().mean()
    p = task.empty_share
    assert abs(empty - p) < 4.5 * (p * (1 - p) / n) ** 0.5 and 0.08 < p < 0.2


def test_batches_depend_on_key_and_step_alone() -> None:
    task = SparseFeatures(**SMALL)
    one, again, later = (task.draw(Key(0, "order"), step, 30).inputs for step in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, later)
    assert torch.equal(task.probe().inputs, SparseFeatures(**SMALL).probe().inputs)


def test_impossible_probabilities_are_refused() -> None:
    with pytest.raises(UserError, match="first"):
        SparseFeatures(active=8, decay=0.5)
