"""A stretch made denser afterwards is the stretch as it would have been kept from the start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ontogeny import expect
from ontogeny.errors import UserError
from ontogeny.handles import Store, open_store
from ontogeny.plan import make_plan
from ontogeny.study import load_study

Tiny, Run = Callable[..., dict[str, Any]], Callable[..., Any]

TRANSFORMER = {
    "architecture": {"kind": "transformer", "n_heads": 1, "d_model": 4, "d_head": 4, "d_mlp": 4},
    "task__equals": True,
    "train__batch": "full",
    "vary": {"seed": [0]},
}


def weights(store: Store, run: int = 0) -> dict[int, dict[str, torch.Tensor]]:
    one = store.run(store.entries()[run].id)
    return {step: one.weights(step) for step in one.steps}


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[n], b[n]) for n in a)


@pytest.mark.parametrize("changes", [{"vary": {"architecture.d_hidden": [3], "seed": [0]}}, TRANSFORMER])
@pytest.mark.parametrize("points", [None, {"unit": "step", "at": [5, 9]}])
def test_denser_steps_are_those_of_a_dense_run(
    changes: Any, points: Any, tiny_study: Tiny, carry_out: Run, tmp_path: Path
) -> None:
    sparse, dense = {"at": [4], "per_decade": 0}, {"ranges": [{"every": 1}], "per_decade": 0}
    carry_out(tiny_study(**changes, checkpoints=dense), tmp_path / "dense")
    carry_out(
        tiny_study(**changes, checkpoints=sparse, resume_points=points), tmp_path / "a", commit_every=1e9
    )
    store = open_store(tmp_path / "a")
    run = store.run(store.entries()[0].id)
    last = run.steps[-1]
    before, metrics = weights(store), run.metrics().to_csv()
    stretch = range(last // 2, last)
    if points:
        assert set(run.store.directory.run(run.id).resume_steps()) == {s for s in (5, 9) if s < last} | {last}
        new = run.densify(stretch[0], last, 1)
    else:
        with pytest.warns(UserWarning, match="no resume point"):
            new = run.densify(stretch[0], last, 1)
    assert new == [s for s in stretch if s not in before]
    assert run.steps == sorted({*before, *stretch})
    whole = weights(open_store(tmp_path / "dense"))
    assert all(equal(run.weights(s), whole[s]) for s in run.steps)
    assert all(equal(run.weights(s), w) for s, w in before.items())
    assert run.metrics().to_csv() == metrics
    assert run.densify(stretch[0], last, 1) == []
    assert len(list(store.directory.run(run.id).checkpoints.iterdir())) == 1


def test_training_starts_at_the_nearest_resume_point(
    tiny_study: Tiny, carry_out: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(tiny_study(resume_points={"at": [4, 9, 14], "per_decade": 0}), tmp_path / "a", commit_every=1e9)
    from ontogeny import densify

    began: list[int] = []
    original = densify.train_shard

    def spy(members: Any, study: Any, sink: Any, resume: Any, **settings: Any) -> None:
        began.append(next(iter(resume.values())).step)
        original(members, study, sink, resume, **settings)

    monkeypatch.setattr(densify, "train_shard", spy)
    store = open_store(tmp_path / "a")
    run = store.run(store.entries()[0].id)
    run.densify(11, 13, 1)
    run.densify(9, 9, 1)
    assert began == [9, 9]


def test_results_know_that_steps_are_new_and_look_at_these_alone(
    tiny_study: Tiny, carry_out: Run, tmp_path: Path
) -> None:
    study = tiny_study(resume_points={"at": [9], "per_decade": 0})
    carry_out(study, tmp_path / "a")
    store = open_store(tmp_path / "a")
    run = store.run(store.entries()[0].id)
    before = run.lens("performance")
    new = run.densify(11, 13, 1)
    recipe = load_study(study)
    members = expect.members_of(recipe, store.directory)
    plan = make_plan(expect.expectations(recipe, members), store.index)
    assert (plan.items[0].stage, plan.items[0].why) == (
        "look", f"performance: {len(new)} steps are new or changed")  # fmt: skip
    carry_out(study, tmp_path / "a")
    after = store.refresh().run(run.id).lens("performance")
    assert after.step.values.tolist() == sorted([*before.step.values.tolist(), *new])
    assert after.sel(step=before.step).equals(before)
    assert not carry_out(study, tmp_path / "a")


def test_a_step_that_comes_out_otherwise_is_named_and_nothing_is_added(
    tiny_study: Tiny, carry_out: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carry_out(tiny_study(resume_points={"at": [9], "per_decade": 0}), tmp_path / "a")
    store = open_store(tmp_path / "a")
    run = store.run(store.entries()[0].id)
    files = store.directory.run(run.id)
    record = files.record()
    record["provenance"]["device"] = "abacus"
    files.write_record(record)
    before = sorted(p.name for p in store.directory.root.rglob("*.safetensors"))
    from ontogeny import densify

    original = densify.train_shard

    def slightly_off(members: Any, study: Any, sink: Any, resume: Any, **settings: Any) -> None:
        for state in resume.values():
            state.weights = {n: w * (1 + 1e-6) for n, w in state.weights.items()}
        original(members, study, sink, resume, **settings)

    monkeypatch.setattr(densify, "train_shard", slightly_off)
    with pytest.raises(UserError, match=r"Step \d+ of .* otherwise .*device: abacus → cpu"):
        run.densify(11, 13, 1)
    assert sorted(p.name for p in store.directory.root.rglob("*.safetensors")) == before


def test_what_cannot_be_made_denser_is_refused(a_copy: Path, tmp_path: Path) -> None:
    import ontogeny as on

    store = open_store(a_copy)
    run = store.run(store.entries()[0].id)
    for stretch in ((5, 3, 1), (0, 10**6, 1), (0, 3, 0), (-2, 3, 1)):
        with pytest.raises(UserError, match="trained from step 0"):
            run.densify(*stretch)
    id = on.record(tmp_path / "mine", {"w": torch.ones(2)}, 0)
    with pytest.raises(UserError, match="elsewhere"):
        open_store(tmp_path / "mine").run(id).densify(0, 0, 1)
