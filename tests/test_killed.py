"""A process that is killed at any point goes on with the same command, and ends where an uninterrupted one ends: bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

STUDY = """
name = "killed"
measures = ["activation_similarity"]
lenses = ["performance", "effective_rank", "frequency_distribution"]
[task]
kind = "modular_addition"
p = 7
train_fraction = 0.7
held_out = "validation"
[architecture]
kind = "bilinear"
[optimiser]
kind = "adamw"
lr = 1e-2
[train]
epochs = 150
batch = 8
[checkpoints]
per_decade = 4
ranges = [{ every = 60 }]
[vary]
"architecture.d_hidden" = [2, 3, 20]
seed = [0, 1]
"""


def resume_steps(out: Path) -> dict[str, int]:
    """The last resume point of each run."""
    found: dict[str, int] = {}
    for path in out.glob("runs/*/resume/step-*.safetensors"):
        step = int(path.stem.split("-")[1])
        found[path.parent.parent.name] = max(step, found.get(path.parent.parent.name, 0))
    return found


def first_resume_point(out: Path) -> bool:
    return bool(resume_steps(out))


def torn_population(out: Path) -> bool:
    """Some runs have committed a later point than others."""
    return len(set(resume_steps(out).values())) > 1


def checkpoint_beyond_the_first(out: Path) -> bool:
    return any(int(p.stem.split("-")[2]) > 0 for p in out.glob("runs/*/checkpoints/steps-*.safetensors"))


def a_finished_run(out: Path) -> bool:
    return any(out.glob("runs/*/metrics.parquet"))


def first_result(out: Path) -> bool:
    return any(out.glob("runs/*/results/*.nc"))


def start(study: Path, out: Path, environment: dict[str, str], *more: str) -> subprocess.Popen[bytes]:
    """In a process group of its own, so that nothing of it outlives the kill."""
    words = ["run", study, "--out", out, "--commit-every", 0, "--device", "cpu", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "ontogeny", *map(str, words)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_when(seen: Callable[[Path], bool], out: Path, process: subprocess.Popen[bytes]) -> bool:
    """Watch the directory; SIGKILL as soon as ``seen``. False: the process came to its end before."""
    deadline = time.monotonic() + 120
    while process.poll() is None and not seen(out):
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stderr.close()
    return killed


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "killed.toml"
    path.write_text(STUDY)
    return path


@pytest.fixture(scope="module")
def uninterrupted(study, tmp_path_factory, carry_out, contents_of):
    """In this process and in one go."""
    out = tmp_path_factory.mktemp("uninterrupted") / "out"
    carry_out(tomllib.loads(STUDY), out, commit_every=1e9)
    return contents_of(out)


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(first_resume_point, marks=pytest.mark.slow),
        torn_population,
        checkpoint_beyond_the_first,
        pytest.param(a_finished_run, marks=pytest.mark.slow),
    ],
    ids=lambda f: f.__name__,
)
def test_killed_while_training(seen, study, uninterrupted, tmp_path, environment, contents_of):
    out, stage = tmp_path / "out", ("--only", "train")
    assert kill_when(seen, out, start(study, out, environment, *stage)), (
        "it was done before it could be killed"
    )
    assert seen(out)
    finish(start(study, out, environment, *stage))
    assert contents_of(out) == {k: v for k, v in uninterrupted.items() if not k.endswith(".nc")}
    assert not list(out.rglob("*.writing"))


def test_killed_while_looking(study, uninterrupted, tmp_path, environment, carry_out, contents_of):
    out, stage = tmp_path / "out", ("--only", "look")
    carry_out(tomllib.loads(STUDY), out, stages=("train",))
    assert kill_when(first_result, out, start(study, out, environment, *stage)), (
        "it was done before it could be killed"
    )
    assert 0 < len(list(out.glob("runs/*/results/*.nc"))) < 18
    finish(start(study, out, environment, *stage))
    assert contents_of(out) == {k: v for k, v in uninterrupted.items() if k != "activation_similarity.nc"}
    assert not list(out.rglob("*.writing"))


@pytest.mark.slow
def test_killed_again_and_again(study, uninterrupted, tmp_path, environment, contents_of):
    """Each time a little further: whenever any run has committed something new."""
    out = tmp_path / "out"
    for _ in range(3):
        before = resume_steps(out)
        assert kill_when(lambda o: resume_steps(o) not in ({}, before), out, start(study, out, environment))  # noqa: B023
    finish(start(study, out, environment))
    assert contents_of(out) == uninterrupted


def finish(process: subprocess.Popen[bytes]) -> None:
    _, said = process.communicate(timeout=200)
    assert process.returncode == 0, said.decode()


def test_killed_between_the_last_commit_and_the_record_a_run_still_says_what_it_was_allowed(
    tiny_study, tmp_path, carry_out, monkeypatch, interrupted
):
    """The only moment at which a run is finished and does not say so; what findings read of it must come back whole."""
    from ontogeny.handles import open_store
    from ontogeny.store.runs import RunFiles

    study = tiny_study(train__stop={"metric": "train_accuracy", "at_least": 0.2})
    carry_out(study, tmp_path / "whole")
    real, left = RunFiles.write_record, [2]

    def dying(self: RunFiles, record: dict) -> None:
        if record["status"] != "training":
            left[0] -= 1
            if left[0] == 0:
                raise interrupted
        real(self, record)

    monkeypatch.setattr(RunFiles, "write_record", dying)
    with pytest.raises(interrupted):
        carry_out(study, tmp_path / "torn")
    monkeypatch.undo()
    carry_out(study, tmp_path / "torn")
    records = [
        [{k: v for k, v in e.record.items() if k != "provenance"} for e in open_store(tmp_path / n).entries()]
        for n in ("whole", "torn")
    ]
    assert records[0] == records[1] and all(r["budget_epochs"] == 6 for r in records[1])


def test_a_longer_budget_is_written_down_for_runs_that_had_stopped_for_good(tiny_study, tmp_path, carry_out):
    from ontogeny.handles import open_store

    study = tiny_study(train__stop={"metric": "train_accuracy", "at_least": 0.0})
    carry_out(study, tmp_path)
    longer = {**study, "train": {**study["train"], "epochs": 60}}
    plan = carry_out(longer, tmp_path)
    assert {item.why for item in plan.of("train")} == {"allowed 60 epochs, which its record does not say"}
    assert set(open_store(tmp_path).runs()["budget_epochs"]) == {60}
    assert not carry_out(longer, tmp_path)
