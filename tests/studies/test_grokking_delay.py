"""The recipe of the study of delays: what it trains, and that its claims can be asked of it."""

from __future__ import annotations

import pytest

from ontogeny import build, expect
from ontogeny.study import load_study


@pytest.fixture(scope="module")
def study():
    return load_study("grokking-delay")


def test_every_setting_has_every_seed_and_one_of_them_every_initialisation_with_every_split(study):
    main, aside = study.main(), study.aside()
    seeds = 1 + study.vary["seed"]["range"][1]
    assert len(main) == seeds * len(study.vary["task.train_fraction"]) * len(
        study.vary["optimiser.weight_decay"]
    )
    assert len(aside) == seeds**2 - seeds  # the diagonal is trained already
    assert {v.varied["init"] == v.varied["split"] for v in aside} == {False}


def test_its_claims_can_be_asked_of_it(study):
    expect.check(study, build.members(study))
    kinds = [claim.kind for claim in study.asked()]
    assert kinds.count("time_to_event") == 3 and kinds.count("sooner_with") == 3
    assert kinds.count("variance_by_source") == 1


def test_who_stops_has_grokked(study):
    """A wrong answer costs at least ln 2, so a mean loss of .01 ln 2 leaves at most one in a hundred wrong."""
    assert study.train.stop.metric == "test_loss" and study.train.stop.at_most <= 0.01 * 0.693147
