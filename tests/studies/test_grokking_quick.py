"""The quick grokking study goes through every stage, and its results keep what holds of any network on this task."""

from __future__ import annotations

import numpy as np
import pytest

import ontogeny as on
from ontogeny.study import load_study


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    changes = ["train.epochs=40", "vary.seed=[0,1,3]"]
    return on.run("grokking-quick", tmp_path_factory.mktemp("grokking"), changes)


def test_every_run_is_done_and_every_lens_looked(store):
    assert set(store.runs()["status"]) == {"done"} and len(store.main.runs()) == 3
    stored = {name for entry in store.entries() for name in entry.results}
    assert {use.name for use in store.study.lenses} <= stored


def test_the_same_call_again_does_nothing(store):
    before = {path: path.stat().st_mtime_ns for path in store.directory.root.rglob("*.nc")}
    on.run(store.study, store.directory.root)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_every_finding_is_said_and_an_untrained_order_is_no_agreement(store):
    found = store.findings()
    assert [f.key for f in found] == [one.key for one in store.study.asked()]
    assert all(f.claim and f.why for f in found)
    (order,) = (f for f in found if f.kind == "map_agreement")
    assert order.verdict != "holds"  # of a network that has hardly begun to learn


def test_the_report_has_every_figure(store):
    report = (store.directory.root / "report" / "index.html").read_text()
    assert "is not drawn" not in report
    for section in store.study.report:
        assert section.heading in report


def test_results_keep_what_holds_of_any_network(store):
    shares = store.lens("key_frequencies")["share"]
    assert np.allclose(shares.sum("frequency"), 1, atol=1e-5)
    phases = store.lens("learning_phases")
    gap = phases["held_out_falls"] - phases["restricted_falls"]
    assert np.array_equal(gap, phases["lead"], equal_nan=True)
    closure = store.lens("causal_closure")
    full = store.lens("performance")["loss"].sel(split="test")
    assert np.allclose(closure["full_loss"], full, rtol=1e-4)


@pytest.mark.parametrize("name", ["grokking", "grokking-113", "grokking-quick"])
def test_the_recipes_ask_the_same_questions(name):
    study, quick = load_study(name), load_study("grokking-quick")
    assert [use.name for use in study.lenses] == [use.name for use in quick.lenses]
    asked, here = ([s.heading for s in one.report] for one in (quick, study))
    assert here == [s for s in asked if s in here]  # in one order; the one of a single run leaves some out
    assert here == asked or name == "grokking-113"
    assert len(study.main()) == {"grokking": 8, "grokking-113": 1, "grokking-quick": 4}[name]


def test_the_published_schedule():
    steps = load_study("grokking-113").checkpoints.steps(25_000, 1)
    assert {0, 100, 1500, 2000, 9000, 9100, 13_000, 13_500, 25_000} <= set(steps)
    assert len(steps) == 1 + 15 + 15 + 40 + 24
