"""Verdicts on constructed cases each way; calibration by simulation is in test_calibration."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ontogeny.errors import UserError
from ontogeny.findings.judging import judge, judge_event, judge_mean
from ontogeny.findings.verdicts import OPEN, PROPERTIES, VERDICTS, Published, by_chance
from ontogeny.numerics.prediction import Scale, Spread, every_seed_bound, seeds_for_ranks, seeds_to_exclude

NEAR = [0.92, 0.94, 0.93, 0.95, 0.935]


@pytest.mark.parametrize(
    ("values", "options", "verdict", "property_of"),
    [
        (NEAR, {"published": ["0.93"], "resolution": 0.1}, "as published", "every seed"),
        (NEAR[:4], {"published": ["0.93"], "resolution": 0.1}, "as published", ""),
        (NEAR, {"published": ["0.50"], "resolution": 0.1}, "not as published", "our set-up"),
        (NEAR, {"published": ["0.93", "0.50"], "resolution": 0.1}, "not as published", "our set-up"),
        (NEAR[:2], {"published": ["0.93"]}, "too few seeds", ""),
        (NEAR[:3], {"published": ["0.93"], "resolution": 0.03}, "too few seeds", ""),
        (
            [0.2, 0.9, 0.6, 0.99],
            {"published": ["0.93"], "resolution": 0.1},
            "compatible, varies by seed",
            "differs by seed",
        ),
        (
            [0.2, 0.9, 0.6, 0.99],
            {"published": ["9.0"], "resolution": 0.1},
            "not as published",
            "differs by seed",
        ),
        ([*NEAR, math.nan], {"published": ["0.93"], "resolution": 0.1}, "not in every seed", ""),
        ([*NEAR, math.inf], {"published": ["0.93"], "resolution": 0.1}, "not in every seed", ""),
        (NEAR, {"resolution": 0.1}, "", "every seed"),
        (NEAR, {"resolution": 0.001}, "", "differs by seed"),
        (NEAR, {}, "", ""),
        ([*NEAR, math.inf], {"resolution": 0.1}, "", ""),
        ([1.0] * 5, {"published": ["1.00"]}, "as published", "every seed"),
        ([1.0] * 4, {"published": ["1.00"]}, "too few seeds", ""),
        ([1.0] * 9, {"published": ["0.99"]}, "too few seeds", ""),
        ([1.0] * 10, {"published": ["0.99"]}, "not as published", "our set-up"),
    ],
)
def test_numbers(values, options, verdict, property_of):
    said = judge(values, **options)
    assert (said.verdict, said.property_of) == (verdict, property_of)
    assert said.why


@pytest.mark.parametrize(
    ("yes", "n", "published", "verdict", "property_of"),
    [
        (5, 5, True, "as published", "every seed"),
        (4, 4, True, "too few seeds", ""),
        (0, 5, False, "as published", "every seed"),
        (7, 8, True, "compatible, varies by seed", "differs by seed"),
        (1, 29, True, "compatible, varies by seed", "differs by seed"),
        (1, 30, True, "not as published", "differs by seed"),
        (0, 9, True, "too few seeds", ""),
        (0, 10, True, "not as published", "our set-up"),
        (10, 10, False, "not as published", "our set-up"),
        (0, 0, True, "too few seeds", ""),
        (6, 6, None, "", "every seed"),
        (0, 6, None, "", "no seed"),
        (0, 4, None, "", ""),
        (3, 6, None, "", "differs by seed"),
    ],
)
def test_events(yes, n, published, verdict, property_of):
    said = judge_event(yes, n, published=published)
    assert (said.verdict, said.property_of) == (verdict, property_of)


def test_an_event_is_never_excluded_by_so_few_seeds_that_it_could_not_be():
    for n in range(10):
        assert "not as published" not in {judge_event(k, n, published=True).verdict for k in range(n + 1)}
    assert seeds_to_exclude(0) == 10 and judge_event(0, 8, published=True).needed == 10


def test_all_verdicts_of_all_events_are_known_and_an_open_one_is_of_nothing():
    for n in (0, 1, 4, 5, 9, 10, 30):
        for k in range(n + 1):
            for published in (True, False, None):
                for missing in (0, 1, 5):
                    said = judge_event(k, n, published=published, missing=missing)
                    assert said.verdict in VERDICTS and said.property_of in PROPERTIES
                    if said.verdict in OPEN:
                        assert said.property_of == ""
                    if said.verdict == "as published":
                        assert said.property_of == "every seed"


def test_missing_seeds_are_counted_both_ways():
    assert judge_event(3, 6, published=True, missing=2).verdict == "compatible, varies by seed"
    assert judge_event(6, 6, published=True, missing=1).verdict == "not in every seed"
    assert judge_event(0, 20, published=True, missing=1).verdict == "not in every seed"
    assert "1 seed cannot tell" in judge_event(6, 6, missing=1).why


def test_missing_and_infinite_numbers_are_named():
    said = judge([1.0, 2.0, 3.0, math.nan, math.inf, -math.inf], published=["2"])
    assert (said.n, said.missing, said.infinite) == (3, 1, 2)
    assert "1 seed has no such number and in 2 seeds it is infinite" in said.why
    few = judge([1.0, math.nan, math.nan], published=["1.0"])
    assert few.verdict == "not in every seed" and "2 seeds have no such number" in few.why


def test_the_rounding_of_a_published_number_is_that_of_its_digits():
    assert Published.of("0.73").rounding == pytest.approx(0.005)
    assert Published.of(0.994).rounding == pytest.approx(0.0005)
    assert Published.of("4e3").rounding == 500
    assert Published.of(4000).rounding == 0.5
    with pytest.raises(UserError, match="as it was printed"):
        Published.of("about 4")


def test_numbers_that_float32_cannot_tell_apart_are_the_same():
    for value in (0.999, 3e-7, 4e6):
        values = value * (1 + 1e-9 * np.arange(6))
        assert judge(values, published=[float(value)]).verdict == "as published"
        # 10 would do
        assert judge(values, published=[float(f"{1.5 * value:.9g}")]).verdict == "too few seeds"


def test_copies_of_a_published_number_count_once():
    once = judge(NEAR, published=["0.93"], bounds=(0, 1)).interval
    copies = judge(NEAR, published=["0.93", "0.928"], bounds=(0, 1)).interval
    two = judge(NEAR, published=["0.93", "0.95"], bounds=(0, 1)).interval
    assert copies == once and two[0] < once[0] and two[1] > once[1]


def test_counts_are_whole_numbers_and_a_published_one_is_half_a_unit_wide():
    said = judge([2, 3, 4, 4, 3, 3], published=["4"], discrete=True, bounds=(0, math.inf))
    assert all(end == int(end) for end in said.interval) and said.verdict == "as published"


def test_an_event_is_seen_as_closely_as_the_checkpoints_are():
    assert judge([1200.0] * 12, published=["1150"], grid=100).verdict == "as published"
    assert judge([1200.0] * 12, published=["1150"]).verdict == "not as published"
    assert "checkpoints are 100 apart" in judge([1200.0] * 12, published=["1150"], grid=100).why


def test_an_interval_that_is_all_there_can_be_says_nothing():
    assert judge([0.01, 0.99, 0.5], bounds=(0, 1)).vacuous
    assert not judge(NEAR, bounds=(0, 1)).vacuous


def test_the_interval_of_many_seeds_lies_between_order_statistics():
    values = np.random.default_rng(0).permutation(np.arange(79.0))
    assert seeds_for_ranks(0.95) == 39
    assert Spread(values[:39], Scale(), 0.95).interval() == (values[:39].min(), values[:39].max())
    assert Spread(values, Scale(), 0.95).interval() == (1.0, 77.0)


@pytest.mark.parametrize("bounds", [(0, 1), (0, math.inf), (-math.inf, 1), (-math.inf, math.inf)])
def test_a_scale_has_an_inverse_and_an_interval_keeps_to_the_bounds(bounds):
    values = np.array([0.2, 0.5, 0.97, 1.0])
    scale = Scale.of(values, bounds, 0.01)
    assert [scale.back(y) for y in scale.to(values)] == pytest.approx(values)
    low, high = Spread(values, scale, 0.95).interval()
    assert bounds[0] <= low < 0.5 < high <= bounds[1]


def test_more_seeds_than_were_said_to_be_needed_decide():
    values = np.array([-0.5, 0.1, 0.6])
    narrow = judge(values, published=["0"], resolution=4.5)  # 5.5 wide now, 2.2 with very many
    assert narrow.verdict == "too few seeds"
    spread = Spread(values, Scale(), 0.95)
    assert spread.with_seeds(narrow.needed) <= 4.5 < spread.with_seeds(narrow.needed - 1)
    wide = judge(values, published=["0"], resolution=2.0)
    assert wide.verdict == "too few seeds"
    assert spread.at_least_wide(wide.needed) > 2.0 >= spread.at_least_wide(wide.needed - 1)


def test_what_varies_by_seed_does_so_with_any_number_of_them():
    rng = np.random.default_rng(2)
    wrong = sum(
        judge(rng.normal(0, 1, 4), published=["0"], resolution=3.92).verdict == "compatible, varies by seed"
        for _ in range(1000)
    )
    assert wrong / 1000 < 0.07  # the spread is the difference that matters: said at most at the nominal rate


def test_averages_over_seeds():
    assert judge_mean([0.4, 0.41, 0.42], at_most=0.5).verdict == "holds"
    assert judge_mean([0.4, 0.41, 0.42], at_most=0.5, published=True).verdict == "as published"
    assert judge_mean([0.4, 0.41, 0.42], at_least=0.5).verdict == "does not hold"
    assert judge_mean([0.5 - 1e-9] * 4, at_least=0.5).verdict == "holds"  # equal to what float32 can tell
    few = judge_mean([0.4, 0.6, 0.55, 0.5], at_least=0.5)
    assert few.verdict == "too few seeds" and few.needed > 4
    assert judge_mean([0.4, 0.41, 0.42, math.nan], at_most=0.5).verdict == "not in every seed"
    with pytest.raises(UserError, match="at_least or at_most"):
        judge_mean([1.0, 2.0, 3.0])


def test_the_bound_of_every_seed():
    assert every_seed_bound(5) == pytest.approx(0.549, abs=1e-3)
    assert "at least 55%" in judge_event(5, 5, published=True).why
    rng = np.random.default_rng(0)
    p = every_seed_bound(5)
    assert np.mean(rng.binomial(5, p, 20_000) == 5) == pytest.approx(0.05, abs=0.005)


def test_chance_rows_are_counted_among_those_that_are_decided():
    said = (
        ["as published"] * 30
        + ["not as published"] * 10
        + ["too few seeds", "not in every seed", "", "holds"]
    )
    assert by_chance(said) == (40, pytest.approx(2.0))
