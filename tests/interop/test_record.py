"""Checkpoints from somebody's own loop: nothing is said of them that their author did not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import ontogeny as on
from ontogeny.errors import UserError

TASK = {"kind": "modular_addition", "p": 5}
BILINEAR = {"kind": "bilinear", "d_hidden": 3}


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"W_l": (3, 10), "W_r": (3, 10), "W_p": (5, 3)}
    return {n: torch.randn(*s, generator=generator) for n, s in shapes.items()}


def test_no_part_is_named_that_nobody_made(tmp_path: Path) -> None:
    on.record(tmp_path / "a", weights(), 0, seed=0, task=TASK, architecture=BILINEAR)
    run = on.open(tmp_path / "a").run(seed=0)
    assert run.subject().split == {}
    assert run.lens("performance").split.values.tolist() == ["all"]


def test_a_split_is_that_of_its_author_or_the_one_that_we_draw(tmp_path: Path) -> None:
    rows = {"train": [0, 3], "test": [1, 2]}
    on.record(tmp_path / "a", weights(), 0, split=rows, task=TASK, architecture=BILINEAR, seed=0)
    split = on.open(tmp_path / "a").run(seed=0).subject().split
    assert {part: one.tolist() for part, one in split.items()} == rows
    on.record(tmp_path / "b", weights(), 0, split=7, task=TASK, architecture=BILINEAR, seed=0)
    member = on.open(tmp_path / "b").run(seed=0).member
    drawn = member.task.split(member.key("split"))
    assert torch.equal(on.open(tmp_path / "b").run(seed=0).subject().split["train"], drawn["train"])


def test_a_run_is_done_when_its_author_says_so(tmp_path: Path) -> None:
    for step, done, status in ((0, False, "recorded"), (5, False, "recorded"), (9, True, "done")):
        on.record(tmp_path / "a", weights(), step, seed=0, done=done)
        assert on.open(tmp_path / "a").run(seed=0).status == status
    on.record(tmp_path / "b", weights(), 0, seed=0, task=TASK, architecture=BILINEAR)
    study = {**on.open(tmp_path / "b").study.model_dump(exclude_defaults=True), "lenses": ["performance"]}
    store = on.run(study, tmp_path / "b")  # is looked at as it is
    assert store.run(seed=0).status == "recorded" and (tmp_path / "b/report/index.html").is_file()


@pytest.mark.parametrize("step", [-1, 1.5, "five", True])
def test_a_step_counts_updates(tmp_path: Path, step: object) -> None:
    with pytest.raises(UserError, match="step"):
        on.record(tmp_path / "a", weights(), step, seed=0)  # type: ignore[arg-type]
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("model", "more", "says"),
    [
        ([1, 2], {}, "nn.Module or a dict"),
        (3, {}, "nn.Module or a dict"),
        ({"w": 3}, {}, "'w', which is an int"),
        (None, {"metrics": {"loss": "low"}}, "one number"),
        (None, {"metrics": {"loss": [1, 2]}}, "one number"),
        (None, {"split": {"train": ["first"]}}, "rows of the task's table"),
    ],
)
def test_what_is_no_model_is_said_in_a_sentence(tmp_path: Path, model: Any, more: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        on.record(tmp_path / "a", weights() if model is None else model, 0, seed=0, **more)
    assert not (tmp_path / "a").exists()


def test_arrays_and_tensors_of_one_number_will_do(tmp_path: Path) -> None:
    arrays = {name: w.numpy() for name, w in weights().items()}
    on.record(tmp_path / "a", arrays, 0, seed=0, metrics={"loss": torch.tensor(0.5)})
    run = on.open(tmp_path / "a").run(seed=0)
    assert torch.equal(run.weights(0)["W_l"], weights()["W_l"])
    assert run.metrics()["loss"].tolist() == [0.5]
