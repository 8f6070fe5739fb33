"""Known components come back, absent ones are found absent, and intervals cover what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from ontogeny.errors import UserError
from ontogeny.numerics.variance import TOGETHER, components


def block(rows, columns):
    """Every init with every split: two arrays of levels."""
    init, split = np.meshgrid(range(rows), range(columns), indexing="ij")
    return init.ravel(), split.ravel()


def drawn(rng, init, split, variances, effect=np.random.Generator.normal):
    """A number of every run, from effects of these variances."""
    of_init, of_split, together = np.sqrt(variances)
    a, b = effect(rng, size=init.max() + 1), effect(rng, size=split.max() + 1)
    return of_init * a[init] + of_split * b[split] + together * effect(rng, size=len(init))


def test_on_a_balanced_block_estimates_are_those_of_the_analysis_of_variance():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(5, 4)) + rng.normal(size=(5, 1)) + 3 * rng.normal(size=4)
    init, split = block(5, 4)
    found = components(table.ravel(), {"init": init, "split": split})
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    error = (rest**2).sum() / 12
    of_rows, of_columns = 4 * table.mean(1).var(ddof=1), 5 * table.mean(0).var(ddof=1)
    assert found[TOGETHER].estimate == pytest.approx(error)
    assert found["init"].estimate == pytest.approx((of_rows - error) / 4)
    assert found["split"].estimate == pytest.approx((of_columns - error) / 5)
    assert sum(one.share for one in found.values()) == pytest.approx(1)
    assert (found["init"].levels, found["split"].levels) == (5, 4)


def test_one_source_alone_is_found_alone_and_a_negative_estimate_counts_as_nothing():
    init, split = block(6, 6)
    rng = np.random.default_rng(5)
    found = components(drawn(rng, init, split, (0.0, 9.0, 1.0)), {"init": init, "split": split})
    assert found["split"].p < 1e-4 < 0.05 < found["init"].p
    assert found["split"].share > 0.6 and found["split"].interval[0] > 0.4
    below = components(np.array([0.0, 1.0, 1.0, 0.0]), {"init": [0, 0, 1, 1], "split": [0, 1, 0, 1]})
    assert below["init"].estimate < 0 and below["init"].share == 0 and below[TOGETHER].share == 1


@pytest.mark.parametrize(
    ("rows", "columns", "left_out", "besides", "variances"),
    [(4, 4, 0, 0, (1, 1, 1)), (4, 4, 0, 0, (0, 2, 1)), (6, 6, 10, 4, (1, 3, 1)), (6, 6, 10, 4, (0, 0, 1))],
)
def test_estimates_are_unbiased_tests_have_their_size_and_shares_are_covered(
    rows, columns, left_out, besides, variances
):
    """Also with holes in the block, and beside it runs whose init and split are seen nowhere else."""
    rng = np.random.default_rng(2)
    names, trials = ("init", "split", TOGETHER), 200
    truth = np.array(variances, dtype=float)
    shares = truth / truth.sum()
    estimates, inside, rejected = np.zeros((trials, 3)), np.zeros((trials, 3)), np.zeros((trials, 2))
    for trial in range(trials):
        init, split = block(rows, columns)
        kept = rng.permutation(len(init))[left_out:]
        init = np.append(init[kept], rows + np.arange(besides))
        split = np.append(split[kept], columns + np.arange(besides))
        found = components(drawn(rng, init, split, variances), {"init": init, "split": split}, draws=400)
        for i, name in enumerate(names):
            low, high = found[name].interval
            estimates[trial, i] = found[name].estimate
            inside[trial, i] = low - 1e-9 <= shares[i] <= high + 1e-9
        rejected[trial] = [found[name].p < 0.05 for name in names[:2]]
    error = estimates.std(0) / np.sqrt(trials)
    assert (np.abs(estimates.mean(0) - truth) < 4 * error).all()
    assert (inside.mean(0) >= 0.88).all()  # the least is for a source that does everything
    assert (rejected.mean(0)[truth[:2] == 0] <= 0.09).all()


def test_how_far_skewed_effects_and_yes_or_no_numbers_mislead():
    """Tests keep their size; intervals of shares of exponential effects hold 80 to 86 %."""
    init, split = block(8, 8)
    rng = np.random.default_rng(3)

    def skewed(generator, size):
        return generator.exponential(size=size) - 1

    inside, rejected, yes = [], [], []
    for _ in range(120):
        found = components(
            drawn(rng, init, split, (0.0, 1.0, 1.0), skewed), {"init": init, "split": split}, draws=400
        )
        low, high = found["split"].interval
        inside.append(low <= 0.5 <= high)
        rejected.append(found["init"].p < 0.05)
        answers = drawn(rng, init, split, (0.0, 1.0, 1.0)) > 0.8
        yes.append(components(answers, {"init": init, "split": split}, draws=10)["init"].p < 0.05)
    assert np.mean(inside) >= 0.72
    assert np.mean(rejected) <= 0.1 and np.mean(yes) <= 0.1


def test_three_sources_are_told_apart():
    init, split, order = (x.ravel() for x in np.meshgrid(*3 * [range(4)], indexing="ij"))
    rng = np.random.default_rng(4)
    y = 3 * rng.normal(size=4)[order] + rng.normal(size=4)[split] + 0.3 * rng.normal(size=64)
    found = components(y, {"init": init, "split": split, "order": order})
    assert list(found) == ["init", "split", "order", TOGETHER]
    assert found["order"].p < 1e-6 and found["order"].share > 0.5 and found["init"].share < 0.05


def test_what_cannot_be_told_is_refused_with_the_reason():
    seeds = np.arange(8)
    with pytest.raises(UserError, match="'init' cannot be told from split"):
        components(np.sin(seeds), {"init": seeds, "split": seeds})
    with pytest.raises(UserError, match="nothing is left"):
        components([1.0, 2.0, 4.0], {"init": [0, 0, 1], "split": [0, 1, 1]})


def test_equal_numbers_have_no_shares():
    init, split = block(3, 3)
    found = components(np.full(9, 0.1), {"init": init, "split": split})
    assert all(np.isnan(one.share) for one in found.values())
