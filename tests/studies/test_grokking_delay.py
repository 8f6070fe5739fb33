"""The recipe of the study of delays: what it trains, and that its claims can be asked of it."""

from __future__ import annotations

import pytest

from ontogeny import build, expect
from ontogeny.errors import UnknownName
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


def test_a_metric_that_is_not_logged_is_found_before_training():
    study = load_study("grokking-delay", ["claims.when.delay.since=train_acuracy"])
    with pytest.raises(UnknownName, match="train_accuracy"):
        expect.check(study, build.members(study))


def test_who_stops_has_grokked_by_the_same_rule(study):
    grokked = next(claim.options for claim in study.asked() if claim.key == "when.grokked")
    stop = study.train.stop
    assert (stop.metric, stop.at_least) == ("test_accuracy", 0.99) and not grokked["stays"]
