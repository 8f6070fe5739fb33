"""A study always ends: what cannot look is said, what fails costs nothing else, and every kind of variant is asked beforehand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import ontogeny as on
from ontogeny import registry
from ontogeny.errors import Failed, UserError
from ontogeny.lenses.base import Lens
from ontogeny.subject import Subject


def broken(model: Subject) -> dict[str, Any]:
    """Does it break?"""
    raise ZeroDivisionError("as it must")


@pytest.fixture
def a_broken_lens(monkeypatch: pytest.MonkeyPatch) -> str:
    entry = Lens("broken", broken, ("outputs",))
    registry.lenses["performance"]  # loads the others
    monkeypatch.setitem(registry.lenses._entries, "broken", entry)
    return "broken"


def test_a_lens_that_fails_costs_the_others_nothing(
    a_broken_lens: str, tiny_study: Any, tmp_path: Path
) -> None:
    recipe = tiny_study(lenses=[a_broken_lens, "performance"], measures=["activation_similarity"])
    with pytest.warns(Failed, match=r"the lens 'broken' at .* failed \(ZeroDivisionError: as it must\)"):
        store = on.run(recipe, tmp_path / "out")
    assert all(set(e.results) == {"performance"} for e in store.entries())
    assert (tmp_path / "out/report/index.html").is_file() and len(store.index.comparisons) == 1


def test_a_claim_that_fails_says_so_and_the_others_are_there(
    a_broken_lens: str, tiny_study: Any, tmp_path: Path
) -> None:
    claims = {
        "questions": {"q": "What is it?"},
        "quantities": {
            "accuracy": {"source": "runs", "variable": "all_accuracy"},
            "bad": {"source": a_broken_lens, "variable": "x"},
        },
        "claims": {"q": {"bad": {"text": "Something else"}, "accuracy": {"text": "Accuracy"}}},
    }
    with pytest.warns(Failed, match="q.bad"):
        store = on.run(tiny_study(**claims), tmp_path / "out")
    bad, good = sorted(store.findings(), key=lambda f: f.key != "q.bad")
    assert bad.value != bad.value and "as it must" in bad.why and good.value == good.value


def test_architectures_of_two_kinds_are_looked_at_each_by_what_can(tiny_study: Any, tmp_path: Path) -> None:
    recipe = tiny_study(
        vary={"architecture.kind": ["bilinear", "mlp"], "seed": [0]}, lenses=["performance", "effective_rank"]
    )
    with pytest.warns(UserWarning, match="'effective_rank' cannot look at 1 of 2 runs: it reads form"):
        store = on.run(recipe, tmp_path / "out")
    looked = {e.record["spec"]["architecture"]["kind"]: set(e.results) for e in store.entries()}
    assert looked == {"bilinear": {"performance", "effective_rank"}, "mlp": {"performance"}}
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on.run(recipe, tmp_path / "out")  # nothing to do


def test_without_lenses_the_cheap_ones_look_and_the_rest_is_said(tiny_study: Any, tmp_path: Path) -> None:
    recipe = tiny_study(lenses=None, vary={"architecture.d_hidden": [2]})
    with pytest.warns(UserWarning, match="names no lenses.*attention"):
        store = on.run(recipe, tmp_path / "out")
    assert "performance" in store.entries()[0].results and (tmp_path / "out/report/index.html").is_file()


def test_tasks_that_differ_are_not_compared(tiny_study: Any, tmp_path: Path) -> None:
    recipe = tiny_study(vary={"task.p": [5, 7]}, measures=["activation_similarity"])
    with pytest.raises(UserError, match=r"same inputs.*2 tasks.*p=5.*p=7"):
        on.run(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    store = on.run({**recipe, "measures": []}, tmp_path / "out")
    with pytest.raises(UserError, match="same inputs"):
        store.compare("activation_similarity")


def test_one_run_of_a_recipe_that_compares_many(tiny_study: Any, tmp_path: Path) -> None:
    recipe = tiny_study(vary={"seed": [0]}, measures=["activation_similarity"])
    with pytest.warns(UserWarning, match="there is one"):
        on.run(recipe, tmp_path / "out")
    assert (tmp_path / "out/report/index.html").is_file()
