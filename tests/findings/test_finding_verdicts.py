"""Findings that survive JSON, and kinds that refuse what they cannot read."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ontogeny.claims import Asked, Decided
from ontogeny.errors import UnknownName, UserError
from ontogeny.findings.base import Finding, finding, stamped
from ontogeny.findings.judging import judge, judge_event
from ontogeny.findings.verdicts import Published
from ontogeny.registry import findings


def test_findings_survive_json_with_missing_and_infinite_numbers():
    one = Finding(
        "d50",
        math.inf,
        interval=(3.0, math.inf),
        interval_kind="confidence",
        n=3,
        published=(Published(0.73, 0.005, "the published model", True), Published(math.inf)),
        seeds=(0, 1),
        values=(1.0, math.nan),
        missing=(1,),
        verdict="not in every seed",
        why="because",
        beside=(Finding("d50", 2.0, of="some seeds", published=(Published(0.5),)),),
        decided=({"when": "after eight seeds", "why": "because"},),
        evidence={"pairs": "measure:x"},
        details={"curve": np.arange(3), "p": np.float64(0.5), "settings": {"a": [math.nan, 1]}},
    )
    stored = json.loads(json.dumps(one.to_dict(), allow_nan=False))
    back = Finding.from_dict(stored | {"from_a_newer_version": 1})
    assert (back.value, back.interval, back.n, back.verdict) == (math.inf, (3.0, math.inf), 3, one.verdict)
    assert (back.published, back.seeds, back.missing, back.decided, back.beside[0].of) == (
        one.published,
        one.seeds,
        one.missing,
        one.decided,
        "some seeds",
    )
    np.testing.assert_array_equal(back.values, one.values)
    assert back.details["curve"] == [0, 1, 2] and back.details["settings"]["a"] == [None, 1]
    assert json.dumps(back.to_dict()) == json.dumps(one.to_dict())
    assert math.isnan(Finding.from_dict(Finding("nothing").to_dict()).value)


def test_what_version_1_wrote_keeps_its_numbers_and_loses_its_words():
    old = {
        "claim": "x",
        "value": 0.4,
        "interval": [0.1, 0.5],
        "interval_kind": "95 % prediction interval for one new seed",
        "published": 0.42,
        "verdict": "cannot tell",
        "scope": "seed",
    }
    back = Finding.from_dict(old)
    assert (back.value, back.verdict, back.property_of, back.published) == (0.4, "", "", ())


def test_a_finding_takes_over_what_was_judged():
    said = judge([0.92, 0.94, 0.93, 0.95, 0.94], published=["0.93"], resolution=0.2)
    one = Finding.judged("x", said, units="nats")
    assert (one.verdict, one.property_of, one.n, one.interval) == (
        "as published",
        "every seed",
        5,
        said.interval,
    )
    assert (one.published[0].value, one.published[0].inside, one.units) == (0.93, True, "nats")
    assert Finding.judged("y", judge_event(0, 6)).property_of == "no seed"


def test_a_claim_marks_its_findings():
    ask = Asked("k", "value", "Is it?", "It is", (Decided(when="later", why="seen"),), {})
    (one,) = stamped([Finding("x")], ask)
    assert (one.claim, one.key, one.question, one.decided) == (
        "It is",
        "k",
        "Is it?",
        ({"when": "later", "why": "seen"},),
    )
    assert [f.claim for f in stamped([Finding("x"), Finding("y")], ask)] == ["x", "y"]


def test_a_finding_must_say_what_its_interval_is():
    with pytest.raises(UserError, match="of which kind"):
        Finding("x", 1.0, interval=(0.0, 2.0))
    for word in ("verdict", "property_of", "interval_kind"):
        with pytest.raises(UserError, match="is no"):
            Finding("x", **{word: "perhaps"})


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
