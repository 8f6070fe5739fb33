"""Verdicts are wrong as often as they say, and see what is there: the simulations of the calibration page, at a size for a
suite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from benchmarks import calibration, worlds

from ontogeny.findings.base import Finding
from ontogeny.findings.calibration import leave_one_out
from ontogeny.findings.judging import judge_event

STUDIES = 400  # a standard error of 1.1 % at 5 %


@pytest.fixture(scope="module")
def false():
    return calibration.numbers(STUDIES, (3, 8, 16))


@pytest.mark.parametrize("name", worlds.NUMBERS)
def test_one_more_seed_like_ours_is_rejected_at_most_at_the_stated_rate(name, false):
    """5 % where values are normal on the scale of their bounds; up to twice for skew and three times for two kinds of few
    seeds."""
    stated = {
        "heavy tails (Student's t, 3 df)": 0.08,
        "skewed (lognormal), no bound told": 0.11,
        "two kinds of seed, 1 : 1": 0.14,
        "two kinds of seed, 1 : 3": 0.13,
    }.get(name, 0.05)
    error = math.sqrt(stated * (1 - stated) / STUDIES)
    assert max(false[name]) <= stated + 3 * error


def test_what_is_far_away_is_seen_more_often_the_farther_and_the_more_seeds():
    power = [calibration.numbers(200, (3, 16), away, ["normal"])["normal"] for away in (1, 2, 3)]
    assert power[0][1] < power[1][1] < power[2][1] and all(few < many for few, many in power[1:])
    assert power[2][1] >= 0.7 and power[1][1] >= 0.35  # 16 seeds, 3 and 2 standard deviations
    assert power[2][0] >= 0.15  # 3 seeds see 3 standard deviations in a quarter of studies


@pytest.mark.slow
@pytest.mark.parametrize("name", worlds.NUMBERS)
def test_the_worst_case_of_any_number_of_seeds(name):
    draw, sd, told = worlds.NUMBERS[name]
    rows = [
        np.mean(
            [calibration.excluded(draw(np.random.default_rng((n, t)), n + 1), 0.0, told) for t in range(1500)]
        )
        for n in range(3, 17)
    ]
    assert sd > 0 and max(rows) <= 0.16


@pytest.mark.parametrize("n", [3, 5, 8, 9, 10, 12, 16, 40])
def test_events_are_wrongly_rejected_in_at_most_five_of_a_hundred_studies_and_seen_where_they_can_be(n):
    wrong, nine, seven, seen = calibration.events(n)
    assert wrong <= 0.05
    assert (seen == 1) == (n >= 10) and (wrong > 0) == (n >= 10)
    assert nine == pytest.approx(0.9**n if n >= 5 else 0) and seven == pytest.approx(0.7**n if n >= 5 else 0)


@pytest.mark.parametrize("name", ["normal", "accuracies near 1 (beta 8, 1)"])
def test_averages_are_decided_wrongly_at_the_nominal_rate_and_rightly_where_they_differ(name):
    assert calibration.averages(STUDIES, 8, name) <= 0.05 + (0.033 if name == "normal" else 0.08)
    assert calibration.averages(200, 8, name, 2) >= 0.9


@pytest.mark.slow
def test_the_count_of_one_more_seed_is_found_improbable_at_most_at_the_nominal_rate():
    assert calibration.counts(100, 3, 1.0) <= 0.05 + 3 * 0.022
    assert calibration.counts(100, 8, 1.0) <= 0.05 + 3 * 0.022


@pytest.mark.slow
def test_sharp_blocks_are_confirmed_softened_ones_never_denied_and_gradients_denied():
    confirmed, denied = calibration.blocks(20, None)
    assert confirmed <= 0.1 and denied >= 0.6
    assert calibration.blocks(20, 0.0) == (1.0, 0.0)
    assert calibration.blocks(20, 3.0)[1] == 0


def numbered(values, **rule):
    return Finding(
        "a number", values=tuple(values), interval=(0, 1), interval_kind="prediction", details={"rule": rule}
    )


def test_seeds_left_out_of_a_study_are_rejected_at_the_nominal_rate_if_they_are_alike():
    rng = np.random.default_rng(0)
    said = leave_one_out([numbered(rng.normal(size=8)) for _ in range(100)])
    assert (said.n, said.rows) == (800, 100) and said.rate == pytest.approx(0.05, abs=0.02)


def test_a_number_that_is_rarely_huge_shows_in_the_rate_unless_its_scale_is_told():
    rng = np.random.default_rng(0)
    values = np.exp(2 * rng.normal(size=(100, 8)))
    plain = leave_one_out([numbered(v) for v in values])
    told = leave_one_out([numbered(v, bounds=(0, math.inf)) for v in values])
    assert plain.rate > 0.075 > told.rate


def test_statements_few_seeds_and_open_judgements_are_counted_as_they_are():
    event = Finding("a statement", n=11, details={"yes": 10})
    one_odd = [judge_event(9, 10, published=True).verdict] * 10 + [
        judge_event(10, 10, published=False).verdict
    ]
    assert one_odd.count("not as published") == 1
    assert leave_one_out([event]) == (1 / 11, 11, 1)
    assert leave_one_out([numbered([1.0, 2.0, 3.0]), Finding("nothing")]).n == 0
    assert math.isnan(leave_one_out([]).rate)
    odd = leave_one_out([numbered([1.0, 1.1, 0.9, 1.05, 50.0, math.nan])])
    assert odd.n == 5 and odd.rate == 1 / 5  # the odd one, and it alone


def test_the_page_is_written_with_every_table(tmp_path, monkeypatch):
    target = tmp_path / "calibration.md"
    monkeypatch.setattr("sys.argv", ["calibration", "--studies", "4", "--heavy", "2", "--to", str(target)])
    calibration.main()
    page = target.read_text(encoding="utf-8")
    assert page.count("\n## ") == 8 and "nan" not in page
    for name in [*worlds.NUMBERS, *worlds.PATHS]:
        assert f"| {name} |" in page
    widths = {
        line.count("|") for line in page.split("## A number")[1].split("Power")[0].splitlines() if "|" in line
    }
    assert len(widths) == 1
