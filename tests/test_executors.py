"""Whoever carries a plan out, the same study comes of it, bit for bit; whoever dies on the way is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import asdict
from pathlib import Path

import pytest

from ontogeny import build, execute
from ontogeny.errors import Damaged, Failed, UserError
from ontogeny.executors.base import raised, told
from ontogeny.executors.choose import executor
from ontogeny.executors.processes import Processes
from ontogeny.executors.shard import Shard
from ontogeny.plan import Cost, Job, Wanted
from ontogeny.store import events
from ontogeny.store.directory import Directory
from ontogeny.study import load_study
from ontogeny.work.base import Outcome, Place
from ontogeny.work.parts import parts


@pytest.fixture
def study(tiny_study):
    return tiny_study(measures=["activation_similarity"])


def nothing_is_left(out: Path) -> bool:
    return not [*out.rglob("*.writing"), *(out / "leases").iterdir()]


# -- jobs --------------------------------------------------------------------------------------------------------------


def test_a_job_is_plain_data_and_named_by_what_it_is():
    import json

    job = Job(
        "look",
        "seed=0",
        "not looked at yet",
        ("aa",),
        (Wanted("x", "x", {"k": [1]}, "f"),),
        cost=Cost(1.0, 2, 3),
    )
    again = Job.from_dict(json.loads(json.dumps(job.to_dict())))
    assert again == job and again.key == job.key
    others = [
        Job("look", "other words", "another reason", job.runs, job.wanted),
        Job("look", "", "", ("bb",), job.wanted),
    ]
    assert [other.key == job.key for other in others] == [True, False]
    outcome = Outcome(job.key, ("aa",), ("runs/aa/results/x.nc",), (("Failed", "it failed"),))
    assert Outcome.from_dict(json.loads(json.dumps(asdict(outcome)))) == outcome


@pytest.mark.parametrize("error", [Damaged("it is cut", Path("x")), UserError("no"), ValueError("x")])
def test_errors_travel_as_plain_data(error):
    again = raised(told(error))
    assert str(error) in str(again)
    assert type(again) is (type(error) if isinstance(error, UserError) else RuntimeError)
    assert getattr(again, "path", None) == getattr(error, "path", None)


def test_training_is_split_where_that_gains_something(tiny_study, tmp_path):
    """The kernel's variants each pass alone; those of the general engine share theirs, thirty-two at a time."""
    for engine, seeds, sizes in (("auto", 6, [2, 2, 2]), ("torch", 6, [6]), ("torch", 40, [20, 20])):
        study = load_study(tiny_study(vary={"architecture.d_hidden": [3], "seed": list(range(seeds))}))
        place = Place(Directory(tmp_path), study, execute.Settings(engine=engine))
        job = Job("train", "all", "not trained yet", tuple(m.id for m in build.members(study)), size=seeds)
        found = parts(job, place, 3)
        assert [len(part.runs) for part in found] == sizes
        assert sorted(run for part in found for run in part.runs) == sorted(job.runs)
        assert len({part.key for part in found}) == len(found)
        assert parts(job, place, 1) == [job]


# -- the same, by others -----------------------------------------------------------------------------------------------


def test_processes_do_what_one_does(study, trained, tmp_path, carry_out, contents_of):
    plan = carry_out(study, tmp_path / "out", executor=Processes(2))
    assert {job.stage for job in plan.items} == {"train", "look", "compare"}
    assert contents_of(tmp_path / "out") == contents_of(trained)
    assert nothing_is_left(tmp_path / "out")
    assert not carry_out(study, tmp_path / "out", executor=Processes(2))
    said = [event["says"] for event in events.read(tmp_path / "out")]
    assert said.count("begun") == said.count("done") > 4 and "failed" not in said
    assert len({event["pid"] for event in events.read(tmp_path / "out")}) > 2


def kill_a_worker(out: Path, seen: threading.Event, stop: threading.Event) -> None:
    """The first worker that begins something, once it has made something."""
    while not stop.is_set():
        begun = [e for e in events.read(out) if e["says"] == "begun" and e["pid"] != os.getpid()]
        if begun and [*out.glob("runs/*/resume/*")]:
            os.kill(begun[0]["pid"], signal.SIGKILL)
            seen.set()
            return
        time.sleep(0.002)


def test_a_worker_that_is_killed_is_replaced(tiny_study, tmp_path, carry_out, contents_of):
    study = tiny_study(train__epochs=400, measures=["activation_similarity"])
    out, seen, stop = tmp_path / "out", threading.Event(), threading.Event()
    killer = threading.Thread(target=kill_a_worker, args=(out, seen, stop))
    killer.start()
    try:
        carry_out(study, out, executor=Processes(2))
    finally:
        stop.set()
        killer.join()
    assert seen.is_set() and [
        e for e in events.read(out) if e["says"] == "lost" and e["how"] == "killed by signal 9"
    ]
    carry_out(study, tmp_path / "undisturbed")
    assert contents_of(out) == contents_of(tmp_path / "undisturbed")
    assert nothing_is_left(out)


