"""Verdicts on constructed cases each way, and findings that survive JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.base import Finding, finding, verdict, verdict_of_event
from ontogeny.registry import findings


@pytest.mark.parametrize(
    ("published", "values", "options", "want", "because"),
    [
        (0.93, [0.92, 0.94, 0.93, 0.95], {}, "agrees", "inside"),
        (0.50, [0.92, 0.94, 0.93, 0.95], {}, "disagrees", "outside"),
        (0.93, [0.92, 0.94], {}, "cannot tell", "only 2 seeds"),
        (0.93, [], {}, "cannot tell", "only 0 seeds"),
        (0.93, [0.92, math.nan, math.nan, 0.94], {}, "cannot tell", "only 2 seeds"),
        (0.93, [0.2, 0.9, 0.6, 0.99], {"resolution": 0.1}, "cannot tell", "wider than 0.1"),
        (9.0, [0.2, 0.9, 0.6, 0.99], {"resolution": 0.1}, "disagrees", "outside"),
        (1.0, [1.0, 1.0, 1.0], {}, "agrees", "all 3 seeds"),
        (0.99, [1.0, 1.0, 1.0], {}, "cannot tell", "0.5"),
        (0.99, [1.0] * 60, {}, "disagrees", "outside"),
        (0.9996, [1.0, 1.0, 1.0], {"rounding": 0.0005}, "agrees", "all 3 seeds"),
        (None, [0.92, 0.94, 0.93], {}, "no published value", "nothing"),
    ],
)
def test_verdicts(published, values, options, want, because):
    said, why = verdict(published, values, **options)
    assert said == want and because in why


def test_a_published_value_of_one_seed_is_not_held_against_the_interval_of_the_mean():
    values = np.random.default_rng(0).normal(0.9, 0.02, 100)
    assert verdict(0.93, values)[0] == "agrees"  # 1.5 standard deviations, 15 standard errors


def test_verdicts_disagree_with_their_own_seeds_about_one_time_in_twenty():
    rng = np.random.default_rng(0)
    said = [verdict(row[0], row[1:])[0] for row in rng.normal(size=(2000, 6))]
    assert said.count("disagrees") / 2000 == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("probability", "n", "want"),
    [(0.001, 5, "disagrees"), (0.2, 5, "cannot tell"), (0.8, 5, "agrees"), (0.001, 2, "cannot tell")],
)
def test_verdicts_on_events(probability, n, want):
    assert verdict_of_event(probability, n=n)[0] == want


def test_findings_survive_json_with_missing_and_infinite_numbers():
    one = Finding(
        "d50",
        math.inf,
        interval=(3.0, math.inf),
        interval_kind="95%",
        n=3,
        values=(1.0, math.nan),
        verdict="cannot tell",
        why="because",
        evidence={"pairs": "measure:x"},
        details={"curve": np.arange(3), "p": np.float64(0.5), "settings": {"a": [math.nan, 1]}},
    )
    stored = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    back = Finding.from_dict(stored | {"from_a_newer_version": 1})
    assert (back.value, back.interval, back.n, back.verdict) == (math.inf, (3.0, math.inf), 3, "cannot tell")
    np.testing.assert_array_equal(back.values, one.values)
    assert back.details["curve"] == [0, 1, 2] and back.details["settings"]["a"] == [None, 1]
    assert json.dumps(back.to_dict()) == json.dumps(one.to_dict())
    assert math.isnan(Finding.from_dict(Finding("nothing").to_dict()).value)


def test_a_finding_must_say_what_its_interval_is():
    with pytest.raises(UserError, match="of which kind"):
        Finding("x", 1.0, interval=(0.0, 2.0))
    with pytest.raises(UserError, match="no verdict"):
        Finding("x", verdict="perhaps")  # type: ignore[arg-type]


def test_kinds_fill_in_what_they_read_and_refuse_what_is_missing():
    @finding(kind="test_of_reads", reads=("measure:{measure}", "measure:{measure}@initial?"))
    def kind(data, *, measure: str = "a", sizes: tuple[int, ...] = ()):
        """Does it read?"""
        return [Finding("seen", float(data["measure:b"]), details={"sizes": sizes, "there": sorted(data)})]

    try:
        assert kind.needs({"measure": "b"}) == {"measure:b": True, "measure:b@initial": False}
        found = kind({"measure:b": 3, "measure:b@initial?": None}, measure="b", sizes=[1, 2])
        assert (found[0].value, found[0].kind, found[0].details["sizes"]) == (3.0, "test_of_reads", (1, 2))
        with pytest.raises(UserError, match="reads 'measure:a', which is not there; given: measure:b"):
            kind({"measure:b": 3})
        with pytest.raises(UnknownName, match="measure"):
            kind({"measure:b": 3}, mesure="b")
    finally:
        del findings._entries["test_of_reads"]


def test_every_registered_kind_documents_its_question_and_how_it_misleads():
    assert {"success_by", "per_setting", "similarity_blocks", "similarity_among_perfect"} <= set(findings)
    assert {"frequency_agreement", "energy_by_rank", "value"} <= set(findings)
    for name in findings:
        assert findings[name].question.endswith("?"), name
        assert "misleads" in findings[name].function.__doc__, name
