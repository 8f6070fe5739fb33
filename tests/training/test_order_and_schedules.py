"""Batches depend on seeds and the step alone; schedules keep what shorter runs kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ontogeny import build
from ontogeny.errors import UserError
from ontogeny.study import Range, Schedule, load_study
from ontogeny.training.feed import Feed


def feed(tiny_study, **changes):
    return Feed(build.members(load_study(tiny_study(**changes))))


def test_an_epochs_batches_do_not_depend_on_earlier_draws(tiny_study):
    fresh, used = feed(tiny_study), feed(tiny_study)
    per_epoch = used.steps_per_epoch
    earlier = [used.rows(0, e * per_epoch, (e + 1) * per_epoch) for e in range(3)]
    late = fresh.rows(0, 3 * per_epoch, 4 * per_epoch)
    assert torch.equal(late, used.rows(0, 3 * per_epoch, 4 * per_epoch))
    assert all(not torch.equal(late, e) for e in earlier)


def test_an_epoch_visits_training_examples_once_and_no_other(tiny_study):
    some = feed(tiny_study)
    rows = some.rows(0, 0, some.steps_per_epoch).reshape(-1)
    train = some.splits[0]["train"]
    assert len(train) == 34 and some.steps_per_epoch == 4
    assert len(rows.unique()) == len(rows) == 32
    assert torch.isin(rows, train).all()
    assert torch.equal(torch.cat(list(some.splits[0].values())).sort().values, torch.arange(49))


@pytest.mark.parametrize("batch", [8, "full"])
def test_streams_of_rows_are_one_sequence_however_they_are_cut(tiny_study, batch):
    some = feed(tiny_study, train__batch=batch)
    whole = some.rows(0, 0, 23)
    for cut in (1, 3, 4, 5, 11, 22):
        assert torch.equal(torch.cat([some.rows(0, 0, cut), some.rows(0, cut, 23)]), whole)


def test_seeds_that_the_study_fixes_are_shared(tiny_study):
    fixed = feed(tiny_study, seeds={"split": 7}, vary={"seed": [0, 1], "architecture.d_hidden": [2]})
    assert torch.equal(fixed.splits[0]["train"], fixed.splits[1]["train"])
    assert not torch.equal(fixed.rows(0, 0, 4), fixed.rows(1, 0, 4))
    own = feed(tiny_study, vary={"seed": [0, 1], "architecture.d_hidden": [2]})
    assert not torch.equal(own.splits[0]["train"], own.splits[1]["train"])


def test_an_order_is_the_same_for_all_widths(tiny_study):
    some = feed(tiny_study)
    assert torch.equal(some.rows(0, 0, 8), some.rows(2, 0, 8))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train__batch": 35}, "larger than the 34 examples"),
        (
            {"task": {"kind": "fibonacci"}, "architecture": {"kind": "transformer"}, "train__batch": "full"},
            "stream",
        ),
    ],
)
def test_batches_that_cannot_be(tiny_study, changes, words):
    changes = {"vary": {"seed": [0]}, "architecture": {"kind": "bilinear", "d_hidden": 2}, **changes}
    with pytest.raises(UserError, match=words):
        feed(tiny_study, **changes)


schedules = st.builds(
    Schedule,
    unit=st.sampled_from(["step", "epoch"]),
    ranges=st.lists(
        st.builds(
            Range,
            every=st.integers(1, 50),
            start=st.integers(0, 30),
            stop=st.none() | st.integers(0, 200),
        ),
        max_size=2,
    ).map(tuple),
    per_decade=st.integers(0, 9),
    at=st.lists(st.integers(0, 300), max_size=4).map(tuple),
)


@given(schedule=schedules, total=st.integers(1, 5000), per_epoch=st.integers(1, 40))
def test_the_first_and_the_last_step_are_always_in(schedule, total, per_epoch):
    steps = schedule.steps(total, per_epoch)
    assert steps[0] == 0 and steps[-1] == total
    assert steps == sorted(set(steps))


@given(
    schedule=schedules, total=st.integers(1, 3000), more=st.integers(1, 3000), per_epoch=st.integers(1, 40)
)
def test_a_longer_run_keeps_the_points_of_a_shorter_one(schedule, total, more, per_epoch):
    short, long = (set(schedule.steps(t, per_epoch)) for t in (total, total + more))
    assert short - {total} <= long
    assert {s for s in long if s <= total} - {total} <= short


def test_log_spaced_points_are_log_spaced():
    assert Schedule(per_decade=1).steps(1000, 1) == [0, 1, 10, 100, 1000]
    assert Schedule(unit="epoch", per_decade=2).steps(400, 4) == [0, 4, 12, 40, 128, 400]


def test_ranges_include_both_ends():
    assert Schedule(ranges=(Range(every=5, start=10, stop=20),)).steps(100, 1) == [0, 10, 15, 20, 100]
    assert Schedule(ranges=(Range(every=2, start=0, stop=0),)).steps(7, 1) == [0, 7]