def test_work_that_kills_every_worker_is_given_up(study, a_copy, carry_out, monkeypatch):
    monkeypatch.setattr(
        "ontogeny.executors.processes.WORKER",
        [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.exit(7)"],
    )
    for path in a_copy.glob("comparisons/*.nc"):
        path.unlink()
    with pytest.raises(
        UserError, match=r"3 workers died doing 'compare activation_similarity'.*ended with code 7"
    ):
        carry_out(study, a_copy, executor=Processes(1))


def test_jobs_are_let_in_as_memory_allows():
    workers = Processes(4, memory=100)
    big, small = (
        Job("look", name, "", (name,), cost=Cost(memory=n)) for name, n in (("big", 80), ("small", 30))
    )

    class Busy:
        job = big

    assert workers._fitting([big, small], []) is big
    assert workers._fitting([small], [Busy()]) is None  # type: ignore[list-item]
    Busy.job = small
    assert workers._fitting([big, small], [Busy()]) is small  # type: ignore[list-item]
    huge = Job("look", "huge", "", ("huge",), cost=Cost(memory=1000))
    assert workers._fitting([huge], []) is huge


def test_what_fails_in_a_worker_is_said_here(tiny_study, a_copy, carry_out):
    study = tiny_study(measures=["activation_similarity"], lenses=["performance", "effective_rank"])
    for path in a_copy.glob("runs/*/checkpoints/*"):
        data = bytearray(path.read_bytes())
        # not noticed before it is loaded
        (a_copy / "index.jsonl").unlink()
        data[-3] ^= 1
        path.write_bytes(data)
        break
    with (
        warnings.catch_warnings(),
        pytest.raises(Damaged, match=r"altered.*set aside; give the same command again"),
    ):
        warnings.simplefilter("ignore")
        carry_out(study, a_copy, stages=("look",), executor=Processes(1))


# -- several at once ---------------------------------------------------------------------------------------------------

RUN = """
import json, sys
from ontogeny import execute
from ontogeny.plan import STAGES
from ontogeny.study import load_study
print("ready", flush=True); sys.stdin.readline()
execute.run(load_study(json.loads(sys.argv[1])), sys.argv[2], stages=STAGES[:-1], commit_every=0.0)
"""


def together(study, out, environment, n: int) -> list[subprocess.Popen[str]]:
    import json

    there = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, json.dumps(study), str(out)],
            stdin=-1,
            stdout=-1,
            stderr=-1,
            text=True,
            env=environment,
        )
        for _ in range(n)
    ]
    for one in there:
        assert one.stdout.readline() == "ready\n"
    for one in there:
        one.stdin.write("\n")
        one.stdin.flush()
    return there


def test_two_schedulers_in_one_directory_do_no_harm(
    study, trained, tmp_path, environment, contents_of, carry_out
):
    out = tmp_path / "out"
    for one in together(study, out, environment, 2):
        _, said = one.communicate(timeout=250)
        assert one.returncode == 0, said
    assert contents_of(out) == contents_of(trained)
    assert not carry_out(study, out) and nothing_is_left(out)


@pytest.mark.slow
def test_of_two_schedulers_one_is_killed_and_the_other_does_it_all(
    tiny_study, tmp_path, environment, contents_of, carry_out
):
    study = tiny_study(train__epochs=300, measures=["activation_similarity"])
    out = tmp_path / "out"
    first, second = together(study, out, environment, 2)
    while not [*out.glob("runs/*/resume/*")]:
        time.sleep(0.001)
    first.kill()
    _, said = second.communicate(timeout=250)
    assert second.returncode == 0, said
    first.communicate()
    carry_out(study, tmp_path / "undisturbed")
    assert contents_of(out) == contents_of(tmp_path / "undisturbed")
    assert nothing_is_left(out)


def test_the_tasks_of_a_job_array(study, trained, tmp_path, contents_of, carry_out, command):
    out = tmp_path / "out"
    for i in range(3):
        carry_out(study, out, executor=Shard(i, 3), wait=False)
    assert contents_of(out) == contents_of(trained)
    done = command("worker", out, "--shard", "1/3", "--only", "x")
    assert done.returncode == 2
    done = command("worker", out, "--shard", "3/3")
    assert done.returncode == 2 and "0 ≤ i < n" in done.stderr
    done = command("worker", out, "--shard", "1/3")
    assert done.returncode == 0, done.stderr
    assert (out / "report" / "index.html").is_file()
    assert "100%" in command("watch", out, "--once").stdout


def test_places_to_work_are_known():
    for wrong, said in (
        (("moon", None), "There is no place to work called 'moon'"),
        (("here", 3), "in one process"),
        ((None, 0), "at least one"),
    ):
        with pytest.raises(UserError, match=said):
            executor(*wrong)


def test_a_failing_lens_in_a_worker_is_a_warning_here(study, a_copy, carry_out, monkeypatch):
    """Whatever is registered in this process alone is not there in others, which is said."""
    from ontogeny import registry
    from ontogeny.lenses.base import lens

    @lens(reads=("weights",), cost="cheap")
    def only_here(model):
        """Nothing."""
        return {}

    try:
        with pytest.warns(Failed, match="only_here"):
            carry_out(
                {**study, "lenses": ["performance", "only_here"]},
                a_copy,
                stages=("look",),
                executor=Processes(1),
            )
    finally:
        registry.lenses._entries.pop("only_here", None)
